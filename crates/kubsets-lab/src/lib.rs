//! Labs as data: a question, parameters, typed steps and what is expected of them.
//!
//! Pure: no network, no clock, no cluster. A [`Lab`] is read from YAML, checked, given values for
//! its parameters and turned into a [`plan::Plan`] that an engine runs as it stands.

pub mod model;
pub mod operation;
pub mod units;

pub use model::{
    Expectation, FailureEvidence, Lab, Metadata, NamespacePolicy, Param, ParamKind, Requirement, Spec, Step,
};
pub use operation::Operation;
