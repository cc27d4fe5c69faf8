//! The live picture of a load, and the keys that steer it.

mod draw;
mod keys;
mod model;
mod screen;

pub(crate) use model::{LoadFacts, LoadView};
pub(crate) use screen::show_load;
