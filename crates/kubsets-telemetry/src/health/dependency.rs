//! One thing that a service needs, with a memory: a single lost packet changes nothing.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::lock;

/// Failures in a row after which a dependency counts as down.
const FAILURES_TO_GO_DOWN: u32 = 3;
/// Successes in a row after which a dependency that was down counts as up again.
const SUCCESSES_TO_COME_BACK: u32 = 2;

/// Whether readiness depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// Without it the service is not ready.
    Required,
    /// It is shown, but the service works without it for a while.
    Optional,
}

/// What is known about a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// No report so far.
    Unknown,
    /// It works.
    Up,
    /// It does not work.
    Down,
}

/// A dependency; clones share its state.
#[derive(Debug, Clone)]
pub struct Dependency {
    name: &'static str,
    need: Need,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug)]
struct Memory {
    standing: Standing,
    in_a_row: u32,
    error: Option<String>,
}

/// State of a dependency at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct DependencyReport {
    /// Its name.
    pub name: &'static str,
    /// Whether readiness depends on it.
    pub need: Need,
    /// What is known.
    pub state: Standing,
    /// The last failure, while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How often a dependency is asked.
#[derive(Debug, Clone, Copy)]
pub struct WatchPeriods {
    /// While it is up.
    pub up: Duration,
    /// While it is down or unknown.
    pub down: Duration,
}

impl Default for WatchPeriods {
    fn default() -> Self {
        Self { up: Duration::from_secs(2), down: Duration::from_millis(250) }
    }
}

impl Dependency {
    pub(super) fn new(name: &'static str, need: Need) -> Self {
        let memory = Memory { standing: Standing::Unknown, in_a_row: 0, error: None };
        Self { name, need, memory: Arc::new(Mutex::new(memory)) }
    }

    /// What is known.
    pub fn standing(&self) -> Standing {
        lock(&self.memory).standing
    }

    pub(super) fn allows_work(&self) -> bool {
        self.need == Need::Optional || self.standing() == Standing::Up
    }

    pub(super) fn report_state(&self) -> DependencyReport {
        let memory = lock(&self.memory);
        DependencyReport {
            name: self.name,
            need: self.need,
            state: memory.standing,
            error: memory.error.clone(),
        }
    }

    /// Takes in the outcome of one check.
    pub fn report(&self, outcome: &Result<(), String>) {
        let mut memory = lock(&self.memory);
        let before = memory.standing;
        memory.take(outcome);
        let after = memory.standing;
        drop(memory);
        match (before, after) {
            (Standing::Up | Standing::Unknown, Standing::Down) => {
                tracing::warn!(dependency = self.name, error = outcome.as_ref().err(), "dependency is down");
            }
            (Standing::Down | Standing::Unknown, Standing::Up) => {
                tracing::info!(dependency = self.name, "dependency is up");
            }
            _ => {}
        }
    }

    /// Asks again and again until `stop`.
    pub async fn watch<C, F>(self, periods: WatchPeriods, stop: CancellationToken, mut check: C)
    where
        C: FnMut() -> F,
        F: Future<Output = Result<(), String>>,
    {
        loop {
            let Some(outcome) = stop.run_until_cancelled(check()).await else { return };
            self.report(&outcome);
            let period = if self.standing() == Standing::Up { periods.up } else { periods.down };
            if stop.run_until_cancelled(tokio::time::sleep(period)).await.is_none() {
                return;
            }
        }
    }
}

impl Memory {
    fn take(&mut self, outcome: &Result<(), String>) {
        let (towards, needed) = match (self.standing, outcome) {
            // The first success counts at once: a fresh pod should not wait for a second look.
            (Standing::Unknown, Ok(())) => (Standing::Up, 1),
            (_, Ok(())) => (Standing::Up, SUCCESSES_TO_COME_BACK),
            (_, Err(_)) => (Standing::Down, FAILURES_TO_GO_DOWN),
        };
        match outcome {
            Err(error) => self.error = Some(error.clone()),
            Ok(()) if self.standing != Standing::Down => self.error = None,
            Ok(()) => {}
        }
        if self.standing == towards {
            self.in_a_row = 0;
            return;
        }
        // A changed direction starts to count anew; a failed first look is kept apart from a success.
        self.in_a_row += 1;
        if self.in_a_row >= needed {
            self.standing = towards;
            self.in_a_row = 0;
            if towards == Standing::Up {
                self.error = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(dependency: &Dependency, pattern: &str) -> Vec<Standing> {
        pattern
            .chars()
            .map(|c| {
                dependency.report(&if c == '+' { Ok(()) } else { Err("refused".into()) });
                dependency.standing()
            })
            .collect()
    }

    #[test]
    fn one_success_is_enough_at_the_start() {
        let dependency = Dependency::new("db", Need::Required);
        assert!(!dependency.allows_work());
        assert_eq!(outcomes(&dependency, "-+"), [Standing::Unknown, Standing::Up]);
    }

    #[test]
    fn a_single_failure_changes_nothing() {
        use Standing::{Down, Up};
        let dependency = Dependency::new("db", Need::Required);
        assert_eq!(outcomes(&dependency, "+-+--+---"), [Up, Up, Up, Up, Up, Up, Up, Up, Down]);
        assert_eq!(outcomes(&dependency, "+-++"), [Down, Down, Down, Up]);
        assert_eq!(dependency.report_state().error, None);
    }

    #[tokio::test]
    async fn watching_ends_with_the_token() {
        let dependency = Dependency::new("db", Need::Required);
        let stop = CancellationToken::new();
        let watch = dependency.clone().watch(WatchPeriods::default(), stop.clone(), || async { Ok(()) });
        let task = tokio::spawn(watch);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(dependency.standing(), Standing::Up);
        stop.cancel();
        task.await.unwrap();
    }
}
