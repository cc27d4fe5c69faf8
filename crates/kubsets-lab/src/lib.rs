//! Labs as data: a question, parameters, typed steps and what is expected of them.
//!
//! Pure: no network, no clock, no cluster. A [`Lab`] is read from YAML, checked, given values for
//! its parameters and turned into a [`plan::Plan`] that an engine runs as it stands.

pub mod catalog;
mod check;
mod error;
pub mod expression;
pub mod lint;
pub mod model;
pub mod operation;
mod outline;
mod parse;
pub mod plan;
pub mod scaffold;
pub mod schema;
pub mod secret;
mod source;
mod spelling;
mod template;
pub mod units;
pub mod variants;

pub use check::Checked;
pub use error::{LabError, Place};
pub use expression::{Bindings, Expression, ExpressionError, Lookup, Scope, Seen};
pub use lint::{Finding, Severity, lint, lint_text};
pub use model::{
    Component, Expectation, FailureEvidence, Lab, Metadata, Param, ParamKind, Requirement, Spec, Step,
};
pub use operation::{Condition, Operation};
pub use parse::{LARGEST_FILE, parse};
pub use plan::{BlastRadius, Change, Plan, PlannedStep, Verb};
pub use secret::{HIDDEN, Secrets};
pub use source::{LAB_FILE, LabSource};
pub use template::{Resolved, Values};
