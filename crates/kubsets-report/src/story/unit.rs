//! Units and how their values are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a value is counted in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Percent, 0 to 100.
    Percent,
    /// Requests.
    Requests,
    /// Requests per second.
    RequestsPerSecond,
    /// Pods.
    Pods,
    /// Evidence against a hypothesis: an e-value, 1 where nothing is known.
    Evidence,
    /// Bytes.
    Bytes,
    /// A number of anything else.
    #[default]
    Count,
}

impl Unit {
    /// What stands at an axis.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Percent => "%",
            Self::Requests => "requests",
            Self::RequestsPerSecond => "requests/s",
            Self::Pods => "pods",
            Self::Evidence => "e-value",
            Self::Bytes => "bytes",
            Self::Count => "",
        }
    }

    /// Smallest distance of ticks: there is no half request.
    pub(crate) fn least_step(self) -> f64 {
        match self {
            Self::Requests | Self::Pods | Self::Bytes | Self::Count => 1.0,
            _ => 0.0,
        }
    }

    /// A value with its unit, three significant figures: `12.3 ms`, `4,120 requests`.
    pub fn text(self, value: f64) -> String {
        if !value.is_finite() {
            return "-".to_owned();
        }
        match self {
            Self::Milliseconds if value.abs() >= 10_000.0 => format!("{} s", figures(value / 1e3)),
            Self::Milliseconds if value != 0.0 && value.abs() < 0.1 => format!("{} µs", figures(value * 1e3)),
            Self::Seconds if value.abs() >= 120.0 => clock(value),
            Self::Bytes => bytes(value),
            Self::Count | Self::Evidence => figures(value),
            _ => format!("{} {}", figures(value), self.name()),
        }
    }

    /// A value beside an axis that names the unit.
    pub fn tick(self, value: f64) -> String {
        match self {
            Self::Seconds if value >= 60.0 => clock(value),
            Self::Seconds => format!("{} s", figures(value)),
            Self::Bytes => bytes(value),
            _ => figures(value),
        }
    }
}

/// Minutes and seconds: `2 min`, `2 min 05 s`.
fn clock(seconds: f64) -> String {
    let whole = seconds.round() as i64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, rest) => format!("{minutes} min {rest:02} s"),
        (hours, 0, 0) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// In powers of 1024.
fn bytes(size: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = size;
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", figures(value), UNITS[unit])
}

/// Three significant figures, thousands grouped; powers of ten where a number is too long to read.
fn figures(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e7).contains(&size) {
        let text = format!("{value:.1e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = digits.strip_suffix(".0").unwrap_or(digits).replace('-', "−");
        let power: String = exponent.chars().map(superscript).collect();
        return if digits == "1" { format!("10{power}") } else { format!("{digits}×10{power}") };
    }
    let decimals = match size {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let text = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    grouped(text)
}

fn superscript(digit: char) -> char {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    digit.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize])
}

fn grouped(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("−", rest));
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well() {
        for (unit, value, expected) in [
            (Unit::Milliseconds, 0.710_655, "0.711 ms"),
            (Unit::Milliseconds, 12.34, "12.3 ms"),
            (Unit::Milliseconds, 12_340.0, "12.3 s"),
            (Unit::Milliseconds, 0.042, "42 µs"),
            (Unit::Milliseconds, 0.0, "0 ms"),
            (Unit::Seconds, 8.0, "8 s"),
            (Unit::Seconds, 125.0, "2 min 05 s"),
            (Unit::Seconds, 7_260.0, "2 h 01 min"),
            (Unit::Requests, 12_345.0, "12,345 requests"),
            (Unit::Requests, -1_234.0, "−1,234 requests"),
            (Unit::Percent, 6.666, "6.67 %"),
            (Unit::Evidence, 1418.78, "1,419"),
            (Unit::Evidence, 1e12, "10¹²"),
            (Unit::Evidence, 2.5e-4, "2.5×10⁻⁴"),
            (Unit::Bytes, 1536.0, "1.5 KiB"),
            (Unit::Count, f64::NAN, "-"),
        ] {
            assert_eq!(unit.text(value), expected);
        }
        assert_eq!(Unit::Seconds.tick(30.0), "30 s");
        assert_eq!(Unit::Seconds.tick(90.0), "1 min 30 s");
        assert_eq!(Unit::Milliseconds.tick(0.5), "0.5");
    }
}
