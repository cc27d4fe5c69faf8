//! The model of a report: what a reader is to see, without a word on how it is drawn.

mod chart;
mod heat_map;
mod interval;
mod range;
mod table;
mod timeline;
mod unit;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use chart::{Axis, Band, Chart, Extent, Limit, Line, Role, Scale, Shape};
pub use heat_map::{HeatColumn, HeatMap};
pub use interval::{Interval, Intervals};
pub use range::Range;
pub use table::{Cell, Table};
pub use timeline::{Lane, Mark, Span, Timeline};
pub use unit::Unit;

/// Version of the form of a report.
pub const API_VERSION: &str = "kubsets.dev/v1alpha1";

/// Whether something is as wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// As wanted.
    Good,
    /// Not as wanted.
    Bad,
    /// Neither; worth a look.
    Warn,
    /// Says nothing about it.
    #[default]
    Plain,
}

impl Tone {
    /// A sign that means the same without colour; none for [`Tone::Plain`].
    pub fn sign(self) -> &'static str {
        match self {
            Self::Good => "✔",
            Self::Bad => "✘",
            Self::Warn => "▲",
            Self::Plain => "",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verdict {
    /// Whether that is good news for what was tried.
    pub tone: Tone,
    /// In a word, such as `PASS` or `FAIL`.
    pub word: String,
    /// What it means here, such as `rolled back`.
    pub meaning: String,
}

/// A number that belongs at the top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Number {
    /// What it is.
    pub label: String,
    /// The number with its unit.
    pub value: String,
    /// What it is to be seen against; may be empty.
    pub note: String,
    /// Whether it is as wanted.
    pub tone: Tone,
}

/// A command that a reader may want to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Command {
    /// What it is for.
    pub purpose: String,
    /// The line to type.
    pub line: String,
}

/// Which of two values is the better one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// The lower one.
    Lower,
    /// The higher one.
    Higher,
    /// Neither: a fact of the run.
    #[default]
    Neither,
}

/// A number that two runs are compared by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Measure {
    /// Group, such as `Times` or `Latency`.
    pub group: String,
    /// Name; together with the group it finds its partner in another report.
    pub name: String,
    /// The value; absent where the run did not get that far.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: Unit,
    /// Which value is the better one.
    pub better: Better,
    /// How sure it is; absent where one measurement says nothing of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
}

impl Measure {
    /// The same with a value that has an interval; without both where there is none.
    #[must_use]
    pub fn estimated(self, interval: Option<kubsets_judge::Interval>) -> Self {
        let interval = interval.filter(|interval| interval.value.is_finite());
        Self { value: interval.map(|one| one.value), range: interval.map(|one| Range::of(&one)), ..self }
    }

    /// The same as a fact of the run, which is no estimate.
    #[must_use]
    pub fn exact(self) -> Self {
        let interval = self.value.map(kubsets_judge::Interval::exact);
        self.estimated(interval)
    }

    /// The value with its interval.
    pub(crate) fn interval(&self) -> Option<kubsets_judge::Interval> {
        Some(self.range?.around(self.value?))
    }
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Text as it came, line by line: logs, events.
    Listing {
        /// What it is.
        title: String,
        /// The lines.
        text: String,
    },
    /// A chart of lines or bars.
    Chart(Chart),
    /// Heat maps with common axes.
    HeatMaps(Vec<HeatMap>),
    /// Measured values with their intervals.
    Intervals(Intervals),
    /// A table.
    Table(Table),
}

/// A chapter of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// What a reader learns here; may be empty.
    pub intro: String,
    /// Its parts, in order.
    pub blocks: Vec<Block>,
}

/// A run as it is told to a reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Story {
    /// Version of this form, [`API_VERSION`].
    pub api_version: String,
    /// Name of the run.
    pub run: String,
    /// What was done.
    pub title: String,
    /// The question that the run answers.
    pub question: Option<String>,
    /// Start, RFC 3339.
    pub started_at: Option<String>,
    /// Seconds from start to end.
    pub seconds: Option<f64>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// The numbers at the top.
    pub numbers: Vec<Number>,
    /// Commands; the first one repeats the run.
    pub commands: Vec<Command>,
    /// What happened when.
    pub timeline: Timeline,
    /// Everything else, in order.
    pub sections: Vec<Section>,
    /// What another run can be compared by.
    pub measures: Vec<Measure>,
}

impl Story {
    /// Every chart, those of the timeline first.
    pub fn charts(&self) -> impl Iterator<Item = &Chart> {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        self.timeline.charts.iter().chain(blocks.filter_map(|block| match block {
            Block::Chart(chart) => Some(chart),
            _ => None,
        }))
    }
}

#[cfg(test)]
pub(crate) mod sample;
