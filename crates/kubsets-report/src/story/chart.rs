//! Lines and bars over time or over percentiles.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Unit;

/// What a chart runs over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// Seconds of the run.
    #[default]
    Time,
    /// Share of requests from 0 to 1, stretched towards 1: x is `1 / (1 - share)` on a log scale.
    Percentile,
}

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By powers of ten; values at or below 0 are not drawn.
    Log,
}

/// The axis of values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Axis {
    /// Unit of the values.
    pub unit: Unit,
    /// Spread.
    pub scale: Scale,
    /// Lower end; from the values where absent.
    pub low: Option<f64>,
    /// Upper end; from the values where absent.
    pub high: Option<f64>,
}

/// What a line stands for; decides colour and shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// What the other is compared with: the stable version, the time before a fault.
    Baseline,
    /// What is tried: the canary, the time under a fault.
    Candidate,
    /// What was ordered.
    Wanted,
    /// Harm: failures, evidence against.
    Harm,
    /// Gain: evidence for.
    Gain,
    /// Something else.
    Other,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// From point to point.
    #[default]
    Line,
    /// Each value holds until the next.
    Steps,
    /// Bars that end at their x, one unit of x wide; those of several lines stand on each other.
    Bars,
}

/// An interval around a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Band {
    /// Place on the extent.
    pub x: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A line of a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// Name.
    pub name: String,
    /// What it stands for.
    pub role: Role,
    /// How it is drawn.
    pub shape: Shape,
    /// Places and values, ascending; a missing value is a gap.
    pub points: Vec<(f64, Option<f64>)>,
    /// Interval around it, ascending; may be empty.
    pub band: Vec<Band>,
}

/// A value that lines are held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    /// Name.
    pub name: String,
    /// The value.
    pub value: f64,
}

/// A chart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chart {
    /// Finds the same chart in another report.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// How to read it; may be empty.
    pub note: String,
    /// What it runs over.
    pub extent: Extent,
    /// Axis of the values.
    pub axis: Axis,
    /// The lines.
    pub lines: Vec<Line>,
    /// Values to hold them against.
    pub limits: Vec<Limit>,
}

impl Chart {
    /// Whether there is anything to draw.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.points.iter().all(|(_, value)| value.is_none()))
    }

    /// The lowest and the highest value, limits and intervals included; bars count with what they stand on.
    /// On a log scale only values above 0 count. `None` without values.
    pub fn values(&self) -> Option<(f64, f64)> {
        let lines = self.lines.iter().filter(|line| line.shape != Shape::Bars);
        let values = lines.clone().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value));
        let bands = lines.flat_map(|line| line.band.iter().flat_map(|band| [band.low, band.high]));
        let limits = self.limits.iter().map(|limit| limit.value);
        let counts = |value: &f64| value.is_finite() && (self.axis.scale == Scale::Linear || *value > 0.0);
        let all = values.chain(bands).chain(limits).chain(self.stacked()).filter(counts);
        all.fold(None, |range, value| {
            let (low, high) = range.unwrap_or((value, value));
            Some((value.min(low), value.max(high)))
        })
    }

    /// Heights of the stacked bars.
    fn stacked(&self) -> impl Iterator<Item = f64> {
        let mut bars = self.lines.iter().filter(|line| line.shape == Shape::Bars);
        let mut heights: Vec<f64> = Vec::new();
        if let Some(first) = bars.next() {
            heights.extend(first.points.iter().map(|(_, value)| value.unwrap_or(0.0)));
        }
        for line in bars {
            heights.resize(heights.len().max(line.points.len()), 0.0);
            for (height, (_, value)) in heights.iter_mut().zip(&line.points) {
                *height += value.unwrap_or(0.0);
            }
        }
        heights.into_iter()
    }
}
