//! Two runs side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::story::{API_VERSION, Better, Chart, Measure, Story, Unit};

/// Share by which a number has to differ to be called better or worse. A convention, not a test: two runs of the
/// same version on a busy machine differ by as much.
pub const NOTICEABLE: f64 = 0.1;

/// What the second run did to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is the better one.
    Better,
    /// It is the worse one.
    Worse,
    /// It differs, and neither is better.
    Different,
    /// It is the same.
    Same,
    /// It differs by less than [`NOTICEABLE`], which no one should make much of.
    Near,
    /// One run does not have it.
    Unknown,
}

/// A number of both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// Group.
    pub group: String,
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: Unit,
    /// Value of the first run.
    pub a: Option<f64>,
    /// Value of the second run.
    pub b: Option<f64>,
    /// What the second run did to it.
    pub change: Change,
}

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Comparison {
    /// Version of this form.
    pub api_version: String,
    /// The numbers of both, grouped.
    pub rows: Vec<Row>,
    /// The first run.
    pub a: Story,
    /// The second run.
    pub b: Story,
}

impl Comparison {
    /// Puts two runs side by side.
    pub fn new(a: Story, b: Story) -> Self {
        let same = |one: &Measure, other: &Measure| one.group == other.group && one.name == other.name;
        let mut rows: Vec<Row> = a
            .measures
            .iter()
            .map(|one| row(one, Some(one), b.measures.iter().find(|other| same(one, other))))
            .collect();
        let only_b = b.measures.iter().filter(|other| !a.measures.iter().any(|one| same(one, other)));
        rows.extend(only_b.map(|other| row(other, None, Some(other))));
        // Groups stay together, in the order of their first row.
        let mut groups: Vec<String> = Vec::new();
        for row in &rows {
            if !groups.contains(&row.group) {
                groups.push(row.group.clone());
            }
        }
        rows.sort_by_key(|row| groups.iter().position(|group| *group == row.group));
        Self { api_version: API_VERSION.to_owned(), rows, a, b }
    }

    /// Charts that both runs have, with common axes of values.
    pub fn charts(&self) -> Vec<(Chart, Chart)> {
        let mut pairs = Vec::new();
        for a in self.a.charts().filter(|chart| !chart.is_empty()) {
            let same = |b: &&Chart| b.id == a.id && b.axis.unit == a.axis.unit && !b.is_empty();
            let Some(b) = self.b.charts().find(same) else { continue };
            let mut pair = (a.clone(), b.clone());
            if let (Some((low_a, high_a)), Some((low_b, high_b))) = (a.values(), b.values()) {
                let low = a.axis.low.or(b.axis.low).unwrap_or_else(|| low_a.min(low_b));
                let high = a.axis.high.or(b.axis.high).unwrap_or_else(|| high_a.max(high_b));
                for chart in [&mut pair.0, &mut pair.1] {
                    chart.axis.low = Some(low);
                    chart.axis.high = Some(high);
                }
            }
            pairs.push(pair);
        }
        pairs
    }
}

fn row(measure: &Measure, a: Option<&Measure>, b: Option<&Measure>) -> Row {
    let value = |side: Option<&Measure>| side.and_then(|side| side.value);
    let (a, b) = (value(a), value(b));
    let change = match (a, b) {
        (Some(a), Some(b)) if (a - b).abs() <= f64::EPSILON * a.abs().max(b.abs()) => Change::Same,
        (Some(a), Some(b)) => match (measure.better, b < a) {
            (Better::Neither, _) => Change::Different,
            _ if (a - b).abs() < NOTICEABLE * a.abs().max(b.abs()) => Change::Near,
            (Better::Lower, true) | (Better::Higher, false) => Change::Better,
            (Better::Lower, false) | (Better::Higher, true) => Change::Worse,
        },
        _ => Change::Unknown,
    };
    Row { group: measure.group.clone(), name: measure.name.clone(), unit: measure.unit, a, b, change }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::sample::story;

    #[test]
    fn numbers_meet_by_group_and_name() {
        let (a, mut b) = (story(), story());
        b.measures[0].value = b.measures[0].value.map(|value| value * 2.0);
        b.measures.remove(1);
        b.measures.push(Measure { name: "new".into(), ..b.measures[0].clone() });
        let comparison = Comparison::new(a.clone(), b);
        assert_eq!(comparison.rows.len(), a.measures.len() + 1);
        assert_eq!(comparison.rows[0].change, Change::Worse);
        let missing = comparison.rows.iter().find(|row| row.name == a.measures[1].name).unwrap();
        assert_eq!((missing.b, missing.change), (None, Change::Unknown));
        // The new one stands with its group.
        assert_eq!(comparison.rows[1].group, comparison.rows[0].group);
    }

    #[test]
    fn charts_get_common_axes() {
        let (a, mut b) = (story(), story());
        for line in &mut b.timeline.charts[0].lines {
            for (_, value) in &mut line.points {
                *value = value.map(|value| value * 10.0);
            }
        }
        let comparison = Comparison::new(a, b);
        let (a, b) = &comparison.charts()[0];
        assert_eq!((a.axis.low, a.axis.high), (b.axis.low, b.axis.high));
        assert!(a.axis.high > a.values().map(|(_, high)| high));
    }
}
