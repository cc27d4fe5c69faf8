//! Canary delivery: traffic drivers, the canary state machine, outcome.
//!
//! [`plan()`] turns a [`CanarySpec`] and the state of a cluster into a [`Plan`], or refuses with a reason.
//! [`run()`] executes exactly that plan on an ordinary Deployment behind a Gateway API `HTTPRoute`: real
//! traffic, judged second by second, promoted or given back. Its undo is written before anything is done,
//! so that [`undo()`] and the watchdog in the cluster can finish what a killed driver left.
//!
//! Nothing here prints or reads a command line: events go to a channel, results are values.

mod bench;
mod driver;
mod endpoint;
mod event;
mod facts;
mod ledger;
mod machine;
mod manage;
mod objects;
mod outcome;
mod plan;
mod probe;
mod progress;
pub mod record;
mod route;
mod run;
mod stage;
mod trial;

pub use driver::{Side, TrafficDriver};
pub use endpoint::Endpoint;
pub use event::{Events, Record, RunEvent, SideTick, SlowTick, Spread, TickEvent};
pub use facts::{ClusterFacts, InTheWay, gather};
pub use kubsets_lab::Checked;
pub use kubsets_lab::operation::{CanarySpec, JudgeSettings, LoadSettings, OnInconclusive, WatchdogPolicy};
pub use kubsets_lab::units::{Percent, Span, UnitError};
pub use kubsets_undo::{Comparison, Phase, RunId, RunIdError, StateDir, StateError, Undone};
pub use manage::{Aborted, ManageError, RunningCanary, Status, abort, status, status_everywhere, undo};
pub use objects::PROBE_HEADER;
pub use outcome::{
    Outcome, RunVerdict, ShareReport, StepEvidence, StepReport, SwitchReport, Totals, UndoReport,
};
pub use plan::{
    Action, BlastRadius, DiffLine, Expectation, Plan, PlanError, PlannedObject, StepPlan, build, check_steps,
    plan, watchdog_image,
};
pub use route::RouteError;
pub use run::run;
pub use stage::StageError;
pub use trial::try_out;
