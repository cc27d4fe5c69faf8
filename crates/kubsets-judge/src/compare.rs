//! How other tools decide, for comparison on the same ticks.
//!
//! None of these rules bounds its false alarms under repeated looks. They are no part of the judge.

mod fisher;
mod mann_whitney;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::tick::{Block, Tick};

pub use fisher::fisher_p;
pub use mann_whitney::{MannWhitney, mann_whitney};

/// A rule of another tool, with its settings. All look at errors only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "kind")]
pub enum ClassicRule {
    /// Argo Rollouts: a success rate over a window is measured at an interval; the run fails when the failed
    /// measurements exceed the limit.
    ArgoLike {
        /// Least success rate, 0 to 1.
        success: f64,
        /// Seconds that a measurement covers; also the time of the first one.
        window_seconds: f64,
        /// Seconds between measurements.
        every_seconds: f64,
        /// Failed measurements that are tolerated.
        failure_limit: u32,
    },
    /// Flagger: a check at each interval over that interval; the run fails when the failed checks reach the
    /// threshold.
    FlaggerLike {
        /// Least success rate, 0 to 1.
        success: f64,
        /// Seconds between checks.
        every_seconds: f64,
        /// Failed checks that end the run.
        threshold: u32,
    },
    /// Fisher's exact test on all counts so far, looked at again and again.
    Fisher {
        /// Level of each look.
        alpha: f64,
        /// Seconds between looks.
        every_seconds: f64,
    },
    /// Mann-Whitney test on error rates per interval, looked at again and again.
    MannWhitney {
        /// One-sided level of each look.
        alpha: f64,
        /// Seconds that make one data point.
        point_seconds: f64,
        /// Seconds between looks.
        every_seconds: f64,
    },
    /// Kayenta: the run fails when the Mann-Whitney confidence interval of the shift clears a tolerance.
    KayentaLike {
        /// Confidence of the interval, 0 to 1.
        confidence: f64,
        /// Tolerance as a multiple of the estimated shift.
        tolerance: f64,
        /// Seconds that make one data point.
        point_seconds: f64,
        /// Seconds between looks.
        every_seconds: f64,
    },
}

/// What a rule says about a recorded run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleVerdict {
    /// Name of the rule with its settings.
    pub rule: String,
    /// Seconds after which it failed the canary; `None` when it never did.
    pub failed_at_seconds: Option<f64>,
    /// One sentence with the numbers.
    pub reason: String,
}

/// Classic figures on a whole recorded run. Each is valid for one look only, at a length fixed beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OneLook {
    /// One-sided p-value of Fisher's exact test that canary fails more often.
    pub fisher_p: f64,
    /// Mann-Whitney test on error rates per interval; `None` without such intervals for both versions.
    pub mann_whitney: Option<MannWhitney>,
}

/// Classic figures on the errors of a recorded run, with `point_seconds` for each point of the Mann-Whitney test.
pub fn one_look(ticks: &[Tick], point_seconds: f64) -> OneLook {
    let (stable, canary) = points(ticks, point_seconds);
    OneLook { fisher_p: fisher_p(sum(ticks)), mann_whitney: mann_whitney(&stable, &canary, 0.98) }
}

impl ClassicRule {
    /// The usual settings of each rule.
    pub fn standard() -> Vec<Self> {
        let argo = |failure_limit| Self::ArgoLike {
            success: 0.99,
            window_seconds: 60.0,
            every_seconds: 30.0,
            failure_limit,
        };
        vec![
            argo(0),
            argo(3),
            Self::FlaggerLike { success: 0.99, every_seconds: 60.0, threshold: 5 },
            Self::Fisher { alpha: 0.01, every_seconds: 5.0 },
            Self::MannWhitney { alpha: 0.01, point_seconds: 10.0, every_seconds: 60.0 },
            Self::KayentaLike { confidence: 0.98, tolerance: 0.25, point_seconds: 10.0, every_seconds: 60.0 },
        ]
    }

    /// Index of the tick after which the rule fails the canary. Ticks without answer from the source are skipped.
    pub fn first_fail(&self, ticks: &[Tick]) -> Option<usize> {
        let mut failures = 0;
        looks(ticks, self.first_look(), self.every()).find(|&at| {
            failures += u32::from(self.objects(&ticks[..=at]));
            failures > self.tolerated()
        })
    }

