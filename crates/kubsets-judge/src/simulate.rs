//! Tries a setup many times without a cluster: false alarms, time to detect, failed requests that users see.
//!
//! Requests arrive at random (Poisson) and fail independently. Counts per second are drawn directly, so thousands
//! of runs take less than a second. The judge that decides is the one of the live run. The same seed gives the
//! same report.

mod model;
mod poisson;
mod run;
mod stats;

use serde::{Deserialize, Serialize};

use crate::compare::ClassicRule;
use crate::config::{ConfigError, JudgeConfig};
use crate::judge::Judge;
use crate::tick::Indicator;

pub use model::Latency;
pub use stats::{RuleStats, Stats};

pub(crate) use run::Trial;

/// Runs per row unless asked otherwise.
const RUNS: u64 = 2_000;
/// Seconds simulated in all, times indicators, before the number of runs is cut, so that a report takes about a
/// second on a slow core.
const MOST_TICKS: u64 = 2_400_000;
/// Fewest runs that the cut leaves.
const LEAST_RUNS: u64 = 200;
/// Runs that the comparison with other rules takes at most; they are slower, the more so the longer the run.
const COMPARED_RUNS: u32 = 200;
/// Seconds that the comparison simulates per row before its runs are cut down to a quarter.
const COMPARED_TICKS: u32 = 60_000;

/// A stretch of the run with one weight.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Share of the traffic for the canary, over 0 and up to 1.
    pub weight: f64,
    /// Length in seconds.
    pub seconds: u32,
}

/// What to simulate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SimulateSpec {
    /// Error rate of the bad canary, 0 to 1.
    pub canary_error: f64,
    /// Error rate of stable, and of the canary that is no worse, 0 to 1.
    pub base_error: f64,
    /// Requests per second to both versions together.
    pub rate: f64,
    /// Weights to try, each over 0 and up to 1. Each gets a row of its own; several get a last row that goes
    /// through them in order.
    pub weights: Vec<f64>,
    /// Seconds at each weight.
    pub step_seconds: u32,
    /// Seconds in which only stable serves, before the canary starts.
    pub warm_up_seconds: u32,
    /// Latencies; `None` simulates errors only.
    pub latency: Option<Latency>,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Runs per row; `None` takes 2,000, or fewer (at least 200) where that would take seconds.
    pub runs: Option<u32>,
    /// Adds what other tools' rules would have done.
    pub compare: bool,
    /// The judge. Its time budget is replaced by the length of the run.
    pub judge: JudgeConfig,
}

impl Default for SimulateSpec {
    fn default() -> Self {
        Self {
            canary_error: 0.05,
            base_error: 0.001,
            rate: 100.0,
            weights: vec![0.1],
            step_seconds: 300,
            warm_up_seconds: 20,
            latency: None,
            seed: 1,
            runs: None,
            compare: false,
            judge: JudgeConfig::errors_only(),
        }
    }
}

/// What came out, for one weight or for all of them in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The steps of this row.
    pub steps: Vec<Step>,
    /// Runs behind each figure.
    pub runs: u32,
    /// Canary no worse than stable: FAIL is a false alarm here.
    pub equal: Stats,
    /// Canary as bad as asked for: FAIL is right here.
    pub worse: Stats,
    /// Other tools' rules on the same kind of traffic; empty unless asked for.
    pub rules: Vec<RuleStats>,
}

/// The outcome of a simulation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimulateReport {
    /// What was simulated.
    pub spec: SimulateSpec,
    /// One row per weight, and one for all weights in order where there are several.
    pub rows: Vec<Row>,
}

