//! Live pictures of a canary, of a lab and of a load: a model that events update, and a drawing of it.
//!
//! The model knows nothing of terminals and the drawing nothing of events, so both are tested without either.

mod bars;
mod canary_picture;
mod draw;
mod film;
mod lab;
mod load;
mod model;
mod pen;
mod terminal;
mod update;

pub(crate) use film::{Film, speed_for};
pub(crate) use lab::{LabFacts, LabView};
pub(crate) use load::{LoadFacts, LoadView, show_load};
pub(crate) use model::{CanaryView, Facts};
pub(crate) use terminal::{End, Picture, show};
