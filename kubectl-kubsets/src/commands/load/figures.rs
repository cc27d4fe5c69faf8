//! One line of figures: the plain form of the live picture.

use kubsets_load::{Latencies, Tick};

use crate::ui::millis;

/// What happened since the last line.
#[derive(Debug, Default)]
pub(super) struct Figures {
    seconds: u64,
    ok: u64,
    bad: u64,
    never_sent: u64,
    corrected: Latencies,
    uncorrected: Latencies,
}

impl Figures {
    /// Takes a second in.
    pub(super) fn take(&mut self, tick: &Tick) {
        self.seconds += 1;
        self.ok += tick.ok;
        self.bad += tick.failed + tick.timed_out;
        self.never_sent += tick.never_sent;
        self.corrected.merge(&tick.latencies);
        self.uncorrected.merge(&tick.uncorrected);
    }

    /// The line up to this second; the next one begins after it.
    pub(super) fn line(&mut self, tick: &Tick) -> String {
        let all = std::mem::take(self);
        let at = |latencies: &Latencies, quantile| {
            latencies.quantile(quantile).map_or_else(|| "-".to_owned(), |v| millis(v.as_secs_f64() * 1e3))
        };
        let wanted = tick.rate.map(|rate| format!("{rate:.0} wanted, ")).unwrap_or_default();
        let achieved = (all.ok + all.bad) as f64 / all.seconds.max(1) as f64;
        let lost =
            if all.never_sent > 0 { format!(", {} never sent", all.never_sent) } else { String::new() };
        let versions: Vec<String> =
            tick.versions.iter().map(|(name, v)| format!("{name} {}", v.count)).collect();
        let versions =
            if versions.len() > 1 { format!("; versions {}", versions.join(", ")) } else { String::new() };
        format!(
            "second {}: {wanted}{achieved:.0} achieved/s, {} ok, {} failed{lost}, p50 {} p99 {} (uncorrected {} {}), \
             {} in flight{versions}",
            tick.second + 1,
            all.ok,
            all.bad,
            at(&all.corrected, 0.5),
            at(&all.corrected, 0.99),
            at(&all.uncorrected, 0.5),
            at(&all.uncorrected, 0.99),
            tick.in_flight,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_speaks_of_all_seconds_since_the_last() {
        let mut figures = Figures::default();
        let tick =
            |second, ok| Tick { second, ok, failed: 1, rate: Some(20.0), in_flight: 2, ..Tick::default() };
        figures.take(&tick(0, 9));
        figures.take(&tick(1, 19));
        let line = figures.line(&tick(1, 19));
        assert_eq!(
            line,
            "second 2: 20 wanted, 15 achieved/s, 28 ok, 2 failed, p50 - p99 - (uncorrected - -), 2 in flight"
        );
        assert!(figures.line(&tick(1, 19)).contains("0 ok, 0 failed"));
    }
}
