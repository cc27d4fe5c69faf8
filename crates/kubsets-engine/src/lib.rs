//! The lab engine: runs exactly one plan, step by step, tells events, undoes everything, gives a verdict.

mod cluster_stage;
mod event;
mod machine;
mod outcome;
mod pods;
mod presenter;
mod record;
mod redact;
mod run;
mod stage;

pub use cluster_stage::{ClusterStage, World, try_out};
pub use event::{LabEvent, LabEvents, LabRecord, LoadTick, When};
pub use outcome::{Checked, Comparison, Outcome, StepReport, StepStatus, UndoReport, Verdict};
pub use pods::{PodChanges, PodSeen};
pub use presenter::Presenter;
pub use record::{EVENTS_FILE, OUTCOME_FILE, PLAN_FILE};
pub use run::{Setting, run};
pub use stage::{Need, Stage, StepError};
