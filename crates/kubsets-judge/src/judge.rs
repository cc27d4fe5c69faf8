//! The judge: ticks in, decisions out.

mod burn;
mod decision;
mod reason;

use crate::config::{ConfigError, JudgeConfig};
use crate::eprocess::{LimitTest, TwoByTwo, evidence, log_mean_exp};
use crate::latency::Thresholds;
use crate::share::{Estimate, SplitTest};
use crate::tick::{Block, Counts, Indicator, Source, Tick};

use burn::BurnWindow;
pub use decision::{Decision, Evidence, IndicatorEvidence, Rule, Verdict};

/// One indicator: its evidence and what was counted, over the run and since the weight last changed.
#[derive(Debug, Clone)]
struct Watch {
    indicator: Indicator,
    test: TwoByTwo,
    run: Block,
    step: Block,
}

impl Watch {
    /// How much worse the canary is: over the run or since the weight changed, whichever is more. A canary that
    /// turns bad late would else hide behind its good past.
    fn effect(&self) -> f64 {
        self.run.effect().max(self.step.effect())
    }
}

/// Judges one canary run.
///
/// Feed it every tick; it looks each time. `Fail` and `Invalid` are final and stay; `Pass` says that the evidence
/// is there now, and later ticks may still turn it.
#[derive(Debug, Clone)]
pub struct Judge {
    config: JudgeConfig,
    watches: Vec<Watch>,
    margins: [f64; 3],
    limit: LimitTest,
    split: SplitTest,
    burn: Option<BurnWindow>,
    elapsed_seconds: f64,
    quiet_seconds: f64,
    down_seconds: f64,
    weight: Option<f64>,
    step: Counts,
    step_seconds: f64,
    verdict: Verdict,
    rule: Rule,
}

