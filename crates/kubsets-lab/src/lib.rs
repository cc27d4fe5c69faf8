//! Labs as data: a question, parameters, typed steps and what is expected of them.
//!
//! Pure: no network, no clock, no cluster. A [`Lab`] is read from YAML, checked, given values for
//! its parameters and turned into a [`plan::Plan`] that an engine runs as it stands.

mod check;
mod error;
pub mod expression;
pub mod model;
pub mod operation;
mod outline;
mod parse;
mod source;
mod spelling;
mod template;
pub mod units;

pub use check::Checked;
pub use error::{LabError, Place};
pub use expression::{Bindings, Expression, ExpressionError, Seen};
pub use model::{
    Expectation, FailureEvidence, Lab, Metadata, NamespacePolicy, Param, ParamKind, Requirement, Spec, Step,
};
pub use operation::{Condition, Operation};
pub use parse::{LARGEST_FILE, parse};
pub use source::{LAB_FILE, LabSource};
pub use template::{Resolved, Values};
