//! One line of figures: the plain form of the live picture.

use kubsets_load::{Latencies, Percentiles, Tick};

use crate::ui::percentile;

/// What happened since the last line.
#[derive(Debug, Default)]
pub(super) struct Figures {
    seconds: u64,
    ok: u64,
    bad: u64,
    never_sent: u64,
    good: Latencies,
    lower_bounds: Latencies,
    uncorrected: Latencies,
}

impl Figures {
    /// Takes a second in.
    pub(super) fn take(&mut self, tick: &Tick) {
        self.seconds += 1;
        self.ok += tick.ok;
        self.bad += tick.failed + tick.timed_out;
        self.never_sent += tick.never_sent;
        self.good.merge(&tick.latencies);
        self.lower_bounds.merge(&tick.lower_bounds);
        self.uncorrected.merge(&tick.uncorrected);
    }

    /// The line up to this second; the next one begins after it. Requests that wait at its end count with the time that
    /// they have waited so far, so that a stall is seen while it lasts.
    pub(super) fn line(&mut self, tick: &Tick) -> String {
        let mut all = std::mem::take(self);
        all.lower_bounds.merge(&tick.pending);
        let corrected = Percentiles::of(&all.good, &all.lower_bounds);
        let uncorrected = Percentiles::of(&all.uncorrected, &Latencies::default());
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
            percentile(&corrected, corrected.p50, ">="),
            percentile(&corrected, corrected.p99, ">="),
            percentile(&uncorrected, uncorrected.p50, ">="),
            percentile(&uncorrected, uncorrected.p99, ">="),
            tick.in_flight,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_told_while_it_lasts() {
        let of = |text| serde_json::from_str::<Latencies>(text).expect("are buckets");
        let mut figures = Figures::default();
        figures.take(&Tick { ok: 3, latencies: of("[[1000000,3]]"), ..Tick::default() });
        let stalled = Tick { second: 4, pending: of("[[4000000000,2]]"), ..Tick::default() };
        figures.take(&stalled);
        let line = figures.line(&stalled);
        assert!(line.contains("p50 1.00 ms p99 >= 4.00 s"), "{line}");
    }

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
