//! One order from outside, all the way, within a budget of time.

mod beat;
mod client;
mod target;

pub use beat::{Beat, BeatError, beat};
pub use target::{InvalidTarget, Target};
