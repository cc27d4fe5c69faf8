//! What each verdict needs in requests and seconds, told before the start.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::{ConfigError, JudgeConfig};
use crate::eprocess::LimitTest;
use crate::share::requests_for_half_width;
use crate::simulate::{Latency, SimulateSpec, Stats, Step, Trial, check_rate, check_seconds, check_weight};

/// Seconds simulated at most for the expected times.
const MOST_TICKS: u64 = 400_000;
/// Chance of PASS for a good canary below which a plan is refused.
const HOPELESS: f64 = 0.05;
/// Chance of a verdict below which a plan comes with a warning.
const UNSURE: f64 = 0.8;

/// The run to plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PlanSpec {
    /// Requests per second to both versions together.
    pub rate: f64,
    /// The weights in order, with their lengths.
    pub steps: Vec<Step>,
    /// Stable's error rate as far as known, 0 to 1.
    pub base_error: f64,
    /// Error rate of the bad canary that the expected detection is computed for.
    pub bad_error: f64,
    /// Seconds in which only stable serves, before the canary starts.
    pub warm_up_seconds: u32,
    /// The judge of the run.
    pub judge: JudgeConfig,
}

impl Default for PlanSpec {
    fn default() -> Self {
        Self {
            rate: 100.0,
            steps: [0.05, 0.1, 0.25, 0.5, 1.0].map(|weight| Step { weight, seconds: 30 }).to_vec(),
            base_error: 0.001,
            bad_error: 0.05,
            warm_up_seconds: 20,
            judge: JudgeConfig::default(),
        }
    }
}

/// Requests and seconds until a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Need {
    /// Canary requests.
    pub requests: u64,
    /// Seconds after the canary starts at which the plan has sent them; `None` when it never does.
    pub seconds: Option<f64>,
}

/// One step with what it brings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// The step.
    pub step: Step,
    /// Canary requests in it.
    pub canary_requests: u64,
    /// Canary requests up to its end.
    pub canary_requests_so_far: u64,
    /// Requests that show the split to within a tenth of the weight (at least one point) to each side at 95 %.
    pub split_requests: u64,
}

/// The needs of each verdict, and what to expect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// What was planned.
    pub spec: PlanSpec,
    /// Seconds judged: all steps, or the time budget where that is shorter.
    pub seconds: f64,
    /// The steps one by one.
    pub steps: Vec<PlannedStep>,
    /// PASS when no canary request fails.
    pub pass_clean: Need,
    /// PASS when one canary request fails; `None` when no number of requests outweighs it.
    pub pass_one_failure: Option<Need>,
    /// Expected with a canary as good as stable.
    pub good: Stats,
    /// Expected with the bad canary.
    pub bad: Stats,
    /// Runs behind the expected figures.
    pub runs: u32,
    /// Sentences on what this plan is weak at.
    pub warnings: Vec<String>,
}

/// Why a plan is refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A field that cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Not even a faultless canary can pass in the time.
    #[error(
        "PASS at an error rate under {limit_percent} % needs {needed} canary requests, but this plan sends \
         {available} in {seconds:.0} s"
    )]
    TooFewRequests {
        /// The limit in percent.
        limit_percent: f64,
        /// Canary requests needed when none fails.
        needed: u64,
        /// Canary requests in the plan.
        available: u64,
        /// Length of the plan.
        seconds: f64,
        /// Factor by which rate or time fall short.
        factor: f64,
    },
    /// Stable itself does not meet the limit.
    #[error(
        "stable fails {base_percent} % of its requests, so a canary as good cannot pass a limit of {limit_percent} %"
    )]
    LimitUnderBase {
        /// Stable's error rate in percent.
        base_percent: f64,
        /// The limit in percent.
        limit_percent: f64,
    },
    /// A good canary would almost never pass.
    #[error(
        "a canary as good as stable ({base_percent} % errors) passes a limit of {limit_percent} % in only \
         {chance_percent:.0} % of runs of {seconds:.0} s"
    )]
    Hopeless {
        /// Stable's error rate in percent.
        base_percent: f64,
        /// The limit in percent.
        limit_percent: f64,
        /// Chance of PASS in percent.
        chance_percent: f64,
        /// Length of the plan.
        seconds: f64,
    },
}

impl PlanError {
    /// What to change.
    pub fn hint(&self) -> String {
        match self {
            Self::Config(error) => format!("set {} to {}", error.field, error.accepted),
            Self::TooFewRequests { factor, seconds, .. } => format!(
                "raise the rate or the weights {factor:.1} times, or run for {:.0} s, or accept a higher error limit",
                (seconds * factor).ceil()
            ),
            Self::LimitUnderBase { base_percent, .. } => {
                format!("set the error limit well above {base_percent} %, or repair stable first")
            }
            Self::Hopeless { base_percent, .. } => {
                format!("run longer, raise the rate, or set the error limit further above {base_percent} %")
            }
        }
    }
}

