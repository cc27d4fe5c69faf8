//! Between which values a number lies.

use kubsets_judge::Interval;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Unit;

/// Ends of a 95 % interval. One that the data do not bound is absent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Range {
    /// Lower end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

impl Range {
    /// The ends of an interval.
    pub fn of(interval: &Interval) -> Self {
        let end = |value: f64| Some(value).filter(|value| value.is_finite());
        Self { low: end(interval.low), high: end(interval.high) }
    }

    pub(super) fn around(self, value: f64) -> Interval {
        let (low, high) = (self.low.unwrap_or(f64::NEG_INFINITY), self.high.unwrap_or(f64::INFINITY));
        Interval { value, low, high }
    }

    /// Both ends as they stand behind a value; nothing where they are the value.
    pub(crate) fn text(self, unit: Unit) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) if low.total_cmp(&high).is_eq() => String::new(),
            (Some(low), Some(high)) => format!("{} to {}", unit.text(low), unit.text(high)),
            (Some(low), None) => format!("{} or more", unit.text(low)),
            (None, Some(high)) => format!("{} or less", unit.text(high)),
            (None, None) => "not known".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_ends_and_facts_are_told() {
        let text = |low, high| Range { low, high }.text(Unit::Milliseconds);
        assert_eq!(text(Some(1.0), Some(2.5)), "1 ms to 2.5 ms");
        assert_eq!(text(Some(1.0), None), "1 ms or more");
        assert_eq!(text(None, Some(1.0)), "1 ms or less");
        assert_eq!((text(None, None).as_str(), text(Some(1.0), Some(1.0)).as_str()), ("not known", ""));
    }

    #[test]
    fn an_interval_survives() {
        let open = Interval { value: 2.0, low: 1.0, high: f64::INFINITY };
        assert_eq!(Range::of(&open).around(2.0), open);
    }
}
