//! Typed configuration: durations, rates and the flags that all services have.

mod args;
mod duration;
mod invalid_field;
mod rate;

pub use args::ServiceArgs;
pub use duration::{InvalidDuration, format_duration, parse_duration};
pub use invalid_field::InvalidField;
pub use rate::{InvalidRate, Rate};
