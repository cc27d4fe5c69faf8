//! The live picture of a lab: several views of one run.

mod draw;
mod model;
mod press;
mod update;

pub(crate) use model::{LabFacts, LabView};
