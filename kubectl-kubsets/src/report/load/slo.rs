//! What a load burnt of an error budget.

use kubsets_judge::Counts;
use kubsets_judge::slo::{SloConfig, SloMonitor};
use kubsets_load::LoadReport;
use serde::Serialize;

/// The alerts of a month are watched sixty times as fast: an hour of theirs is a minute of a load.
const FASTER: f64 = 60.0;

/// An objective held against a load.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Slo {
    /// Share of requests (0 to 1) that must be answered well.
    pub(crate) objective: f64,
    /// Planned requests that may be lost.
    pub(crate) allowed: f64,
    /// Planned requests that were.
    pub(crate) lost: u64,
    /// Share of the budget that was burnt; 1 is all of it. This is the burn rate over the whole load too.
    pub(crate) budget_burnt: f64,
    /// The alerts, the quickest first.
    pub(crate) alerts: Vec<Alert>,
}

/// An alert on two windows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    /// Long window in seconds.
    pub(crate) long_seconds: f64,
    /// Short window in seconds.
    pub(crate) short_seconds: f64,
    /// Burn rate that both must reach.
    pub(crate) limit: f64,
    /// Highest burn rate that both reached at the end of a second.
    pub(crate) highest: f64,
    /// End of the first second, from the start of the load, at which both reached the limit.
    pub(crate) first_at: Option<u64>,
}

impl Slo {
    /// Holds an objective against a load. `None` for one that is no share over 0 and under 1.
    pub(crate) fn of(report: &LoadReport, objective: f64) -> Option<Self> {
        let config = SloConfig { objective, ..SloConfig::default().faster(FASTER) };
        let mut alerts: Vec<Alert> = config
            .windows
            .iter()
            .map(|window| Alert {
                long_seconds: window.long_seconds,
                short_seconds: window.short_seconds,
                limit: window.burn_rate,
                highest: 0.0,
                first_at: None,
            })
            .collect();
        let mut monitor = SloMonitor::new(config).ok()?;
        for second in &report.seconds {
            let bad = second.failed + second.timed_out + second.never_sent;
            monitor.observe(1.0, Counts::new(second.ok + bad, bad));
            for (alert, burning) in alerts.iter_mut().zip(monitor.status()) {
                alert.highest = alert.highest.max(burning.long.min(burning.short));
                if burning.alert && alert.first_at.is_none() {
                    alert.first_at = Some(second.second + 1);
                }
            }
        }
        let planned = report.accounting.planned;
        let allowed = planned as f64 * (1.0 - objective);
        let lost = planned.saturating_sub(report.accounting.ok);
        let budget_burnt = if planned == 0 { 0.0 } else { lost as f64 / allowed };
        Some(Self { objective, allowed, lost, budget_burnt, alerts })
    }

    /// The objective as it is written: `99.9 %`.
    pub(crate) fn name(&self) -> String {
        format!("{} %", (self.objective * 1e6).round() / 1e4)
    }

    /// One sentence with the budget.
    pub(crate) fn budget(&self) -> String {
        format!(
            "{} requests lost of {:.1} that an objective of {} allows: {:.1} % of the error budget burnt, burn rate {:.2}",
            self.lost,
            self.allowed,
            self.name(),
            self.budget_burnt * 100.0,
            self.budget_burnt
        )
    }
}

impl Alert {
    /// Its row in a table: windows, limit, highest burn rate, whether and when it was raised.
    pub(crate) fn cells(&self) -> [String; 4] {
        [
            format!("{:.0} s and {:.0} s", self.long_seconds, self.short_seconds),
            format!("{:.1}", self.limit),
            format!("{:.2}", self.highest),
            self.first_at.map_or_else(|| "no".to_owned(), |at| format!("after {at} s")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use kubsets_load::Second;

    use super::*;

    /// A load of 100 requests a second with so many failed ones in each.
    fn load(failed: &[u64]) -> LoadReport {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/runs/261120-163001-d4fb/load.json");
        let mut report: LoadReport = serde_json::from_slice(&std::fs::read(folder).unwrap()).unwrap();
        let second = |(second, failed): (u64, &u64)| Second {
            second,
            planned: 100,
            ok: 100 - failed,
            failed: *failed,
            ..Second::default()
        };
        report.seconds = (0..).zip(failed).map(second).collect();
        report.accounting.planned = 100 * failed.len() as u64;
        report.accounting.ok = report.accounting.planned - failed.iter().sum::<u64>();
        report
    }

    #[test]
    fn steady_failures_burn_at_their_rate() {
        let slo = Slo::of(&load(&[2; 20]), 0.99).unwrap();
        assert_eq!((slo.lost, slo.name()), (40, "99 %".to_owned()));
        assert!((slo.allowed - 20.0).abs() < 1e-9 && (slo.budget_burnt - 2.0).abs() < 1e-9, "{slo:?}");
        assert!(slo.alerts.iter().all(|alert| (alert.highest - 2.0).abs() < 1e-9), "{slo:?}");
        assert_eq!(slo.alerts[0].first_at, None, "2 is under 14.4");
        assert_eq!(slo.alerts[2].first_at, Some(1), "2 is over 1");
        assert_eq!(slo.alerts[0].cells(), ["60 s and 5 s", "14.4", "2.00", "no"]);
        assert_eq!(slo.alerts[2].cells()[3], "after 1 s");
    }

    #[test]
    fn an_outage_is_seen_when_it_matters_and_still_goes_on() {
        let mut failed = [0; 20];
        failed[10..14].fill(100);
        let slo = Slo::of(&load(&failed), 0.99).unwrap();
        // One second of eleven is a ninth of all requests lost: burn rate 9; two of twelve are 16.7.
        assert_eq!(slo.alerts[0].first_at, Some(12));
        assert!((slo.budget_burnt - 20.0).abs() < 1e-9);
    }

    #[test]
    fn no_budget_is_no_objective() {
        assert_eq!(Slo::of(&load(&[0]), 1.0), None);
    }
}
