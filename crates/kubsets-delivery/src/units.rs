//! Durations and percentages, as lab files write them.

pub use kubsets_lab::units::{Percent, Span, UnitError};
