//! Search for the highest rate that keeps an objective.

use std::time::Duration;

use kubsets_schedule::{Arrivals, Schedule, Shape};
use serde::{Deserialize, Serialize};

use crate::generator::{Generator, LoadError};
use crate::report::LoadReport;
use crate::spec::LoadSpec;

/// What a server shall keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// The 99th percentile of the corrected latency shall not be above this.
    pub p99: Duration,
    /// The share (0 to 1) of planned requests without a good answer shall not be above this.
    pub error_rate: f64,
}

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FindMaxOptions {
    /// First rate in requests per second.
    pub start: f64,
    /// Highest rate to try, at most the limit of the specification.
    pub max: f64,
    /// Length of each trial.
    pub trial: Duration,
    /// The search ends when the bounds are this share apart, such as 0.05.
    pub precision: f64,
    /// Pause between trials, for the server to work off what the last one left.
    pub pause: Duration,
    /// Most trials.
    pub trials: usize,
}

impl Default for FindMaxOptions {
    fn default() -> Self {
        Self {
            start: 50.0,
            max: 10_000.0,
            trial: Duration::from_secs(10),
            precision: 0.05,
            pause: Duration::from_secs(1),
            trials: 24,
        }
    }
}

/// One trial of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// Rate in requests per second.
    pub rate: f64,
    /// Whether the objective was kept.
    pub kept: bool,
    /// Why not, or what was measured.
    pub reason: String,
    /// 99th percentile of the corrected latency in milliseconds.
    pub p99_ms: f64,
    /// Share of planned requests without a good answer.
    pub error_rate: f64,
}

/// Result of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindMaxReport {
    /// Highest rate that kept the objective; `None` if even the lowest rate tried did not.
    pub rate: Option<f64>,
    /// Lowest rate that did not keep it; `None` if none was found.
    pub broken_at: Option<f64>,
    /// Lowest rate at which the generator was the limit and why, where it was: the server may bear more than
    /// [`rate`](Self::rate).
    pub generator_limit: Option<GeneratorLimit>,
    /// The trials in their order, without those that the generator spoilt.
    pub trials: Vec<Trial>,
}

/// A rate at which the generator could not keep up, so that nothing is known about the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorLimit {
    /// Rate in requests per second.
    pub rate: f64,
    /// What the generator said of itself.
    pub reason: String,
}