    /// The verdict on a recorded run, with its reason.
    pub fn judge(&self, ticks: &[Tick]) -> RuleVerdict {
        let failed = self.first_fail(ticks);
        let seen = failed.map_or(ticks, |at| &ticks[..=at]);
        let seconds: f64 = seen.iter().map(|tick| tick.seconds.max(0.0)).sum();
        let Block { stable, canary } = sum(seen);
        let counts = format!(
            "{} of {} canary requests failed, {} of {} of stable",
            canary.bad, canary.n, stable.bad, stable.n
        );
        let reason = match failed {
            Some(_) => format!("fails the canary after {seconds:.0} s: {counts}"),
            None => format!("does not fail the canary in {seconds:.0} s: {counts}"),
        };
        RuleVerdict { rule: self.to_string(), failed_at_seconds: failed.map(|_| seconds), reason }
    }

    fn every(&self) -> f64 {
        match self {
            Self::ArgoLike { every_seconds, .. }
            | Self::FlaggerLike { every_seconds, .. }
            | Self::Fisher { every_seconds, .. }
            | Self::MannWhitney { every_seconds, .. }
            | Self::KayentaLike { every_seconds, .. } => *every_seconds,
        }
    }

    fn first_look(&self) -> f64 {
        match self {
            Self::ArgoLike { window_seconds, .. } => *window_seconds,
            _ => self.every(),
        }
    }

    /// Objections that do not yet fail the run.
    fn tolerated(&self) -> u32 {
        match self {
            Self::ArgoLike { failure_limit, .. } => *failure_limit,
            Self::FlaggerLike { threshold, .. } => threshold.saturating_sub(1),
            _ => 0,
        }
    }

    /// Whether one look at the ticks so far speaks against the canary.
    fn objects(&self, ticks: &[Tick]) -> bool {
        match self {
            Self::ArgoLike { success, window_seconds, .. } => below(*success, latest(ticks, *window_seconds)),
            Self::FlaggerLike { success, every_seconds, .. } => {
                below(*success, latest(ticks, *every_seconds))
            }
            Self::Fisher { alpha, .. } => fisher_p(sum(ticks)) < *alpha,
            Self::MannWhitney { alpha, point_seconds, .. } => {
                let (stable, canary) = points(ticks, *point_seconds);
                mann_whitney(&stable, &canary, 0.98).is_some_and(|test| test.p < *alpha)
            }
            Self::KayentaLike { confidence, tolerance, point_seconds, .. } => {
                let (stable, canary) = points(ticks, *point_seconds);
                mann_whitney(&stable, &canary, *confidence)
                    .is_some_and(|test| test.low > tolerance * test.shift.abs())
            }
        }
    }
}

impl fmt::Display for ClassicRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArgoLike { success, window_seconds, every_seconds, failure_limit } => write!(
                f,
                "argo-like: success under {} % in {window_seconds} s, each {every_seconds} s, failureLimit \
                 {failure_limit}",
                success * 100.0
            ),
            Self::FlaggerLike { success, every_seconds, threshold } => write!(
                f,
                "flagger-like: success under {} % in {every_seconds} s, threshold {threshold}",
                success * 100.0
            ),
            Self::Fisher { alpha, every_seconds } => {
                write!(f, "fisher: p under {alpha}, each {every_seconds} s")
            }
            Self::MannWhitney { alpha, every_seconds, .. } => {
                write!(f, "mann-whitney: p under {alpha}, each {every_seconds} s")
            }
            Self::KayentaLike { confidence, tolerance, every_seconds, .. } => write!(
                f,
                "kayenta-like: {} % interval over {tolerance} of the shift, each {every_seconds} s",
                confidence * 100.0
            ),
        }
    }
}

/// Indices of the ticks at whose end a look is due.
fn looks(ticks: &[Tick], first: f64, every: f64) -> impl Iterator<Item = usize> + '_ {
    let mut due = first;
    let mut elapsed = 0.0;
    ticks.iter().enumerate().filter_map(move |(at, tick)| {
        elapsed += tick.seconds.max(0.0);
        if elapsed + 1e-9 < due {
            return None;
        }
        while every > 0.0 && elapsed + 1e-9 >= due {
            due += every;
        }
        Some(at)
    })
}

