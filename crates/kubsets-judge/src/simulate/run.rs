//! One simulated run, and many of them.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::model::{Latency, Traffic};
use super::stats::{Outcome, RuleOutcome, Stats};
use super::{SimulateSpec, Step, judge_for};
use crate::compare::ClassicRule;
use crate::config::ConfigError;
use crate::judge::{Judge, Verdict};
use crate::tick::Tick;

/// A kind of run that can be repeated.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    judge: Judge,
    warm_up: Traffic,
    steps: Vec<(Traffic, u32)>,
    seed: u64,
}

impl Trial {
    pub(crate) fn new(
        spec: &SimulateSpec,
        steps: &[Step],
        canary_error: f64,
        latency: Option<Latency>,
    ) -> Result<Self, ConfigError> {
        let seconds = steps.iter().map(|step| u64::from(step.seconds)).sum();
        let mut judge = judge_for(&spec.judge, seconds)?;
        if let Some(latency) = latency {
            judge.freeze(&latency.thresholds(spec.judge.slow_margin));
        }
        let errors = [spec.base_error, canary_error];
        let warm_rate = spec.rate * f64::from(spec.warm_up_seconds);
        Ok(Self {
            judge,
            warm_up: Traffic::new(warm_rate, 0.0, errors, latency),
            steps: steps
                .iter()
                .map(|step| (Traffic::new(spec.rate, step.weight, errors, latency), step.seconds))
                .collect(),
            seed: spec.seed,
        })
    }

    /// Random numbers of one run, apart from those of every other run.
    fn random(&self, row: u64, run: u32) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(row << 32 | u64::from(run));
        random
    }

    /// Runs until FAIL, INVALID or the end; PASS is noted but does not stop it, so that later false alarms count.
    fn run(&self, random: &mut ChaCha8Rng) -> Outcome {
        let mut judge = self.judge.clone();
        judge.warm_up(&self.warm_up.draw(random));
        let mut outcome = Outcome::default();
        let mut second = 0;
        for (traffic, seconds) in &self.steps {
            for _ in 0..*seconds {
                second += 1;
                let tick = traffic.draw(random);
                outcome.bad += tick.error.canary.bad;
                match judge.advance(&tick) {
                    Verdict::Fail => {
                        outcome.fail = Some(second);
                        return outcome;
                    }
                    Verdict::Invalid => {
                        outcome.invalid = true;
                        return outcome;
                    }
                    Verdict::Pass => outcome.pass = outcome.pass.or(Some(second)),
                    _ => {}
                }
            }
        }
        outcome
    }

    pub(crate) fn stats(&self, row: u64, runs: u32) -> Stats {
        let outcomes: Vec<Outcome> = (0..runs).map(|run| self.run(&mut self.random(row, run))).collect();
        Stats::new(&outcomes)
    }

    /// What other rules do on the same traffic. For each rule, one outcome per run.
    pub(super) fn compare(&self, rules: &[ClassicRule], row: u64, runs: u32) -> Vec<Vec<RuleOutcome>> {
        let mut found = vec![Vec::with_capacity(runs as usize); rules.len()];
        for run in 0..runs {
            let mut random = self.random(row, run);
            self.warm_up.draw(&mut random);
            let ticks: Vec<Tick> = self
                .steps
                .iter()
                .flat_map(|(traffic, seconds)| (0..*seconds).map(move |_| traffic))
                .map(|traffic| traffic.draw(&mut random))
                .collect();
            for (found, rule) in found.iter_mut().zip(rules) {
                let fail = rule.first_fail(&ticks);
                let until = fail.map_or(ticks.len(), |at| at + 1);
                let bad = ticks[..until].iter().map(|tick| tick.error.canary.bad).sum();
                found.push(RuleOutcome { fail: fail.map(|at| at as u32 + 1), bad });
            }
        }
        found
    }
}
