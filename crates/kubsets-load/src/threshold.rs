//! Conditions on a report that make a run fail, such as `p99 > 50ms`.

mod window;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use kubsets_schedule::parse_duration;

pub use window::Windows;

use crate::report::{LoadReport, Percentiles};

const FORM: &str = "METRIC OPERATOR VALUE, such as `p99 > 50ms`, `p99[10s] > 50ms`, `errors > 1%`, `rate < 390` or `never-sent > 0`";

/// Longest window in seconds: its seconds are kept.
const LONGEST_WINDOW: u64 = 600;

/// A condition under which a run has failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    metric: Metric,
    /// Length of the sliding window in seconds; the whole run without it.
    window: Option<u64>,
    operator: Operator,
    /// Milliseconds, a share, a count or a rate, as the metric has it.
    value: f64,
}

/// A condition that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// The text has no operator.
    #[error("`{0}` is no condition (write {FORM})")]
    Form(String),
    /// The metric is not known.
    #[error(
        "unknown metric `{0}` (known: min, mean, p50, p90, p99, p99.9, max, each also with `uncorrected.` before \
         it, errors, failed, timed-out, never-sent, in-flight-at-end, rate, planned-rate)"
    )]
    Metric(String),
    /// The window does not fit.
    #[error(
        "`{window}` is no window of `{metric}` (write whole seconds up to 10m, such as `p99[10s]`; not of in-flight-at-end)"
    )]
    Window {
        /// The metric.
        metric: String,
        /// What was given.
        window: String,
    },
    /// The value does not fit the metric.
    #[error("`{value}` is no value for `{metric}` (write {wanted})")]
    Value {
        /// The metric.
        metric: String,
        /// What was given.
        value: String,
        /// What is wanted.
        wanted: &'static str,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    Latency { corrected: bool, of: Statistic },
    Errors,
    Failed,
    TimedOut,
    NeverSent,
    InFlightAtEnd,
    Rate,
    PlannedRate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statistic {
    Min,
    Mean,
    P50,
    P90,
    P99,
    P999,
    Max,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Above,
    AtLeast,
    Below,
    AtMost,
}

const METRICS: [(&str, Metric); 7] = [
    ("errors", Metric::Errors),
    ("failed", Metric::Failed),
    ("timed-out", Metric::TimedOut),
    ("never-sent", Metric::NeverSent),
    ("in-flight-at-end", Metric::InFlightAtEnd),
    ("rate", Metric::Rate),
    ("planned-rate", Metric::PlannedRate),
];

const STATISTICS: [(&str, Statistic); 7] = [
    ("min", Statistic::Min),
    ("mean", Statistic::Mean),
    ("p50", Statistic::P50),
    ("p90", Statistic::P90),
    ("p99", Statistic::P99),
    ("p99.9", Statistic::P999),
    ("max", Statistic::Max),
];

/// Longer operators first, so that they are not taken for shorter ones.
const OPERATORS: [(&str, Operator); 4] =
    [(">=", Operator::AtLeast), ("<=", Operator::AtMost), (">", Operator::Above), ("<", Operator::Below)];

impl Threshold {
    /// Whether the condition is met, that is the run has failed; if so a sentence with what was measured.
    ///
    /// Latencies count from the planned instant unless the metric says `uncorrected.`; `errors` is the share of
    /// planned requests without a good answer, `rate` is that of good answers per second. A run in which no
    /// request has a latency meets every condition on one: a server that answers nothing is not a fast one. A condition
    /// over a window needs the seconds as they pass: [`Windows`] judges it, and here it counts as met.
    pub fn breach(&self, report: &LoadReport) -> Option<String> {
        if self.window.is_some() {
            return Some(format!("{self}, but the seconds of the run were not watched"));
        }
        let Some(measured) = self.measured(report) else {
            return Some(format!("{self}, but no request has a latency ({})", report.identity));
        };
        self.holds(measured).then(|| format!("{self}, measured {}", self.metric.show(measured)))
    }

    /// Whether it is about a sliding window, not about the whole run.
    pub fn has_window(&self) -> bool {
        self.window.is_some()
    }

    fn holds(&self, measured: f64) -> bool {
        match self.operator {
            Operator::Above => measured > self.value,
            Operator::AtLeast => measured >= self.value,
            Operator::Below => measured < self.value,
            Operator::AtMost => measured <= self.value,
        }
    }

    /// `None` for a latency without a single value.
    fn measured(&self, report: &LoadReport) -> Option<f64> {
        let counts = report.accounting;
        Some(match self.metric {
            Metric::Latency { corrected, of } => {
                let set = if corrected { &report.total.corrected } else { &report.total.uncorrected };
                return (set.count > 0).then(|| of.of(set));
            }
            Metric::Errors => report.error_rate(),
            Metric::Failed => counts.failed as f64,
            Metric::TimedOut => counts.timed_out as f64,
            Metric::NeverSent => counts.never_sent as f64,
            Metric::InFlightAtEnd => counts.in_flight_at_end as f64,
            Metric::Rate => report.ok_per_s,
            Metric::PlannedRate => report.planned_per_s,
        })
    }
}

impl Metric {
    fn parse(text: &str) -> Option<Self> {
        let (corrected, name) = match text.strip_prefix("uncorrected.") {
            Some(name) => (false, name),
            None => (true, text),
        };
        let statistic = STATISTICS.iter().find(|(known, _)| *known == name);
        match statistic {
            Some((_, of)) => Some(Self::Latency { corrected, of: *of }),
            None => METRICS.iter().find(|(known, _)| *known == text).map(|(_, metric)| *metric),
        }
    }

    fn window(self, text: &str) -> Option<u64> {
        let time = parse_duration(text).filter(|time| time.subsec_nanos() == 0)?;
        (self != Self::InFlightAtEnd && (1..=LONGEST_WINDOW).contains(&time.as_secs()))
            .then_some(time.as_secs())
    }

    fn value(self, text: &str) -> Result<f64, &'static str> {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
        match self {
            Self::Latency { .. } => parse_duration(text).map(ms).ok_or("a time such as 50ms or 1.5s"),
            Self::Errors => match text.strip_suffix('%') {
                Some(percent) => number(percent).map(|percent| percent / 100.0),
                None => number(text),
            }
            .filter(|share| *share <= 1.0)
            .ok_or("a share such as 1% or 0.01"),
            _ => number(text).ok_or("a number"),
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Latency { .. } => format!("{value:.3} ms"),
            Self::Errors => format!("{:.3} %", value * 100.0),
            Self::Rate | Self::PlannedRate => format!("{value:.1} per second"),
            _ => format!("{value}"),
        }
    }
}

