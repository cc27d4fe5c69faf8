//! Between load and judge: seconds of traffic in, looks at the evidence out. Pure.

use std::time::Duration;

use kubsets_judge::{
    Block, ConfigError, Counts, Decision, Judge, JudgeConfig, LimitTest, Thresholds, Tick as JudgeTick,
};
use kubsets_load::{Latencies, Tick, VersionTick};

use crate::event::SlowTick;

/// Seconds of warm-up that are kept to learn stable's rates from.
const MOST_WARM: usize = 300;
/// Smallest rise in the share of slow requests that matters: pods on different nodes differ by less.
const LEAST_RISE: f64 = 0.02;
/// First seconds that are left out: connections are being opened.
const COLD: usize = 2;

/// What the evidence says after a second.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// The judge's decision over the whole run.
    pub(crate) decision: Decision,
    /// Evidence of this step that the canary is below the limit.
    pub(crate) step_evidence: f64,
    /// Whether this step has enough of it.
    pub(crate) step_passed: bool,
    /// What this step has judged so far.
    pub(crate) step_errors: Block,
}

/// Stable's latency, which says from now on what is slow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Baseline {
    /// Requests measured.
    pub(crate) requests: u64,
    /// Above these a request is slow.
    pub(crate) above: [Duration; 3],
    /// Rises of the shares of slow requests that matter.
    pub(crate) margins: [f64; 3],
    /// Slow answers among those measured.
    pub(crate) slow: SlowTick,
}

/// The judge with everything that turns traffic into its ticks.
///
/// One judge watches the whole run, so that the chance of a false alarm holds over all steps
/// together. Passing is shown by each step for itself: its limit test begins anew with the step.
#[derive(Debug)]
pub(crate) struct Bench {
    config: JudgeConfig,
    floor: Duration,
    canary: String,
    warm: Vec<Tick>,
    warm_seconds: usize,
    seen: usize,
    thresholds: Option<[Duration; 3]>,
    judge: Judge,
    step: LimitTest,
    step_errors: Block,
    share: f64,
}

impl Bench {
    /// A bench before the warm-up.
    pub(crate) fn new(config: &JudgeConfig, floor: Duration) -> Result<Self, ConfigError> {
        Ok(Self {
            judge: Judge::new(config.clone())?,
            step: LimitTest::new(config),
            config: config.clone(),
            floor,
            canary: String::new(),
            warm: Vec::new(),
            warm_seconds: 0,
            seen: 0,
            thresholds: None,
            step_errors: Block::default(),
            share: 0.0,
        })
    }

    /// Learns from a second in which stable alone serves.
    pub(crate) fn warm_up(&mut self, tick: &Tick) {
        self.seen += 1;
        if self.seen <= COLD || tick.disturbed {
            return;
        }
        self.warm_seconds += 1;
        if self.warm.len() < MOST_WARM {
            self.warm.push(tick.clone());
        }
    }

    /// Seconds in which stable was seen undisturbed so far.
    pub(crate) fn warm_seconds(&self) -> usize {
        self.warm_seconds
    }

    /// Fixes what is slow, from the seconds so far; `canary` is the version that is judged from now on.
    pub(crate) fn freeze(&mut self, canary: &str) -> Baseline {
        canary.clone_into(&mut self.canary);
        let mut all = Latencies::default();
        for tick in &self.warm {
            tick.versions.values().for_each(|version| all.merge(&version.latencies));
        }
        let above = [0.5, 0.9, 0.99].map(|q| {
            let latency = all.quantile(q).unwrap_or_default();
            latency + self.floor.max(latency.mul_f64(self.config.slow_margin))
        });
        let limits = self.limits(&all, above);
        self.judge.freeze(&limits);
        self.thresholds = Some(above);
        for tick in std::mem::take(&mut self.warm) {
            let tick = self.judge_tick(&tick, None);
            self.judge.warm_up(&tick);
        }
        Baseline { requests: all.count(), above, margins: limits.margins, slow: slow(&all, above) }
    }

    /// Slow answers of one side, once it is known what is slow.
    pub(crate) fn slow(&self, side: &VersionTick) -> Option<SlowTick> {
        self.thresholds.map(|above| slow(&side.latencies, above))
    }