fn sum(ticks: &[Tick]) -> Block {
    let mut sum = Block::default();
    for tick in ticks {
        sum += tick.error;
    }
    sum
}

/// Counts of the last so many seconds.
fn latest(ticks: &[Tick], seconds: f64) -> Block {
    let mut left = seconds - 1e-9;
    let from = ticks.iter().rposition(|tick| {
        left -= tick.seconds.max(0.0);
        left <= 0.0
    });
    sum(&ticks[from.unwrap_or(0)..])
}

/// Whether the canary's success rate is too low; no traffic is no measurement.
fn below(success: f64, block: Block) -> bool {
    block.canary.n > 0 && 1.0 - block.canary.rate() < success - 1e-12
}

/// Error rates per interval of stable and of canary; intervals without requests are left out.
fn points(ticks: &[Tick], seconds: f64) -> (Vec<f64>, Vec<f64>) {
    let (mut stable, mut canary) = (Vec::new(), Vec::new());
    let mut from = 0;
    for at in looks(ticks, seconds, seconds) {
        let block = sum(&ticks[from..=at]);
        from = at + 1;
        if block.stable.n > 0 {
            stable.push(block.stable.rate());
        }
        if block.canary.n > 0 {
            canary.push(block.canary.rate());
        }
    }
    (stable, canary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Counts;

    fn series(seconds: usize, canary_bad_each: usize) -> Vec<Tick> {
        (1..=seconds)
            .map(|second| {
                let bad = u64::from(canary_bad_each > 0 && second % canary_bad_each == 0);
                Tick::errors(0.1, Block::new(Counts::new(90, 0), Counts::new(10, bad)))
            })
            .collect()
    }

    fn seconds(rule: &ClassicRule, ticks: &[Tick]) -> Option<f64> {
        rule.judge(ticks).failed_at_seconds
    }

    #[test]
    fn threshold_rules_look_when_their_tools_do() {
        let rules = ClassicRule::standard();
        let [argo, argo_three, flagger, ..] = &rules[..] else { panic!("six rules") };
        // 5 % errors.
        let bad = series(400, 2);
        assert_eq!(seconds(argo, &bad), Some(60.0));
        assert_eq!(seconds(argo_three, &bad), Some(150.0));
        assert_eq!(seconds(flagger, &bad), Some(300.0));
        // Exactly 1 % is still a success rate of 99 %.
        assert_eq!(seconds(argo, &series(400, 10)), None);
    }

    #[test]
    fn fisher_and_mann_whitney_find_the_bad_canary() {
        let rules = ClassicRule::standard();
        let bad = series(300, 2);
        assert_eq!(seconds(&rules[3], &bad), Some(5.0));
        assert_eq!(seconds(&rules[4], &bad), Some(60.0));
        assert_eq!(seconds(&rules[5], &bad), Some(60.0));
        let good = series(300, 0);
        assert!(rules.iter().all(|rule| seconds(rule, &good).is_none()));
    }

    #[test]
    fn one_look_has_the_classic_figures() {
        let look = one_look(&series(100, 2), 10.0);
        assert!(look.fisher_p < 1e-30, "{look:?}");
        let test = look.mann_whitney.expect("ten points each");
        assert!((test.u - 100.0).abs() < f64::EPSILON && (test.shift - 0.05).abs() < 1e-9, "{test:?}");
        assert_eq!(one_look(&[], 10.0).mann_whitney, None);
    }

    #[test]
    fn verdict_has_numbers() {
        let verdict = ClassicRule::standard()[0].judge(&series(400, 2));
        assert_eq!(verdict.rule, "argo-like: success under 99 % in 60 s, each 30 s, failureLimit 0");
        assert_eq!(
            verdict.reason,
            "fails the canary after 60 s: 30 of 600 canary requests failed, 0 of 5400 of stable"
        );
    }

    #[test]
    fn no_traffic_is_no_measurement() {
        let idle = vec![Tick::default(); 600];
        assert!(ClassicRule::standard().iter().all(|rule| rule.first_fail(&idle).is_none()));
    }
}
