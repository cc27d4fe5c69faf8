//! The live picture of a canary: a model that events update, and a drawing of it.
//!
//! The model knows nothing of terminals and the drawing nothing of events, so both are tested without either.

mod bars;
mod draw;
mod model;
mod terminal;
mod update;

pub(crate) use model::{CanaryView, Facts};
pub(crate) use terminal::{End, show};
