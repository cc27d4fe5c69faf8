//! Adds up what happened to requests: in sum, per step, and around each move of traffic. Pure.

use kubsets_load::Tick;

use crate::bench::{dropped, split};
use crate::outcome::{ShareReport, StepEvidence, StepReport, SwitchReport, Totals};

/// Seconds after a move of traffic that belong to it, the one of the move itself included.
const WINDOW: u32 = 4;

#[derive(Debug)]
struct OpenSwitch {
    report: SwitchReport,
    left: u32,
}

#[derive(Debug)]
struct OpenStep {
    percent: f64,
    began: f64,
    canary: u64,
    total: u64,
    canary_failed: u64,
    stable_failed: u64,
    evidence: Option<StepEvidence>,
}

/// Accounts of a run.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    canary: String,
    totals: Totals,
    open: Vec<OpenSwitch>,
    switches: Vec<SwitchReport>,
    step: Option<OpenStep>,
    steps: Vec<StepReport>,
}

impl Ledger {
    /// The version that counts as canary from now on.
    pub(crate) fn name_canary(&mut self, version: &str) {
        version.clone_into(&mut self.canary);
    }

    /// Adds a second. `settled` says that the ordered share is in force, so that it counts for the
    /// measured one. Gives the moves of traffic that are complete now.
    pub(crate) fn add(&mut self, tick: &Tick, settled: bool) -> Vec<SwitchReport> {
        let (stable, canary) = split(tick, &self.canary);
        let lost = dropped(tick);
        let totals = &mut self.totals;
        totals.planned += tick.planned;
        totals.ok += tick.ok;
        totals.stable += stable.count;
        totals.stable_failed += stable.bad;
        totals.canary += canary.count;
        totals.canary_failed += canary.bad;
        totals.dropped += lost;
        totals.never_sent += tick.never_sent;
        totals.failed_for_users = totals.stable_failed + totals.canary_failed + totals.dropped;
        if let Some(step) = &mut self.step {
            step.canary_failed += canary.bad;
            step.stable_failed += stable.bad;
            if settled {
                step.canary += canary.count;
                step.total += canary.count + stable.count;
            }
        }
        for switch in &mut self.open {
            switch.left -= 1;
            let report = &mut switch.report;
            report.requests += tick.ok + tick.failed + tick.timed_out;
            report.dropped += lost;
            report.stable_failed += stable.bad;
            report.canary_failed += canary.bad;
        }
        self.close(|switch| switch.left == 0)
    }

    fn close(&mut self, done: impl Fn(&OpenSwitch) -> bool) -> Vec<SwitchReport> {
        let (closed, open) = std::mem::take(&mut self.open).into_iter().partition(|switch| done(switch));
        self.open = open;
        let closed: Vec<OpenSwitch> = closed;
        let closed: Vec<SwitchReport> = closed.into_iter().map(|switch| switch.report).collect();
        self.switches.extend(closed.iter().cloned());
        closed
    }

    /// Traffic is being moved.
    pub(crate) fn begin_switch(&mut self, from: f64, to: f64, at_seconds: f64) {
        let report = SwitchReport {
            from_percent: from,
            to_percent: to,
            at_seconds,
            api_ms: 0.0,
            requests: 0,
            dropped: 0,
            stable_failed: 0,
            canary_failed: 0,
        };
        self.open.push(OpenSwitch { report, left: WINDOW });
    }

    /// The API server has accepted the last move.
    pub(crate) fn switched(&mut self, api_ms: f64) {
        let last = self.open.last_mut().map(|open| &mut open.report).or(self.switches.last_mut());
        if let Some(report) = last {
            report.api_ms = api_ms;
        }
    }

    /// A step begins.
    pub(crate) fn begin_step(&mut self, percent: f64, now: f64) {
        self.step = Some(OpenStep {
            percent,
            began: now,
            canary: 0,
            total: 0,
            canary_failed: 0,
            stable_failed: 0,
            evidence: None,
        });
    }

    /// The judge has looked at the step.
    pub(crate) fn judged(&mut self, evidence: StepEvidence) {
        if let Some(step) = &mut self.step {
            step.evidence = Some(evidence);
        }
    }

    /// The share measured in this step.
    pub(crate) fn share(&self) -> Option<ShareReport> {
        self.step.as_ref().map(|step| ShareReport::new(step.percent, step.canary, step.total))
    }

    /// The step ends.
    pub(crate) fn end_step(&mut self, passed: bool, now: f64) -> Option<StepReport> {
        let step = self.step.take()?;
        let report = StepReport {
            percent: step.percent,
            passed,
            seconds: now - step.began,
            share: ShareReport::new(step.percent, step.canary, step.total),
            canary_failed: step.canary_failed,
            stable_failed: step.stable_failed,
            evidence: step.evidence,
        };
        self.steps.push(report.clone());
        Some(report)
    }

    /// Everything in sum: totals, steps, moves of traffic.
    pub(crate) fn finish(mut self) -> (Totals, Vec<StepReport>, Vec<SwitchReport>) {
        self.close(|_| true);
        (self.totals, self.steps, self.switches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tests::second;

    #[test]
    fn switches_take_the_seconds_around_them() {
        let mut ledger = Ledger::default();
        ledger.name_canary("2");
        ledger.add(&second((100, 5, 1), (0, 0, 1)), true);
        ledger.begin_switch(0.0, 10.0, 1.0);
        ledger.switched(12.0);
        let mut lossy = second((90, 0, 1), (10, 1, 1));
        lossy.failed += 2;
        assert!(ledger.add(&lossy, false).is_empty());
        ledger.add(&second((90, 0, 1), (10, 1, 1)), false);
        ledger.add(&second((90, 0, 1), (10, 0, 1)), false);
        let closed = ledger.add(&second((90, 0, 1), (10, 0, 1)), true);
        assert_eq!(closed.len(), 1);
        let report = &closed[0];
        assert_eq!((report.dropped, report.stable_failed, report.canary_failed), (2, 0, 2));
        assert_eq!(report.requests, 402);
        assert!((report.api_ms - 12.0).abs() < 1e-9);
        let (totals, _, switches) = ledger.finish();
        assert_eq!(switches.len(), 1);
        assert_eq!(totals.stable_failed, 5);
        assert_eq!(totals.failed_for_users, 5 + 2 + 2);
    }

    #[test]
    fn the_share_counts_settled_seconds_only() {
        let mut ledger = Ledger::default();
        ledger.name_canary("2");
        ledger.begin_step(10.0, 3.0);
        ledger.add(&second((100, 0, 1), (0, 0, 1)), false);
        for _ in 0..10 {
            ledger.add(&second((90, 0, 1), (10, 0, 1)), true);
        }
        let share = ledger.share().unwrap();
        assert_eq!((share.canary, share.total), (100, 1000));
        let step = ledger.end_step(true, 20.0).unwrap();
        assert!((step.seconds - 17.0).abs() < 1e-9);
        assert!(ledger.share().is_none());
    }
}