impl SimulateSpec {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that cannot work, with its value and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let share = "a share from 0 to 1";
        for (field, value) in [("canary_error", self.canary_error), ("base_error", self.base_error)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(ConfigError::new(field, value, share));
            }
        }
        check_rate(self.rate)?;
        if self.weights.is_empty() {
            return Err(ConfigError::new("weights", "empty", "a list of shares over 0 and up to 1"));
        }
        for &weight in &self.weights {
            check_weight(weight)?;
        }
        check_seconds("step_seconds", self.step_seconds)?;
        if self.warm_up_seconds > MOST_SECONDS {
            return Err(ConfigError::new("warm_up_seconds", self.warm_up_seconds, "seconds from 0 to 86400"));
        }
        if self.runs == Some(0) {
            return Err(ConfigError::new("runs", 0, "a whole number from 1 up"));
        }
        if let Some(latency) = &self.latency {
            latency.validate()?;
        } else if let Some(slow) = self.judge.indicators.iter().find(|one| **one != Indicator::Error) {
            return Err(ConfigError::new(
                "judge.indicators",
                slow,
                "only error, unless latency is simulated",
            ));
        }
        self.judge.validate()
    }

    /// The rows' steps.
    fn schedules(&self) -> Vec<Vec<Step>> {
        let steps: Vec<Step> =
            self.weights.iter().map(|&weight| Step { weight, seconds: self.step_seconds }).collect();
        let mut schedules: Vec<Vec<Step>> = steps.iter().map(|&step| vec![step]).collect();
        if steps.len() > 1 {
            schedules.push(steps);
        }
        schedules
    }

    fn runs(&self, schedules: &[Vec<Step>]) -> u32 {
        let ticks: u64 = schedules.iter().flatten().map(|step| 2 * u64::from(step.seconds)).sum();
        let cost = ticks.max(1) * self.judge.indicators.len() as u64;
        let affordable = (MOST_TICKS / cost).clamp(LEAST_RUNS, RUNS);
        self.runs.unwrap_or(u32::try_from(affordable).unwrap_or(u32::MAX))
    }
}

const MOST_SECONDS: u32 = 86_400;

pub(crate) fn check_rate(rate: f64) -> Result<(), ConfigError> {
    if rate.is_finite() && rate > 0.0 && rate <= 1e6 {
        return Ok(());
    }
    Err(ConfigError::new("rate", rate, "requests per second over 0 and up to 1000000"))
}

pub(crate) fn check_weight(weight: f64) -> Result<(), ConfigError> {
    if weight > 0.0 && weight <= 1.0 {
        return Ok(());
    }
    Err(ConfigError::new("weights", weight, "a list of shares over 0 and up to 1"))
}

pub(crate) fn check_seconds(field: &'static str, seconds: u32) -> Result<(), ConfigError> {
    if (1..=MOST_SECONDS).contains(&seconds) {
        return Ok(());
    }
    Err(ConfigError::new(field, seconds, "seconds from 1 to 86400"))
}

/// Simulates each weight, with a canary that is no worse and with one that is as bad as asked for.
///
/// # Errors
/// The first field of the specification that cannot work.
pub fn simulate(spec: &SimulateSpec) -> Result<SimulateReport, ConfigError> {
    spec.validate()?;
    let schedules = spec.schedules();
    let runs = spec.runs(&schedules);
    let mut rows = Vec::with_capacity(schedules.len());
    for (at, steps) in schedules.into_iter().enumerate() {
        let seed_row = 2 * at as u64;
        let equal = Trial::new(spec, &steps, spec.base_error, spec.latency.map(Latency::unchanged))?;
        let worse = Trial::new(spec, &steps, spec.canary_error, spec.latency)?;
        let rules = if spec.compare {
            let seconds: u32 = steps.iter().map(|step| step.seconds).sum();
            let affordable = (COMPARED_TICKS / seconds).clamp(COMPARED_RUNS / 4, COMPARED_RUNS);
            let compared = runs.min(affordable);
            let classic = ClassicRule::standard();
            let equal_found = equal.compare(&classic, seed_row, compared);
            let worse_found = worse.compare(&classic, seed_row + 1, compared);
            stats::rules(&classic, &equal_found, &worse_found)
        } else {
            Vec::new()
        };
        rows.push(Row {
            equal: equal.stats(seed_row, runs),
            worse: worse.stats(seed_row + 1, runs),
            steps,
            runs,
            rules,
        });
    }
    Ok(SimulateReport { spec: spec.clone(), rows })
}

/// A judge for a simulated run of this length.
fn judge_for(config: &JudgeConfig, seconds: u64) -> Result<Judge, ConfigError> {
    Judge::new(JudgeConfig { budget_seconds: seconds.max(1) as f64, ..config.clone() })
}

#[cfg(test)]
mod tests;