    /// The limits as the judge wants them. A request is slow when it exceeds a percentile of stable by
    /// the floor; what matters is a canary that is slower by the floor throughout, or at least
    /// by [`LEAST_RISE`] in the share of slow requests.
    fn limits(&self, stable: &Latencies, above: [Duration; 3]) -> Thresholds {
        let count = stable.count().max(1) as f64;
        let share_above = |limit: Duration| stable.count_above(limit) as f64 / count;
        let margins = above.map(|limit| {
            let slower = self.floor.max(limit.mul_f64(self.config.slow_margin));
            (share_above(limit.saturating_sub(slower)) - share_above(limit)).max(LEAST_RISE)
        });
        Thresholds { above: above.map(|limit| limit.as_secs_f64() * 1e3), margins }
    }

    /// A step with this share (0 to 1) begins.
    pub(crate) fn begin_step(&mut self, share: f64) {
        self.share = share;
        self.step = LimitTest::new(&self.config);
        self.step_errors = Block::default();
    }

    /// Adds a second that counts.
    pub(crate) fn observe(&mut self, tick: &Tick) -> Look {
        let judged = if tick.disturbed {
            JudgeTick::down(1.0)
        } else {
            let judged = self.judge_tick(tick, Some(self.share));
            self.step.observe(judged.error.canary);
            self.step_errors += judged.error;
            judged
        };
        let log_e = self.step.log_e();
        Look {
            decision: self.judge.observe(&judged),
            step_evidence: log_e.min(690.0).exp(),
            step_passed: log_e >= -self.config.pass_alpha.ln(),
            step_errors: self.step_errors,
        }
    }

    /// Evidence that a step needs.
    pub(crate) fn pass_needed(&self) -> f64 {
        1.0 / self.config.pass_alpha
    }

    /// Evidence that FAIL needs.
    pub(crate) fn fail_needed(&self) -> f64 {
        1.0 / self.config.alpha
    }

    fn judge_tick(&self, tick: &Tick, weight: Option<f64>) -> JudgeTick {
        let (stable, canary) = split(tick, &self.canary);
        let (lost_stable, lost_canary) = attribute(tick, &stable, &canary, weight);
        let error = Block::new(
            Counts::new(stable.count + lost_stable, stable.bad + lost_stable),
            Counts::new(canary.count + lost_canary, canary.bad + lost_canary),
        );
        let [slow_stable, slow_canary] = [&stable, &canary].map(|side| self.slow(side).unwrap_or_default());
        let [slow50, slow90, slow99] = SlowTick::blocks(slow_stable, slow_canary);
        JudgeTick { seconds: 1.0, weight, error, slow50, slow90, slow99, ..JudgeTick::default() }
    }
}

fn slow(latencies: &Latencies, above: [Duration; 3]) -> SlowTick {
    let above = above.map(|threshold| latencies.count_above(threshold));
    SlowTick { answers: latencies.count(), above }
}

/// Answers of the stable side (every other version) and of the canary.
pub(crate) fn split(tick: &Tick, canary: &str) -> (VersionTick, VersionTick) {
    let mut stable = VersionTick::default();
    let mut new = VersionTick::default();
    for (version, side) in &tick.versions {
        if version == canary { new.merge(side) } else { stable.merge(side) }
    }
    (stable, new)
}

/// Puts requests that neither version answered down to the side that is short of its share: a canary
/// that crashes or hangs cannot name itself. Gives those of stable and those of the canary.
fn attribute(tick: &Tick, stable: &VersionTick, canary: &VersionTick, weight: Option<f64>) -> (u64, u64) {
    let lost = dropped(tick);
    let total = stable.count + canary.count + lost;
    let due = weight.map_or(0, |share| (share * total as f64).round() as u64);
    let of_canary = due.saturating_sub(canary.count).min(lost);
    (lost - of_canary, of_canary)
}

