//! Schedules, durations and lists of instants from text.

use std::str::FromStr;
use std::time::Duration;

use crate::{Arrivals, Schedule, Shape};

/// The forms of a schedule, for error messages and help texts.
const FORMS: &str =
    "400 | 10..400/60s | 100,200,400/10s | 100^1000@30s/5s | 400~200/60s | poisson:… | closed:20/100ms";

/// A schedule that cannot be read or makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The text has none of the known forms.
    #[error("`{text}` is no schedule (forms: {FORMS})")]
    Form {
        /// What was given.
        text: String,
    },
    /// A part should be a rate.
    #[error("`{part}` in `{text}` is no rate (requests per second, such as 400, 0.5 or 2k)")]
    Rate {
        /// What was given.
        text: String,
        /// The part at fault.
        part: String,
    },
    /// A part should be a time.
    #[error("`{part}` in `{text}` is no time (such as 500ms, 60s or 1m30s)")]
    Time {
        /// What was given.
        text: String,
        /// The part at fault.
        part: String,
    },
    /// A form lacks its time.
    #[error("`{text}` lacks its {what}: write {example}")]
    Missing {
        /// What was given.
        text: String,
        /// What is missing.
        what: &'static str,
        /// A complete example.
        example: &'static str,
    },
    /// All parts can be read but do not make a schedule.
    #[error("{0}")]
    Rule(&'static str),
    /// A line of a replay is no instant.
    #[error("line {line}: `{text}` is no instant (seconds such as 0.25, or a time such as 250ms)")]
    Instant {
        /// Line number from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let trimmed = text.trim();
        let schedule = if let Some(rest) = trimmed.strip_prefix("closed:") {
            closed(text, rest)?
        } else if let Some(rest) = trimmed.strip_prefix("poisson:") {
            Self::Open { shape: shape(text, rest)?, arrivals: Arrivals::Poisson }
        } else {
            Self::Open { shape: shape(text, trimmed)?, arrivals: Arrivals::Even }
        };
        check(&schedule)?;
        Ok(schedule)
    }
}

/// Reads a time such as `500ms`, `1.5s`, `60s`, `1m30s` or `2h`; the unit is required.
///
/// Returns `None` if the text is no time or too long to be one.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        seconds += number
            * match &rest[..unit_end] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// Reads the instants of a replay: one per line, in seconds (`0.25`) or with a unit (`250ms`), counted from
/// the start. Empty lines and lines that begin with `#` are skipped.
///
/// # Errors
///
/// The number of the first line that is no instant, or the rule that an empty list breaks.
pub fn parse_instants(text: &str) -> Result<Schedule, ScheduleError> {
    let mut instants = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let seconds = line.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
        let instant = seconds
            .or_else(|| parse_duration(line))
            .ok_or_else(|| ScheduleError::Instant { line: index + 1, text: line.to_owned() })?;
        instants.push(instant);
    }
    let schedule = Schedule::replay(instants);
    check(&schedule)?;
    Ok(schedule)
}

pub(super) fn check(schedule: &Schedule) -> Result<(), ScheduleError> {
    let rule = match schedule {
        Schedule::Open { shape, .. } => match shape {
            Shape::Steps { rates, .. } if rates.is_empty() => Some("steps need at least one rate"),
            Shape::Sine { mean, amplitude, .. } if amplitude > mean => {
                Some("the amplitude of a sine must not be above its mean (the rate would be negative)")
            }
            _ if !rates_of(shape).iter().all(|rate| rate.is_finite() && *rate >= 0.0) => {
                Some("a rate must be a finite number that is not negative")
            }
            Shape::Ramp { over: time, .. }
            | Shape::Steps { each: time, .. }
            | Shape::Spike { length: time, .. }
            | Shape::Sine { period: time, .. }
                if time.is_zero() =>
            {
                Some("the time of a shape must be above zero")
            }
            _ => None,
        },
        Schedule::Replay { instants } if instants.is_empty() => Some("a replay needs at least one instant"),
        Schedule::Closed { users: 0, .. } => Some("a closed loop needs at least one user"),
        Schedule::Replay { .. } | Schedule::Closed { .. } => None,
    };
    rule.map_or(Ok(()), |rule| Err(ScheduleError::Rule(rule)))
}

fn rates_of(shape: &Shape) -> Vec<f64> {
    match shape {
        Shape::Constant { rate } => vec![*rate],
        Shape::Ramp { from, to, .. } => vec![*from, *to],
        Shape::Steps { rates, .. } => rates.clone(),
        Shape::Spike { base, peak, .. } => vec![*base, *peak],
        Shape::Sine { mean, amplitude, .. } => vec![*mean, *amplitude],
    }
}

