//! Two runs side by side.

use kubsets_judge::Interval;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::story::{API_VERSION, Better, Chart, Measure, Range, Story, Unit};

/// What a reader has to know of the intervals.
pub(crate) const INTERVALS: &str = "Values and differences have 95 % intervals. A difference is called better or \
worse only where its interval does not contain zero; about one row in twenty is by chance alone. The intervals cover \
chance between the requests of a run, not differences between hours or machines. A value without an interval is one \
measurement.";

/// What the second run did to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is the better one.
    Better,
    /// It is the worse one.
    Worse,
    /// It differs, and neither is better, or one measurement of each says nothing of chance.
    Different,
    /// It is the same.
    Same,
    /// It differs by no more than chance explains: the interval of the difference has zero in it.
    Unclear,
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
    /// 95 % interval of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_a: Option<Range>,
    /// 95 % interval of the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_b: Option<Range>,
    /// 95 % interval of the second less the first; absent where one of them has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_difference: Option<Range>,
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

impl Row {
    /// Both values and their difference as they are shown: each with its interval, where it has one.
    pub(crate) fn texts(&self) -> [(String, String); 3] {
        let text = |value: Option<f64>| value.map_or("-".to_owned(), |value| self.unit.text(value));
        let range = |range: Option<Range>| range.map(|range| range.text(self.unit)).unwrap_or_default();
        let difference = self.a.zip(self.b).map(|(a, b)| b - a).filter(|_| self.change != Change::Same);
        let sign = if difference.is_some_and(|difference| difference > 0.0) { "+" } else { "" };
        let less = difference.map(|difference| format!("{sign}{}", self.unit.text(difference)));
        [
            (text(self.a), range(self.range_a)),
            (text(self.b), range(self.range_b)),
            (less.unwrap_or_default(), range(self.range_difference.filter(|_| difference.is_some()))),
        ]
    }
}

fn row(measure: &Measure, a: Option<&Measure>, b: Option<&Measure>) -> Row {
    let interval = |side: Option<&Measure>| side.and_then(Measure::interval);
    let difference = interval(a).zip(interval(b)).map(|(a, b)| a.to(&b));
    let value = |side: Option<&Measure>| side.and_then(|side| side.value);
    let range = |side: Option<&Measure>| side.and_then(|side| side.range);
    Row {
        group: measure.group.clone(),
        name: measure.name.clone(),
        unit: measure.unit,
        change: change(measure.better, value(a), value(b), difference),
        a: value(a),
        b: value(b),
        range_a: range(a),
        range_b: range(b),
        range_difference: difference.as_ref().map(Range::of),
    }
}

fn change(better: Better, a: Option<f64>, b: Option<f64>, difference: Option<Interval>) -> Change {
    let Some((a, b)) = a.zip(b) else { return Change::Unknown };
    if (a - b).abs() <= f64::EPSILON * a.abs().max(b.abs()) {
        return Change::Same;
    }
    match (better, difference) {
        (Better::Neither, _) | (_, None) => Change::Different,
        (_, Some(difference)) if !difference.excludes_zero() => Change::Unclear,
        (Better::Lower, _) if b < a => Change::Better,
        (Better::Higher, _) if b > a => Change::Better,
        _ => Change::Worse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::sample::story;

    #[test]
    fn numbers_meet_by_group_and_name() {
        let (a, mut b) = (story(), story());
        b.measures[0].value = b.measures[0].value.map(|value| value * 2.0);
        b.measures[0].range = Some(Range { low: Some(23.0), high: Some(25.0) });
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
    fn a_change_is_one_only_where_the_interval_of_the_difference_has_no_zero() {
        use Better::{Higher, Lower, Neither};
        let interval = |value, half| Some(Interval { value, low: value - half, high: value + half });
        let compare = |better, a: Option<Interval>, b: Option<Interval>| {
            let of = |interval: Option<Interval>| {
                Measure { better, range: None, ..story().measures[0].clone() }.estimated(interval)
            };
            row(&of(a), Some(&of(a)), Some(&of(b))).change
        };
        // A hundredth can be a change, and a half can be chance.
        assert_eq!(compare(Lower, interval(100.0, 0.3), interval(101.0, 0.3)), Change::Worse);
        assert_eq!(compare(Higher, interval(100.0, 0.3), interval(101.0, 0.3)), Change::Better);
        assert_eq!(compare(Lower, interval(100.0, 40.0), interval(150.0, 40.0)), Change::Unclear);
        assert_eq!(compare(Lower, interval(0.0, 0.0), interval(1.0, 0.0)), Change::Worse);
        assert_eq!(compare(Neither, interval(100.0, 0.3), interval(101.0, 0.3)), Change::Different);
        assert_eq!(compare(Lower, interval(1.0, 0.0), interval(1.0, 0.3)), Change::Same);
        assert_eq!(compare(Lower, None, interval(1.0, 0.3)), Change::Unknown);
        let once = |value| Measure { value: Some(value), range: None, ..story().measures[0].clone() };
        assert_eq!(row(&once(1.0), Some(&once(1.0)), Some(&once(9.0))).change, Change::Different);
    }

    #[test]
    fn intervals_are_shown() {
        let (a, mut b) = (story(), story());
        b.measures[0].value = Some(24.0);
        b.measures[0].range = Some(Range { low: Some(20.0), high: None });
        let row = &Comparison::new(a, b).rows[0];
        let unit = row.unit;
        let [(_, first), (second, open), (less, difference)] = row.texts();
        assert_eq!(first, format!("{} to {}", unit.text(11.0), unit.text(13.0)));
        assert_eq!((second, open), (unit.text(24.0), format!("{} or more", unit.text(20.0))));
        assert_eq!(less, format!("+{}", unit.text(12.0)));
        assert!(difference.ends_with(" or more"), "{difference}");
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