/// Requests that neither version answered: resets, timeouts, and failures of the gateway itself.
pub(crate) fn dropped(tick: &Tick) -> u64 {
    tick.unversioned.bad + tick.unanswered()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use kubsets_judge::Verdict;

    /// A second with answers of `stable` and `canary`, each as (requests, failed, latency in ms).
    pub(crate) fn second(stable: (u64, u64, u64), canary: (u64, u64, u64)) -> Tick {
        let side = |(count, bad, latency): (u64, u64, u64)| {
            let good = count - bad;
            let buckets = if good > 0 { vec![(latency * 1_000_000, good)] } else { Vec::new() };
            let latencies = serde_json::from_value(serde_json::json!(buckets)).unwrap();
            VersionTick { count, bad, latencies }
        };
        let mut tick = Tick { planned: stable.0 + canary.0, ..Tick::default() };
        tick.ok = stable.0 + canary.0 - stable.1 - canary.1;
        tick.failed = stable.1 + canary.1;
        for (version, counts) in [("1", stable), ("2", canary)] {
            if counts.0 > 0 {
                tick.versions.insert(version.to_owned(), side(counts));
            }
        }
        tick
    }

    fn warm_bench() -> Bench {
        let mut bench = Bench::new(&JudgeConfig::default(), Duration::from_millis(5)).unwrap();
        for _ in 0..22 {
            bench.warm_up(&second((100, 0, 10), (0, 0, 0)));
        }
        assert_eq!(bench.warm_seconds(), 20);
        let baseline = bench.freeze("2");
        assert_eq!((baseline.requests, baseline.slow.answers), (2000, 2000));
        assert!(baseline.above[0] >= Duration::from_millis(15));
        bench
    }

    #[test]
    fn a_warm_up_may_last_longer_than_what_is_kept_of_it() {
        let mut bench = Bench::new(&JudgeConfig::default(), Duration::from_millis(5)).unwrap();
        for _ in 0..COLD + MOST_WARM + 60 {
            bench.warm_up(&second((100, 0, 10), (0, 0, 0)));
        }
        assert_eq!(bench.warm_seconds(), MOST_WARM + 60);
        assert_eq!(bench.freeze("2").requests, 100 * MOST_WARM as u64);
    }

    #[test]
    fn a_bad_canary_fails_within_seconds() {
        let mut bench = warm_bench();
        bench.begin_step(0.1);
        let mut seconds = 0;
        while bench.observe(&second((90, 0, 10), (10, 1, 10))).decision.verdict() != Verdict::Fail {
            seconds += 1;
            assert!(seconds < 20);
        }
    }

    #[test]
    fn each_step_passes_on_its_own_requests() {
        let mut bench = warm_bench();
        bench.begin_step(0.5);
        let mut look = bench.observe(&second((50, 0, 10), (50, 0, 10)));
        assert!(!look.step_passed);
        for _ in 0..8 {
            look = bench.observe(&second((50, 0, 10), (50, 0, 10)));
        }
        assert!(look.step_passed && look.step_evidence >= bench.pass_needed());
        bench.begin_step(1.0);
        let look = bench.observe(&second((0, 0, 10), (100, 0, 10)));
        assert!(!look.step_passed);
        assert_ne!(look.decision.verdict(), Verdict::Invalid);
    }

    #[test]
    fn slower_by_less_than_the_floor_is_no_failure_but_slow_is() {
        let mut bench = warm_bench();
        bench.begin_step(0.1);
        for _ in 0..60 {
            let look = bench.observe(&second((90, 0, 10), (10, 0, 13)));
            assert_ne!(look.decision.verdict(), Verdict::Fail, "{}", look.decision.reason());
        }
        let mut seconds = 0;
        while bench.observe(&second((90, 0, 10), (10, 0, 200))).decision.verdict() != Verdict::Fail {
            seconds += 1;
            assert!(seconds < 60);
        }
    }

    #[test]
    fn a_canary_that_does_not_answer_is_found_by_what_is_missing() {
        let mut bench = warm_bench();
        bench.begin_step(0.1);
        let mut tick = second((90, 0, 10), (2, 0, 10));
        tick.unversioned = VersionTick { count: 5, bad: 5, ..VersionTick::default() };
        tick.failed += 5 + 3;
        let parts = split(&tick, "2");
        assert_eq!(attribute(&tick, &parts.0, &parts.1, Some(0.1)), (0, 8));
        assert_eq!(attribute(&tick, &parts.0, &parts.1, None), (8, 0));
        bench.observe(&tick);
        assert_eq!(bench.observe(&tick).decision.verdict(), Verdict::Fail);
    }

    #[test]
    fn answers_without_version_are_dropped_requests() {
        let mut tick = second((10, 2, 10), (5, 1, 10));
        tick.unversioned = VersionTick { count: 3, bad: 3, ..VersionTick::default() };
        tick.failed += 3 + 2;
        tick.timed_out = 1;
        assert_eq!(dropped(&tick), 3 + 2 + 1);
    }
}