fn closed(text: &str, rest: &str) -> Result<Schedule, ScheduleError> {
    let (users, think) = match rest.split_once('/') {
        Some((users, think)) => (users, time(text, think)?),
        None => (rest, Duration::ZERO),
    };
    let users = users.trim().parse().map_err(|_| ScheduleError::Form { text: text.to_owned() })?;
    Ok(Schedule::Closed { users, think })
}

fn shape(text: &str, rest: &str) -> Result<Shape, ScheduleError> {
    let (rates, tail) = match rest.split_once('/') {
        Some((rates, tail)) => (rates.trim(), Some(tail.trim())),
        None => (rest.trim(), None),
    };
    let needed = |what, example| {
        tail.ok_or_else(|| ScheduleError::Missing { text: text.to_owned(), what, example })
            .and_then(|tail| time(text, tail))
    };
    if let Some((from, to)) = rates.split_once("..") {
        let over = needed("time", "10..400/60s")?;
        return Ok(Shape::Ramp { from: rate(text, from)?, to: rate(text, to)?, over });
    }
    if let Some((base, spike)) = rates.split_once('^') {
        let (peak, at) = spike.split_once('@').ok_or_else(|| ScheduleError::Missing {
            text: text.to_owned(),
            what: "start of the spike",
            example: "100^1000@30s/5s",
        })?;
        let length = needed("length of the spike", "100^1000@30s/5s")?;
        return Ok(Shape::Spike {
            base: rate(text, base)?,
            peak: rate(text, peak)?,
            at: time(text, at)?,
            length,
        });
    }
    if let Some((mean, amplitude)) = rates.split_once('~') {
        let period = needed("period", "400~200/60s")?;
        return Ok(Shape::Sine { mean: rate(text, mean)?, amplitude: rate(text, amplitude)?, period });
    }
    if rates.contains(',') {
        let each = needed("time of each step", "100,200,400/10s")?;
        let rates = rates
            .trim_end_matches(',')
            .split(',')
            .map(|part| rate(text, part))
            .collect::<Result<Vec<_>, _>>()?;
        return Ok(Shape::Steps { rates, each });
    }
    match tail {
        None | Some("s") => Ok(Shape::Constant { rate: rate(text, rates)? }),
        Some(_) => Err(ScheduleError::Form { text: text.to_owned() }),
    }
}

fn rate(text: &str, part: &str) -> Result<f64, ScheduleError> {
    let trimmed = part.trim();
    let (number, factor) = match trimmed.strip_suffix('k') {
        Some(number) => (number, 1000.0),
        None => (trimmed, 1.0),
    };
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value * factor),
        _ => Err(ScheduleError::Rate { text: text.to_owned(), part: trimmed.to_owned() }),
    }
}

fn time(text: &str, part: &str) -> Result<Duration, ScheduleError> {
    parse_duration(part)
        .ok_or_else(|| ScheduleError::Time { text: text.to_owned(), part: part.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Schedule>().unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_part_at_fault() {
        assert_eq!(
            error("10..x/60s"),
            "`x` in `10..x/60s` is no rate (requests per second, such as 400, 0.5 or 2k)"
        );
        assert_eq!(error("10..400/60"), "`60` in `10..400/60` is no time (such as 500ms, 60s or 1m30s)");
        assert_eq!(error("10..400"), "`10..400` lacks its time: write 10..400/60s");
        assert_eq!(error("1^5/5s"), "`1^5/5s` lacks its start of the spike: write 100^1000@30s/5s");
        assert!(error("").contains("is no rate"));
        assert!(error("400/5s").contains("is no schedule (forms: 400 | 10..400/60s"));
        assert!(error("100~200/60s").contains("amplitude"));
        assert!(error("-5").contains("is no rate"));
        assert!(error("closed:0").contains("at least one user"));
        assert!(error("1..2/0s").contains("above zero"));
    }

    #[test]
    fn units_and_suffixes() {
        assert_eq!("2k".parse(), Ok(Schedule::constant(2000.0)));
        assert_eq!("400/s".parse(), Ok(Schedule::constant(400.0)));
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("250us"), Some(Duration::from_micros(250)));
        assert_eq!(parse_duration("5"), None);
        assert_eq!(parse_duration("s"), None);
        assert_eq!(parse_duration("5d"), None);
    }

    #[test]
    fn instants_are_read_sorted_and_errors_have_a_line() {
        let schedule = parse_instants("# seconds\n0.5\n250ms\n\n2\n").unwrap();
        assert_eq!(schedule, Schedule::Replay { instants: vec![250_000_000, 500_000_000, 2_000_000_000] });
        let error = parse_instants("0.5\nsoon\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2: `soon` is no instant (seconds such as 0.25, or a time such as 250ms)"
        );
        assert!(parse_instants("\n").is_err());
    }
}
