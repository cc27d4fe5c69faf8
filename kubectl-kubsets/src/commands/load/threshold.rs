//! Thresholds such as `p99 > 50ms`: what `--fail-if` takes.

use std::fmt;
use std::str::FromStr;

use kubsets_load::LoadReport;

use crate::cli::values::{parse_duration, parse_percent};
use crate::ui::{millis, percent};

const FORM: &str = "expected a rule such as 'p99 > 50ms', 'errors > 1%', 'rate < 390' or 'never-sent > 0'";

/// A figure, a comparison and a value. It is crossed when the comparison holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Threshold {
    text: String,
    figure: Figure,
    above: bool,
    equal: bool,
    value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    P50,
    P90,
    P99,
    P999,
    Max,
    Mean,
    Errors,
    Rate,
    NeverSent,
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let at = text.find(['<', '>']).ok_or(FORM)?;
        let (name, rest) = text.split_at(at);
        let above = rest.starts_with('>');
        let equal = rest[1..].starts_with('=');
        let value = rest[if equal { 2 } else { 1 }..].trim();
        let figure = match name.trim() {
            "p50" => Figure::P50,
            "p90" => Figure::P90,
            "p99" => Figure::P99,
            "p99.9" => Figure::P999,
            "max" => Figure::Max,
            "mean" => Figure::Mean,
            "errors" => Figure::Errors,
            "rate" => Figure::Rate,
            "never-sent" => Figure::NeverSent,
            _ => return Err(FORM.to_owned()),
        };
        let value = match figure {
            Figure::Errors => parse_percent(value)?.share(),
            Figure::Rate | Figure::NeverSent => {
                value.parse().ok().filter(|value: &f64| value.is_finite()).ok_or(FORM)?
            }
            _ => parse_duration(value)?.as_secs_f64() * 1e3,
        };
        Ok(Self { text: text.to_owned(), figure, above, equal, value })
    }
}

impl Threshold {
    /// The rule and what was measured, where the report crosses it.
    pub(super) fn crossed_by(&self, report: &LoadReport) -> Option<String> {
        let latency = &report.total.corrected;
        let (measured, text) = match self.figure {
            Figure::P50 => (latency.p50, millis(latency.p50)),
            Figure::P90 => (latency.p90, millis(latency.p90)),
            Figure::P99 => (latency.p99, millis(latency.p99)),
            Figure::P999 => (latency.p999, millis(latency.p999)),
            Figure::Max => (latency.max, millis(latency.max)),
            Figure::Mean => (latency.mean, millis(latency.mean)),
            Figure::Errors => (report.error_rate(), percent(report.error_rate())),
            Figure::Rate => (report.ok_per_s, format!("{:.1} per second", report.ok_per_s)),
            Figure::NeverSent => {
                (report.accounting.never_sent as f64, report.accounting.never_sent.to_string())
            }
        };
        self.holds(measured).then(|| format!("{self}, measured {text}"))
    }

    fn holds(&self, measured: f64) -> bool {
        let strictly = if self.above { measured > self.value } else { measured < self.value };
        strictly || (self.equal && (measured - self.value).abs() < f64::EPSILON)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_compare_in_their_units() {
        let rule: Threshold = "p99 > 50ms".parse().expect("is a rule");
        assert!(rule.holds(50.1) && !rule.holds(50.0));
        let rule: Threshold = "errors>=1%".parse().expect("is a rule");
        assert!(rule.holds(0.01) && !rule.holds(0.009));
        let rule: Threshold = "rate < 390".parse().expect("is a rule");
        assert!(rule.holds(389.0) && !rule.holds(391.0));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "p99", "p99 > 50", "p98 > 5ms", "errors > 200%", "rate < x", "> 5ms", "rate > NaN"] {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
    }
}
