//! Figures as people read them.

use std::time::Duration;

use kubsets_load::Percentiles;

/// A span: `850ms`, `3.2s`, `1m 05s`, `2h 10m`, `3d 4h`.
pub(crate) fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.as_millis() < 1000 => format!("{}ms", span.as_millis()),
        0..60 => format!("{:.1}s", span.as_secs_f64()),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A count with its noun: `1 pod`, `3 pods`.
pub(crate) fn number_of(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// How long ago an instant was: `12s ago`, `now` for the future and the last second.
pub(crate) fn ago(instant: jiff::Timestamp, now: jiff::Timestamp) -> String {
    let seconds = now.as_second() - instant.as_second();
    match u64::try_from(seconds) {
        Ok(seconds) if seconds > 0 && seconds < 60 => format!("{seconds}s ago"),
        Ok(seconds) if seconds >= 60 => format!("{} ago", duration(Duration::from_secs(seconds))),
        _ => "now".to_owned(),
    }
}

/// Milliseconds with three significant figures: `0.42 ms`, `12.3 ms`, `1.20 s`.
pub(crate) fn millis(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    match value {
        v if v >= 1_000.0 => format!("{:.2} s", v / 1_000.0),
        v if v >= 100.0 => format!("{v:.0} ms"),
        v if v >= 10.0 => format!("{v:.1} ms"),
        v => format!("{v:.2} ms"),
    }
}

/// A percentile of a set in milliseconds, after the mark `at_least` where it is a lower bound; `-` of an empty set.
pub(crate) fn percentile(set: &Percentiles, value: f64, at_least: &str) -> String {
    match (set.count, set.is_at_least(value)) {
        (0, _) => "-".to_owned(),
        (_, true) => format!("{at_least} {}", millis(value)),
        (_, false) => millis(value),
    }
}

/// A share from 0 to 1 as percent: `0.10 %`, `4.8 %`, `100 %`.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        v if !v.is_finite() => "-".to_owned(),
        v if v >= 99.95 || v == 0.0 => format!("{v:.0} %"),
        v if v >= 1.0 => format!("{v:.1} %"),
        v => format!("{v:.2} %"),
    }
}

/// A size in powers of 1024: `512 B`, `1.5 KiB`, `20 MiB`.
pub(crate) fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = size as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 10.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        let cases = [
            (850, "850ms"),
            (3_200, "3.2s"),
            (65_000, "1m 05s"),
            (7_800_000, "2h 10m"),
            (273_600_000, "3d 4h"),
        ];
        for (milliseconds, expected) in cases {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|count| number_of(count, "pod")), ["0 pods", "1 pod", "2 pods"]);
    }

    #[test]
    fn instants_are_relative() {
        let now = jiff::Timestamp::from_second(1_000_000).expect("in range");
        let at = |seconds: i64| jiff::Timestamp::from_second(1_000_000 - seconds).expect("in range");
        assert_eq!(ago(at(0), now), "now");
        assert_eq!(ago(at(-5), now), "now");
        assert_eq!(ago(at(12), now), "12s ago");
        assert_eq!(ago(at(90), now), "1m 30s ago");
    }

    #[test]
    fn figures_keep_their_meaning() {
        assert_eq!(millis(0.4213), "0.42 ms");
        assert_eq!(millis(1_200.0), "1.20 s");
        assert_eq!(percent(0.001), "0.10 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(20 << 20), "20 MiB");
    }
}
