//! The seconds of a run as comma-separated values.

use std::fmt::Write;

use super::Second;

const HEADER: &str = "second,rate,planned,ok,failed,timed_out,in_flight,queued,never_sent,\
p50_ms,p90_ms,p99_ms,max_ms,lower_bounds,lag_ms,versions";

/// One line for each second after a header line. Versions are written as `version=answers/bad`, separated by
/// spaces; absent numbers are empty. `lower_bounds` of the latencies are those of requests without an answer.
pub fn seconds_csv(seconds: &[Second]) -> String {
    let mut out = String::from(HEADER);
    out.push('\n');
    for row in seconds {
        let versions: Vec<String> =
            row.versions.iter().map(|(name, (count, bad))| format!("{name}={count}/{bad}")).collect();
        let number = |value: Option<f64>| value.map(|v| format!("{v:.3}")).unwrap_or_default();
        // Writing to a string cannot fail.
        let _always_ok = writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{:.3},{}",
            row.second,
            number(row.rate),
            row.planned,
            row.ok,
            row.failed,
            row.timed_out,
            row.in_flight,
            row.queued,
            row.never_sent,
            number(row.p50_ms),
            number(row.p90_ms),
            number(row.p99_ms),
            number(row.max_ms),
            row.lower_bounds,
            row.lag_ms,
            quoted(&versions.join(" ")),
        );
    }
    out
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_as_many_fields_as_the_header() {
        let mut row = Second { second: 3, planned: 10, ok: 9, p50_ms: Some(1.25), ..Second::default() };
        row.versions.insert("1.0".into(), (6, 1));
        row.versions.insert("2.0".into(), (4, 0));
        let csv = seconds_csv(&[row]);
        let mut lines = csv.lines();
        let columns = lines.next().unwrap().split(',').count();
        let line = lines.next().unwrap();
        assert_eq!(line, "3,,10,9,0,0,0,0,0,1.250,,,,0,0.000,1.0=6/1 2.0=4/0");
        assert_eq!(line.split(',').count(), columns);
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
