//! One report out of those of several generators that ran at the same time.

use super::{LoadReport, Pacing, Second, Series};
use crate::exemplar;

impl LoadReport {
    /// One report for generators that put load on the same targets at the same time, such as several pods. `None`
    /// without reports.
    ///
    /// Counts and histograms add up without loss. The whole is valid only if each part is. Figures that cannot be
    /// added up are the worst of the parts: those of pacing, and the percentiles of single seconds.
    pub fn merge(reports: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut reports = reports.into_iter();
        let mut whole = reports.next()?;
        for (index, part) in reports.enumerate() {
            whole.add(part, index + 2);
        }
        whole.identity = whole.accounting.to_string();
        Some(whole)
    }

    fn add(&mut self, part: Self, number: usize) {
        self.accounting.add(&part.accounting);
        self.total.add(&part.total);
        add_series(&mut self.targets, part.targets);
        add_series(&mut self.versions, part.versions);
        self.versions.sort_by(|a, b| a.name.cmp(&b.name));
        self.validity.valid &= part.validity.valid;
        let named = |text: String| format!("generator {number}: {text}");
        self.validity.reasons.extend(part.validity.reasons.into_iter().map(named));
        self.validity.warnings.extend(part.validity.warnings.into_iter().map(named));
        self.started_unix_ms = self.started_unix_ms.min(part.started_unix_ms);
        self.elapsed_s = self.elapsed_s.max(part.elapsed_s);
        self.planned_s = self.planned_s.max(part.planned_s);
        self.planned_per_s += part.planned_per_s;
        self.ok_per_s += part.ok_per_s;
        self.pacing = Pacing {
            p50_us: self.pacing.p50_us.max(part.pacing.p50_us),
            p99_us: self.pacing.p99_us.max(part.pacing.p99_us),
            max_us: self.pacing.max_us.max(part.pacing.max_us),
            longest_pause_ms: self.pacing.longest_pause_ms.max(part.pacing.longest_pause_ms),
        };
        let mut exemplars = std::mem::take(&mut self.exemplars);
        exemplars.extend(part.exemplars);
        self.exemplars = exemplar::merge(exemplars);
        for second in part.seconds {
            match self.seconds.iter_mut().find(|known| known.second == second.second) {
                Some(known) => known.add(second),
                None => self.seconds.push(second),
            }
        }
        self.seconds.sort_by_key(|second| second.second);
    }
}

impl Second {
    fn add(&mut self, other: Self) {
        self.rate = self.rate.zip(other.rate).map(|(mine, theirs)| mine + theirs);
        self.planned += other.planned;
        self.ok += other.ok;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.in_flight += other.in_flight;
        self.queued += other.queued;
        self.never_sent += other.never_sent;
        self.p50_ms = worst(self.p50_ms, other.p50_ms);
        self.p90_ms = worst(self.p90_ms, other.p90_ms);
        self.p99_ms = worst(self.p99_ms, other.p99_ms);
        self.max_ms = worst(self.max_ms, other.max_ms);
        self.lower_bounds += other.lower_bounds;
        self.lag_ms = self.lag_ms.max(other.lag_ms);
        self.disturbed |= other.disturbed;
        self.spread.merge(&other.spread);
        for (version, (answers, bad)) in other.versions {
            let known = self.versions.entry(version).or_default();
            *known = (known.0 + answers, known.1 + bad);
        }
    }
}

fn worst(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

fn add_series(into: &mut Vec<Series>, from: Vec<Series>) {
    for series in from {
        match into.iter_mut().find(|known| known.name == series.name) {
            Some(known) => known.add(&series),
            None => into.push(series),
        }
    }
}