/// Computes what a run needs and what is to be expected of it.
///
/// # Errors
/// A field that cannot work, or a plan that cannot reach PASS.
pub fn plan(spec: &PlanSpec) -> Result<Plan, PlanError> {
    validate(spec)?;
    let limit = spec.judge.error_limit;
    if spec.base_error >= limit {
        return Err(PlanError::LimitUnderBase {
            base_percent: percent(spec.base_error),
            limit_percent: percent(limit),
        });
    }
    let steps = within_budget(&spec.steps, spec.judge.budget_seconds);
    let seconds = steps.iter().map(|step| f64::from(step.seconds)).sum();
    let available = expected(spec.rate, &steps).floor() as u64;
    let level = -spec.judge.pass_alpha.ln();
    let test = LimitTest::new(&spec.judge);
    let need = |bad| {
        let requests = test.requests_needed(bad, level)?;
        Some(Need { requests, seconds: seconds_until(spec.rate, &steps, requests as f64) })
    };
    let pass_clean = need(0).unwrap_or(Need { requests: u64::MAX, seconds: None });
    if pass_clean.seconds.is_none() {
        return Err(PlanError::TooFewRequests {
            limit_percent: percent(limit),
            needed: pass_clean.requests,
            available,
            seconds,
            factor: pass_clean.requests as f64 / available.max(1) as f64,
        });
    }
    let (good, bad, runs) = expect(spec, &steps)?;
    if good.pass_rate < HOPELESS {
        return Err(PlanError::Hopeless {
            base_percent: percent(spec.base_error),
            limit_percent: percent(limit),
            chance_percent: good.pass_rate * 100.0,
            seconds,
        });
    }
    Ok(Plan {
        seconds,
        steps: planned(spec.rate, &spec.steps),
        pass_clean,
        pass_one_failure: need(1),
        warnings: warnings(spec, &good, &bad),
        good,
        bad,
        runs,
        spec: spec.clone(),
    })
}

fn validate(spec: &PlanSpec) -> Result<(), ConfigError> {
    check_rate(spec.rate)?;
    if spec.steps.is_empty() {
        return Err(ConfigError::new("steps", "empty", "at least one step"));
    }
    for step in &spec.steps {
        check_weight(step.weight)?;
        check_seconds("step_seconds", step.seconds)?;
    }
    for (field, value) in [("base_error", spec.base_error), ("bad_error", spec.bad_error)] {
        if !(0.0..=1.0).contains(&value) {
            return Err(ConfigError::new(field, value, "a share from 0 to 1"));
        }
    }
    spec.judge.validate()
}

fn percent(share: f64) -> f64 {
    // Two decimals keep 0.1 % from being printed with the noise of its binary form.
    (share * 1e4).round() / 1e2
}

/// The steps cut off at the time budget.
fn within_budget(steps: &[Step], budget: f64) -> Vec<Step> {
    let mut left = budget.min(f64::from(u32::MAX)) as u32;
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps {
        let seconds = step.seconds.min(left);
        left -= seconds;
        if seconds > 0 {
            kept.push(Step { seconds, ..*step });
        }
    }
    kept
}

fn expected(rate: f64, steps: &[Step]) -> f64 {
    steps.iter().map(|step| rate * step.weight * f64::from(step.seconds)).sum()
}

fn seconds_until(rate: f64, steps: &[Step], requests: f64) -> Option<f64> {
    let mut left = requests;
    let mut elapsed = 0.0;
    for step in steps {
        let per_second = rate * step.weight;
        let length = f64::from(step.seconds);
        if per_second * length + 1e-9 >= left {
            return Some(elapsed + left / per_second);
        }
        left -= per_second * length;
        elapsed += length;
    }
    None
}

fn planned(rate: f64, steps: &[Step]) -> Vec<PlannedStep> {
    let mut so_far = 0.0;
    steps
        .iter()
        .map(|&step| {
            let requests = rate * step.weight * f64::from(step.seconds);
            so_far += requests;
            let precision = (step.weight / 10.0).max(0.01);
            PlannedStep {
                step,
                canary_requests: requests.round() as u64,
                canary_requests_so_far: f64::round(so_far) as u64,
                split_requests: requests_for_half_width(step.weight, precision).unwrap_or(u64::MAX),
            }
        })
        .collect()
}

/// Expected figures from a short simulation of the very plan.
fn expect(spec: &PlanSpec, steps: &[Step]) -> Result<(Stats, Stats, u32), ConfigError> {
    let ticks: u64 = steps.iter().map(|step| 2 * u64::from(step.seconds)).sum();
    let runs = (MOST_TICKS / ticks.max(1)).clamp(100, 1000) as u32;
    let slow = spec.judge.indicators.iter().any(|one| one.quantile().is_some());
    let latency = slow.then(Latency::default);
    let base = SimulateSpec {
        base_error: spec.base_error,
        rate: spec.rate,
        warm_up_seconds: spec.warm_up_seconds,
        judge: spec.judge.clone(),
        ..SimulateSpec::default()
    };
    let good = Trial::new(&base, steps, spec.base_error, latency)?.stats(0, runs);
    let bad = Trial::new(&base, steps, spec.bad_error, latency)?.stats(1, runs);
    Ok((good, bad, runs))
}

fn warnings(spec: &PlanSpec, good: &Stats, bad: &Stats) -> Vec<String> {
    let mut warnings = Vec::new();
    if good.pass_rate < UNSURE {
        warnings.push(format!(
            "a canary as good as stable passes in {:.0} % of runs; the others end inconclusive",
            good.pass_rate * 100.0
        ));
    }
    if bad.fail_rate < UNSURE {
        warnings.push(format!(
            "a canary with {} % errors is found in {:.0} % of runs",
            percent(spec.bad_error),
            bad.fail_rate * 100.0
        ));
    }
    if spec.bad_error - spec.base_error < spec.judge.error_margin {
        warnings.push(format!(
            "a canary with {} % errors is within the margin of {} points over stable and is not meant to fail",
            percent(spec.bad_error),
            percent(spec.judge.error_margin)
        ));
    }
    let total: f64 = spec.steps.iter().map(|step| f64::from(step.seconds)).sum();
    if total > spec.judge.budget_seconds {
        warnings.push(format!(
            "the steps take {total:.0} s, but the time budget ends the run after {:.0} s",
            spec.judge.budget_seconds
        ));
    }
    if spec.steps.iter().all(|step| step.weight >= 1.0) {
        warnings.push("at a weight of 100 % stable serves nothing, so nothing is compared".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests;