/// A search that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum FindMaxError {
    /// The options make no sense.
    #[error("{0}")]
    Options(&'static str),
    /// A trial could not be run.
    #[error("cannot run a trial at {rate} requests per second")]
    Load {
        /// The rate of the trial.
        rate: f64,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// The generator could not keep up before any rate was kept, so that nothing is known about the server.
    #[error("the generator is the limit at {rate} requests per second: {reason}")]
    Generator {
        /// The rate of the trial.
        rate: f64,
        /// What the generator said of itself.
        reason: String,
    },
}

/// Searches the highest constant rate at which the server keeps an objective: doubles the rate until it does not,
/// then halves the distance. Target, protocol and arrivals are taken from `base`; `each` is told of every
/// trial. A trial that the generator itself spoils is repeated once; spoilt again, its rate is not tried any more,
/// and the search goes on below it.
///
/// # Errors
///
/// The options make no sense, a trial cannot be run, or the generator is the limit before any rate was kept.
pub async fn find_max(
    base: &LoadSpec,
    objective: Objective,
    options: FindMaxOptions,
    each: impl FnMut(&Trial),
) -> Result<FindMaxReport, FindMaxError> {
    check(&options)?;
    let options = FindMaxOptions { max: options.max.min(base.limits.rate), ..options };
    let run = async |rate| {
        let ran = run_trial(base, rate, &options).await?;
        Ok(ran.map(|report| judge(rate, &report, objective)))
    };
    search(&options, run, each).await
}

/// The search over trials that `run` makes. It brings what the generator said of itself where that was the limit.
async fn search(
    options: &FindMaxOptions,
    run: impl AsyncFn(f64) -> Result<Result<Trial, String>, FindMaxError>,
    mut each: impl FnMut(&Trial),
) -> Result<FindMaxReport, FindMaxError> {
    let mut search = Search { kept: None, broken: None, spoilt: None, max: options.max };
    let mut rate = options.start.min(search.max);
    let mut trials = Vec::new();
    let mut generator_limit = None;
    for _ in 0..options.trials {
        match run(rate).await? {
            Ok(trial) => {
                each(&trial);
                search.learn(rate, trial.kept);
                trials.push(trial);
            }
            Err(reason) if search.kept.is_none() => return Err(FindMaxError::Generator { rate, reason }),
            Err(reason) => {
                search.spoilt = Some(rate);
                generator_limit = Some(GeneratorLimit { rate, reason });
            }
        }
        match search.next(options.precision) {
            Some(next) => rate = next,
            None => break,
        }
        tokio::time::sleep(options.pause).await;
    }
    // Where the server broke below it, the generator's limit says nothing of the result.
    let limits = |limit: &GeneratorLimit| search.broken.is_none_or(|broken| limit.rate < broken);
    let generator_limit = generator_limit.filter(limits);
    Ok(FindMaxReport { rate: search.kept, broken_at: search.broken, generator_limit, trials })
}

/// What is known so far.
#[derive(Debug, Clone, Copy)]
struct Search {
    kept: Option<f64>,
    broken: Option<f64>,
    /// Lowest rate that is too much for the generator. It is only met above a kept one, so that each is lower than
    /// the one before.
    spoilt: Option<f64>,
    max: f64,
}

impl Search {
    fn learn(&mut self, rate: f64, kept: bool) {
        if kept {
            self.kept = Some(self.kept.map_or(rate, |known| known.max(rate)));
        } else {
            self.broken = Some(self.broken.map_or(rate, |known| known.min(rate)));
        }
    }

    /// The next rate to try; `None` if the search is over.
    fn next(&self, precision: f64) -> Option<f64> {
        let bound = match (self.broken, self.spoilt) {
            (Some(broken), Some(spoilt)) => Some(broken.min(spoilt)),
            (broken, spoilt) => broken.or(spoilt),
        };
        match (self.kept, bound) {
            (None, None) => None,
            (Some(kept), None) => (kept < self.max).then(|| (kept * 2.0).min(self.max)),
            (None, Some(broken)) => (broken > 1.0).then(|| (broken / 4.0).max(1.0)),
            (Some(kept), Some(broken)) => {
                (broken - kept > kept * precision).then(|| f64::midpoint(kept, broken))
            }
        }
    }
}

/// A valid report, or why there is none.
async fn run_trial(
    base: &LoadSpec,
    rate: f64,
    options: &FindMaxOptions,
) -> Result<Result<LoadReport, String>, FindMaxError> {
    let arrivals = match &base.schedule {
        Schedule::Open { arrivals, .. } => *arrivals,
        Schedule::Replay { .. } | Schedule::Closed { .. } => Arrivals::Even,
    };
    let spec = LoadSpec {
        schedule: Schedule::Open { shape: Shape::Constant { rate }, arrivals },
        duration: Some(options.trial),
        ..base.clone()
    };
    let load = |source| FindMaxError::Load { rate, source };
    let mut reason = String::new();
    for _ in 0..2 {
        let mut running = Generator::start(spec.clone()).await.map_err(load)?;
        let report = running.wait().await.map_err(load)?;
        if report.is_valid() {
            return Ok(Ok(report));
        }
        reason = report.validity.reasons.join("; ");
    }
    Ok(Err(reason))
}

fn judge(rate: f64, report: &LoadReport, objective: Objective) -> Trial {
    let p99_ms = report.total.corrected.p99;
    let error_rate = report.error_rate();
    let limit_ms = objective.p99.as_secs_f64() * 1e3;
    let p99 = report.total.corrected.text(p99_ms);
    let (kept, reason) = if error_rate > objective.error_rate {
        (false, format!("{:.2} % without a good answer ({})", error_rate * 100.0, report.identity))
    } else if p99_ms > limit_ms {
        (false, format!("p99 {p99}"))
    } else {
        (true, format!("p99 {p99}, {:.2} % errors", error_rate * 100.0))
    };
    Trial { rate, kept, reason, p99_ms, error_rate }
}

fn check(options: &FindMaxOptions) -> Result<(), FindMaxError> {
    let rule = if !(options.start.is_finite() && options.start > 0.0) {
        "the first rate must be above zero"
    } else if options.max < options.start {
        "the highest rate must not be below the first"
    } else if options.trial < Duration::from_secs(1) {
        "a trial must last at least a second"
    } else if !(options.precision > 0.0 && options.precision < 1.0) {
        "the precision must be between 0 and 1"
    } else {
        return Ok(());
    };
    Err(FindMaxError::Options(rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the search against a server that keeps the objective up to a rate.
    fn simulate(limit: f64, start: f64, max: f64) -> (Search, usize) {
        let mut search = Search { kept: None, broken: None, spoilt: None, max };
        let mut rate = start;
        let mut trials = 0;
        loop {
            trials += 1;
            search.learn(rate, rate <= limit);
            match search.next(0.05) {
                Some(next) => rate = next,
                None => return (search, trials),
            }
        }
    }

    #[test]
    fn the_limit_is_found_from_below_and_above() {
        for (limit, start) in [(730.0, 50.0), (730.0, 5000.0), (12.0, 1000.0), (50.0, 50.0)] {
            let (search, trials) = simulate(limit, start, 10_000.0);
            let found = search.kept.unwrap();
            assert!(found <= limit && found * 1.06 >= limit, "{limit} {start}: {search:?}");
            assert!(trials <= 24, "{trials}");
        }
    }

    /// Runs the search where the generator is the limit from a rate on and the server from another.
    async fn spoilt_from(generator: f64, server: f64) -> Result<FindMaxReport, FindMaxError> {
        let options = FindMaxOptions { start: 100.0, pause: Duration::ZERO, ..FindMaxOptions::default() };
        let run = async |rate: f64| {
            let (kept, reason) = (rate < server, String::new());
            let trial = Trial { rate, kept, reason, p99_ms: 1.0, error_rate: 0.0 };
            Ok(if rate >= generator { Err("it stood still".to_owned()) } else { Ok(trial) })
        };
        search(&options, run, |_| {}).await
    }

    #[tokio::test]
    async fn the_best_rate_is_kept_where_the_generator_is_the_limit() {
        let found = spoilt_from(730.0, f64::INFINITY).await.unwrap();
        let rate = found.rate.unwrap();
        assert!(rate < 730.0 && rate * 1.06 >= 730.0, "{found:?}");
        assert_eq!(found.broken_at, None);
        let limit = found.generator_limit.unwrap();
        assert!((730.0..rate * 1.06).contains(&limit.rate), "{limit:?}");
        assert_eq!(limit.reason, "it stood still");
        assert!(found.trials.iter().all(|trial| trial.kept));
    }

    #[tokio::test]
    async fn a_server_that_breaks_first_is_the_limit() {
        let found = spoilt_from(730.0, 500.0).await.unwrap();
        assert!(found.rate.unwrap() < 500.0 && found.broken_at.unwrap() >= 500.0, "{found:?}");
        assert_eq!(found.generator_limit, None);
    }

    #[tokio::test]
    async fn nothing_is_known_when_the_first_trial_is_spoilt() {
        let error = spoilt_from(50.0, 500.0).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the generator is the limit at 100 requests per second: it stood still"
        );
    }

    #[test]
    fn the_ends_of_the_range_are_said() {
        let (search, _) = simulate(f64::INFINITY, 100.0, 1000.0);
        assert_eq!((search.kept, search.broken), (Some(1000.0), None));
        let (search, _) = simulate(0.1, 100.0, 1000.0);
        assert_eq!((search.kept, search.broken), (None, Some(1.0)));
    }
}
