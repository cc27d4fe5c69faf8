//! Steps with their needs: replicas, requests and seconds until a verdict.

use kubsets_judge::plan::{Plan as Needs, PlanSpec};
use kubsets_judge::simulate::Step;
use kubsets_judge::{Indicator, JudgeConfig, LimitTest};
use serde::{Deserialize, Serialize};

use crate::plan::error::PlanError;
use kubsets_lab::operation::{CanarySpec, WatchdogPolicy};
use kubsets_lab::units::Percent;

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepPlan {
    /// Share of the traffic for the canary.
    pub percent: Percent,
    /// Canary replicas.
    pub replicas: u32,
    /// Canary requests per second.
    pub canary_rate: f64,
    /// Canary requests that the step needs to pass when none fails.
    pub requests_to_pass: u64,
    /// Seconds that they take, the settling time included.
    pub seconds_to_pass: f64,
    /// Seconds that the step may take.
    pub budget_seconds: f64,
}

/// What is to be expected of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expectation {
    /// Seconds from start to promotion when no request fails.
    pub shortest_seconds: f64,
    /// Seconds after which the run has ended whatever happens.
    pub longest_seconds: f64,
    /// Median seconds from the first shift until a canary with 5 % errors is caught.
    pub detect_seconds: Option<f64>,
    /// Median of the failed requests of such a canary until then.
    pub bad_requests: f64,
    /// Chance of a false alarm, at most.
    pub false_alarm: f64,
}

/// Seconds for making, checking and removing the canary, beside warm-up and steps.
const OVERHEAD: f64 = 25.0;
/// Longest time for the same when the cluster is slow.
const LONG_OVERHEAD: f64 = 420.0;

/// The settings of the judge.
pub(super) fn judge_config(spec: &CanarySpec) -> Result<JudgeConfig, PlanError> {
    let settings = &spec.judge;
    let config = JudgeConfig {
        indicators: if settings.latency { Indicator::ALL.to_vec() } else { vec![Indicator::Error] },
        alpha: settings.false_alarm.share(),
        pass_alpha: settings.false_pass.share(),
        error_limit: settings.error_limit.share(),
        // Each step has a budget of its own; the judge's must never end a run.
        budget_seconds: 1e9,
        ..JudgeConfig::default()
    };
    config.validate().map_err(|error| PlanError::Judge {
        advice: Some(format!("set {} to {}", error.field, error.accepted)),
        message: error.to_string(),
    })?;
    Ok(config)
}

/// Replicas of the canary for a share: enough that each pod gets no more than a stable one.
pub(crate) fn replicas_for(percent: Percent, stable: u32) -> u32 {
    ((percent.share() * f64::from(stable)).ceil() as u32).clamp(1, stable.max(1))
}

/// The steps and what to expect; refuses a step that cannot pass in its time.
pub(super) fn plan(
    spec: &CanarySpec,
    judge: &JudgeConfig,
    stable_replicas: u32,
) -> Result<(Vec<StepPlan>, Expectation), PlanError> {
    let rate = spec.load.rate;
    let settle = spec.settle.0.as_secs_f64();
    let budget = spec.step_budget.0.as_secs_f64();
    let level = -judge.pass_alpha.ln();
    let needed = LimitTest::new(judge).requests_needed(0, level).unwrap_or(u64::MAX);
    let mut steps = Vec::with_capacity(spec.steps.len());
    for &percent in &spec.steps {
        let canary_rate = rate * percent.share();
        let seconds = needed as f64 / canary_rate + settle;
        if seconds > budget {
            return Err(PlanError::TooSlow {
                percent: percent.value(),
                budget_seconds: budget,
                requests: needed,
                needed_seconds: seconds,
                rate,
                enough: (needed as f64 / percent.share() / (budget - settle).max(1.0)).ceil(),
            });
        }
        steps.push(StepPlan {
            percent,
            replicas: replicas_for(percent, stable_replicas),
            canary_rate,
            requests_to_pass: needed,
            seconds_to_pass: seconds,
            budget_seconds: budget,
        });
    }
    let needs = judge_plan(spec, judge, &steps)?;
    let watchdog = if spec.watchdog == WatchdogPolicy::Required { 5.0 } else { 0.0 };
    let fixed = spec.warm_up.0.as_secs_f64() + spec.drain.0.as_secs_f64() + watchdog;
    let expectation = Expectation {
        shortest_seconds: fixed + OVERHEAD + steps.iter().map(|step| step.seconds_to_pass).sum::<f64>(),
        longest_seconds: fixed + LONG_OVERHEAD + budget * steps.len() as f64,
        detect_seconds: needs.bad.fail_median_seconds.map(f64::from),
        bad_requests: needs.bad.bad_requests_median as f64,
        false_alarm: judge.alpha,
    };
    Ok((steps, expectation))
}

/// Asks the judge what this plan is good for.
fn judge_plan(spec: &CanarySpec, judge: &JudgeConfig, steps: &[StepPlan]) -> Result<Needs, PlanError> {
    let judged = PlanSpec {
        rate: spec.load.rate,
        steps: steps
            .iter()
            .map(|step| Step {
                weight: step.percent.share(),
                seconds: (step.seconds_to_pass * 1.5).min(step.budget_seconds).ceil() as u32,
            })
            .collect(),
        base_error: 0.001_f64.min(judge.error_limit / 10.0),
        warm_up_seconds: spec.warm_up.0.as_secs() as u32,
        judge: judge.clone(),
        ..PlanSpec::default()
    };
    kubsets_judge::plan(&judged)
        .map_err(|error| PlanError::Judge { message: error.to_string(), advice: Some(error.hint()) })
}