impl Judge {
    /// A judge at the start of a run.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn new(config: JudgeConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let watches = config
            .indicators
            .iter()
            .map(|&indicator| Watch {
                indicator,
                test: TwoByTwo::new(&config, indicator),
                run: Block::default(),
                step: Block::default(),
            })
            .collect();
        Ok(Self {
            watches,
            margins: Thresholds::ASSUMED_MARGINS,
            limit: LimitTest::new(&config),
            split: SplitTest::new(&config),
            burn: config.burn.map(BurnWindow::new),
            elapsed_seconds: 0.0,
            quiet_seconds: 0.0,
            down_seconds: 0.0,
            weight: None,
            step: Counts::default(),
            step_seconds: 0.0,
            verdict: Verdict::Hold,
            rule: Rule::None,
            config,
        })
    }

    /// The settings in force.
    pub fn config(&self) -> &JudgeConfig {
        &self.config
    }

    /// Learns stable's rates from a tick before the canary gets traffic. Costs none of the time budget.
    pub fn warm_up(&mut self, tick: &Tick) {
        for watch in &mut self.watches {
            watch.test.warm_up(tick.block(watch.indicator).stable);
        }
    }

    /// Takes the practical margins of the latency indicators from the frozen thresholds. Without this call those
    /// of log-normal latencies with a spread of 0.5 are assumed.
    pub fn freeze(&mut self, thresholds: &Thresholds) {
        self.margins = thresholds.margins;
    }

    /// Adds a tick and says what follows from everything seen so far.
    pub fn observe(&mut self, tick: &Tick) -> Decision {
        self.advance(tick);
        Decision::new(self.verdict, self.explain())
    }

    /// Adds a tick without writing the evidence down. What [`Self::observe`] does, and what the simulation runs.
    pub(crate) fn advance(&mut self, tick: &Tick) -> Verdict {
        if matches!(self.verdict, Verdict::Fail | Verdict::Invalid) {
            return self.verdict;
        }
        let seconds = if tick.seconds.is_finite() { tick.seconds.max(0.0) } else { 0.0 };
        self.elapsed_seconds += seconds;
        if tick.source == Source::Down {
            self.down_seconds += seconds;
        } else {
            self.down_seconds = 0.0;
            self.quiet_seconds = if tick.error.canary.n == 0 { self.quiet_seconds + seconds } else { 0.0 };
            self.count(tick, seconds);
        }
        (self.verdict, self.rule) = self.decide(tick.source);
        self.verdict
    }

    fn count(&mut self, tick: &Tick, seconds: f64) {
        let weight = tick.weight.filter(|weight| (0.0..=1.0).contains(weight));
        let new_step = weight.map(f64::to_bits) != self.weight.map(f64::to_bits);
        if new_step {
            self.weight = weight;
            self.step = Counts::default();
            self.step_seconds = 0.0;
        }
        if self.step_seconds >= self.config.settle_seconds {
            // For the share `bad` counts the canary's requests among all.
            self.step += Counts::new(tick.error.total(), tick.error.canary.n);
            if let Some(weight) = weight {
                self.split.observe(tick.error.canary.n, tick.error.total(), weight);
            }
        }
        self.step_seconds += seconds;
        if let Some(burn) = &mut self.burn {
            burn.observe(tick.error.capped());
        }
        self.limit.observe(tick.error.canary);
        for watch in &mut self.watches {
            let block = tick.block(watch.indicator).capped();
            if new_step {
                watch.step = Block::default();
            }
            watch.step += block;
            watch.run += block;
            watch.test.observe(block);
        }
    }

    fn decide(&self, source: Source) -> (Verdict, Rule) {
        let split_level = -self.config.split_alpha.ln();
        if self.split.log_e_bound() >= split_level && self.split.log_e() >= split_level {
            return (Verdict::Invalid, Rule::Split);
        }
        if let Some(burn) = &self.burn
            && burn.burns(self.error_rate_of_stable())
        {
            return (Verdict::Fail, Rule::Burn);
        }
        if let Some(indicator) = self.failing() {
            return (Verdict::Fail, Rule::Worse(indicator));
        }
        let pass_level = -self.config.pass_alpha.ln();
        let passed = self.limit.log_e_bound() >= pass_level && self.limit.log_e() >= pass_level;
        if passed && source == Source::Up {
            return (Verdict::Pass, Rule::Limit);
        }
        if self.elapsed_seconds + 1e-9 >= self.config.budget_seconds {
            return (Verdict::Inconclusive, Rule::Budget);
        }
        if source == Source::Down {
            return (Verdict::SourceDown, Rule::None);
        }
        if self.quiet_seconds >= self.config.no_data_seconds {
            return (Verdict::NoData, Rule::None);
        }
        (Verdict::Hold, Rule::None)
    }

    /// The indicator that condemns the canary, if the evidence is there.
    fn failing(&self) -> Option<Indicator> {
        let level = -self.config.alpha.ln();
        // The mean of several numbers reaches a level only if one of them does; most ticks end here.
        if self.watches.iter().all(|watch| watch.test.log_e_bound() < level) || self.log_fail() < level {
            return None;
        }
        self.watches
            .iter()
            .filter(|watch| {
                watch.test.log_e() >= level
                    && watch.run.canary.bad >= self.config.min_bad
                    && watch.effect() >= self.margin(watch.indicator)
            })
            .max_by(|one, other| one.test.log_e().total_cmp(&other.test.log_e()))
            .map(|watch| watch.indicator)
    }

    fn log_fail(&self) -> f64 {
        let logs: Vec<f64> = self.watches.iter().map(|watch| watch.test.log_e()).collect();
        log_mean_exp(&logs)
    }

    fn margin(&self, indicator: Indicator) -> f64 {
        // Without a margin the user wants none on latency either.
        let slow = |at: usize| if self.config.slow_margin > 0.0 { self.margins[at] } else { 0.0 };
        match indicator {
            Indicator::Error => self.config.error_margin,
            Indicator::Slow50 => slow(0),
            Indicator::Slow90 => slow(1),
            Indicator::Slow99 => slow(2),
        }
    }

    fn error_rate_of_stable(&self) -> f64 {
        self.watches
            .iter()
            .find(|watch| watch.indicator == Indicator::Error)
            .map_or(self.config.prior_mean, |watch| watch.test.stable_rate())
    }

    /// The evidence as it stands, with the sentence that explains the last verdict.
    pub fn explain(&self) -> Evidence {
        let per_indicator = self
            .watches
            .iter()
            .map(|watch| IndicatorEvidence {
                indicator: watch.indicator,
                evidence: evidence(watch.test.log_e()),
                stable: watch.run.stable,
                canary: watch.run.canary,
                effect: watch.effect(),
                margin: self.margin(watch.indicator),
            })
            .collect();
        let mut found = Evidence {
            fail: evidence(self.log_fail()),
            fail_needed: 1.0 / self.config.alpha,
            pass: evidence(self.limit.log_e()),
            pass_needed: 1.0 / self.config.pass_alpha,
            split: evidence(self.split.log_e()),
            split_needed: 1.0 / self.config.split_alpha,
            per_indicator,
            canary: self.limit.seen(),
            share: Estimate::new(self.step.bad, self.step.n),
            weight: self.weight,
            elapsed_seconds: self.elapsed_seconds,
            rule: self.rule,
            reason: String::new(),
        };
        found.reason = reason::sentence(self, &found);
        found
    }
}

#[cfg(test)]
mod tests;
