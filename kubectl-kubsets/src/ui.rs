//! Everything that a user sees: the only place that prints.

pub(crate) mod canary_log;
mod error;
mod estimate;
mod exit;
pub(crate) mod lab_log;
mod printer;
mod progress;
mod prompt;
mod style;
mod table;
pub(crate) mod tui;
mod units;

pub(crate) use error::{Failure, usage_error};
pub(crate) use estimate::Estimate;
#[cfg(test)]
pub(crate) use estimate::TimeLeft;
pub(crate) use exit::ExitCode;
pub(crate) use lab_log::LabLog;
pub(crate) use printer::{Format, Printer, PrinterOptions, init_logs, set_color};
pub(crate) use progress::Step;
pub(crate) use prompt::Risk;
pub(crate) use style::{ColorChoice, Style, Tone};
pub(crate) use table::{Cell, Table, cut};
pub(crate) use units::{ago, bytes, duration, millis, number_of, percent, percentile};
