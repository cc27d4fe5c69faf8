//! Canary delivery: traffic drivers, the canary state machine, undo journal and watchdog.
//!
//! [`plan()`] turns a [`CanarySpec`] and the state of a cluster into a [`Plan`], or refuses with a reason.
//! [`run()`] executes exactly that plan on an ordinary Deployment behind a Gateway API `HTTPRoute`: real
//! traffic, judged second by second, promoted or given back. Its undo is written before anything is done,
//! so that [`undo()`] and the [`watchdog()`] in the cluster can finish what a killed driver left.
//!
//! Nothing here prints or reads a command line: events go to a channel, results are values.

mod bench;
mod canonical;
mod cluster;
mod driver;
mod endpoint;
mod event;
mod facts;
#[cfg(test)]
mod fake_api;
mod journal;
pub mod lab;
mod ledger;
mod lock;
mod machine;
mod manage;
mod objects;
mod outcome;
mod plan;
mod probe;
pub mod record;
mod route;
mod run;
mod run_id;
mod spec;
mod stage;
mod state_dir;
mod undo;
mod units;
mod watchdog;

pub use driver::{Side, TrafficDriver};
pub use endpoint::Endpoint;
pub use event::{Events, Record, RunEvent, SideTick, Spread, TickEvent};
pub use facts::{ClusterFacts, InTheWay, gather};
pub use journal::{Entry, Journal, Phase};
pub use lab::{Lab, LabError};
pub use manage::{Aborted, ManageError, RunningCanary, Status, Undone, abort, status, undo};
pub use objects::{LAB_LABEL, PROBE_HEADER, ROLE_LABEL, RUN_LABEL};
pub use outcome::{
    Comparison, Outcome, RunVerdict, ShareReport, StepReport, SwitchReport, Totals, UndoReport,
};
pub use plan::{
    Action, BlastRadius, DiffLine, Expectation, Plan, PlanError, PlannedObject, StepPlan, build, plan,
    watchdog_image,
};
pub use route::RouteError;
pub use run::run;
pub use run_id::{RunId, RunIdError};
pub use spec::{CanarySpec, JudgeSettings, LoadSettings, OnInconclusive, WatchdogPolicy};
pub use stage::StageError;
pub use state_dir::{StateDir, StateError};
pub use units::{Percent, Span, UnitError};
pub use watchdog::{WatchdogEnd, watchdog};
