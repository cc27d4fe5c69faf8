//! Reports of runs: one [`Story`] in, HTML, Markdown or JSON out. Pure: no I/O, no clock, no cluster.
//!
//! An adapter beside each kind of record fills in a [`Story`]: a verdict with its reason, numbers, commands, a
//! [`Timeline`] on one clock, and sections of charts, heat maps, tables. What is not on record is left out, never
//! made up. A [`Comparison`] puts two stories side by side.

mod comparison;
mod document;
mod html;
mod markdown;
mod story;
mod svg;

pub use comparison::{Change, Comparison, Row};
pub use document::{Document, schema};
pub use html::{comparison as comparison_html, report as report_html};
pub use markdown::{comparison as comparison_markdown, report as report_markdown};
pub use story::{
    API_VERSION, Axis, Band, Better, Block, Cell, Chart, Command, Extent, HeatColumn, HeatMap, Interval,
    Intervals, Lane, Limit, Line, Mark, Measure, Number, Range, Role, Scale, Section, Shape, Span, Story,
    Table, Timeline, Tone, Unit, Verdict,
};