impl Statistic {
    fn of(self, set: &Percentiles) -> f64 {
        match self {
            Self::Min => set.min,
            Self::Mean => set.mean,
            Self::P50 => set.p50,
            Self::P90 => set.p90,
            Self::P99 => set.p99,
            Self::P999 => set.p999,
            Self::Max => set.max,
        }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let at = text.find(['<', '>']).ok_or_else(|| ThresholdError::Form(text.to_owned()))?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let (sign, operator) = OPERATORS
            .iter()
            .find(|(sign, _)| rest.starts_with(sign))
            .ok_or_else(|| ThresholdError::Form(text.to_owned()))?;
        let (name, window) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            Some((name, window)) => (name.trim_end(), Some(window)),
            None => (name, None),
        };
        let metric = Metric::parse(name).ok_or_else(|| ThresholdError::Metric(name.to_owned()))?;
        let wrong =
            |window: &str| ThresholdError::Window { metric: name.to_owned(), window: window.to_owned() };
        let window = window.map(|text| metric.window(text).ok_or_else(|| wrong(text))).transpose()?;
        let given = rest[sign.len()..].trim();
        let value = metric.value(given).map_err(|wanted| ThresholdError::Value {
            metric: name.to_owned(),
            value: given.to_owned(),
            wanted,
        })?;
        Ok(Self { metric, window, operator: *operator, value })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.metric {
            Metric::Latency { corrected, of } => {
                let prefix = if corrected { "" } else { "uncorrected." };
                let name = STATISTICS.iter().find(|(_, known)| *known == of).map_or("", |(name, _)| name);
                write!(f, "{prefix}{name}")?;
            }
            metric => {
                f.write_str(METRICS.iter().find(|(_, known)| *known == metric).map_or("", |(name, _)| name))?;
            }
        }
        if let Some(seconds) = self.window {
            write!(f, "[{seconds}s]")?;
        }
        let sign = OPERATORS.iter().find(|(_, known)| *known == self.operator).map_or("", |(sign, _)| sign);
        match self.metric {
            Metric::Latency { .. } => write!(f, " {sign} {}ms", self.value),
            Metric::Errors => write!(f, " {sign} {}%", self.value * 100.0),
            _ => write!(f, " {sign} {}", self.value),
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_printed() {
        for text in [
            "p99 > 50ms",
            "p99.9 >= 1500ms",
            "uncorrected.max < 10ms",
            "errors > 1%",
            "never-sent > 0",
            "rate < 390.5",
            "planned-rate <= 100",
            "p99[10s] > 50ms",
            "uncorrected.p50[600s] > 50ms",
            "errors[5s] > 1%",
        ] {
            assert_eq!(text.parse::<Threshold>().unwrap().to_string(), text);
        }
        assert_eq!("p50>=1.5s".parse::<Threshold>().unwrap().to_string(), "p50 >= 1500ms");
        assert_eq!("p99[1m] > 5ms".parse::<Threshold>().unwrap().to_string(), "p99[60s] > 5ms");
        assert_eq!("errors > 0.05".parse::<Threshold>().unwrap().to_string(), "errors > 5%");
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| text.parse::<Threshold>().unwrap_err().to_string();
        assert!(error("p99 50ms").starts_with("`p99 50ms` is no condition (write METRIC OPERATOR VALUE"));
        assert!(error("p98 > 50ms").starts_with("unknown metric `p98` (known: min, mean, p50"));
        assert_eq!(error("p99 > 50"), "`50` is no value for `p99` (write a time such as 50ms or 1.5s)");
        assert_eq!(
            error("errors > 200%"),
            "`200%` is no value for `errors` (write a share such as 1% or 0.01)"
        );
        for wrong in
            ["p99[0s] > 5ms", "p99[1.5s] > 5ms", "p99[1h] > 5ms", "p99[] > 5ms", "in-flight-at-end[5s] > 0"]
        {
            assert!(error(wrong).contains("is no window of"), "{wrong}");
        }
        assert_eq!(error("failed > x"), "`x` is no value for `failed` (write a number)");
    }
}
