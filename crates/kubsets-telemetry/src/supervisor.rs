//! Runs the tasks of a service and stops them in order.
//!
//! Readiness ends first, then the service waits for load balancers to notice, then new work stops
//! and work in flight ends. Closing pools and flushing telemetry is what the caller does next.

use std::{collections::HashMap, future::Future, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::{Id, JoinSet},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::Health;

/// Owner of the tasks of a service.
pub struct Supervisor {
    health: Health,
    drain_delay: Duration,
    drain_timeout: Duration,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

/// Why a service did not end as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupervisorError {
    /// A task that should run until the end has ended before.
    #[error("task {0} ended before the service was stopped")]
    TaskEnded(&'static str),
    /// Work in flight took too long and was cut off.
    #[error("tasks did not end within {0:?}: {1}")]
    DrainTimeout(Duration, String),
}

impl Supervisor {
    /// A supervisor without tasks. After the signal to stop it waits `drain_delay` before it ends
    /// work, and gives work in flight `drain_timeout` to end.
    pub fn new(health: Health, drain_delay: Duration, drain_timeout: Duration) -> Self {
        Self {
            health,
            drain_delay,
            drain_timeout,
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
            names: HashMap::new(),
        }
    }

    /// Cancelled when tasks should take no new work and end.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task that has to run until the stop token is cancelled.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Runs until `signal` completes or a task ends on its own, then stops everything in order. A
    /// second signal skips the drain delay.
    ///
    /// # Errors
    /// When a task ended on its own, or tasks did not end in time.
    pub async fn run_until<F: Future<Output = ()>>(
        mut self,
        mut signal: impl FnMut() -> F,
    ) -> Result<(), SupervisorError> {
        let ended = tokio::select! {
            () = signal() => None,
            name = next_ended(&mut self.tasks, &mut self.names), if !self.tasks.is_empty() => Some(name),
        };
        match ended {
            None => {
                tracing::info!(
                    delay_ms = self.drain_delay.as_millis() as u64,
                    "stopping: not ready from now on"
                );
                self.health.drain();
                tokio::select! {
                    () = sleep(self.drain_delay) => {}
                    () = signal() => tracing::info!("second signal: no more waiting"),
                }
            }
            Some(name) => {
                tracing::error!(task = name, "task ended on its own, stopping");
                self.health.fail_live(format!("task {name} ended"));
                self.health.drain();
            }
        }
        let drained = self.drain().await;
        ended.map_or(drained, |name| Err(SupervisorError::TaskEnded(name)))
    }

    async fn drain(mut self) -> Result<(), SupervisorError> {
        self.stop.cancel();
        let deadline = Instant::now() + self.drain_timeout;
        while !self.tasks.is_empty() {
            let next = next_ended(&mut self.tasks, &mut self.names);
            if timeout_at(deadline, next).await.is_err() {
                let mut names: Vec<_> = self.names.values().copied().collect();
                names.sort_unstable();
                self.tasks.shutdown().await;
                return Err(SupervisorError::DrainTimeout(self.drain_timeout, names.join(", ")));
            }
        }
        tracing::info!("all tasks have ended");
        Ok(())
    }
}

async fn next_ended(tasks: &mut JoinSet<()>, names: &mut HashMap<Id, &'static str>) -> &'static str {
    let Some(ended) = tasks.join_next_with_id().await else { return "none" };
    let id = match ended {
        Ok((id, ())) => id,
        Err(error) => {
            tracing::error!(error = %error, "task failed");
            error.id()
        }
    };
    names.remove(&id).unwrap_or("unknown")
}

/// Completes on SIGTERM or SIGINT.
pub async fn stop_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("cannot listen for signals");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "signal received"),
        _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "signal received"),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::{Arc, Mutex},
    };

    use super::*;

    const DELAY: Duration = Duration::from_millis(100);

    fn once(signals: usize) -> impl FnMut() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut left = signals;
        move || {
            if left == 0 {
                return Box::pin(pending());
            }
            left -= 1;
            Box::pin(ready(()))
        }
    }

    #[tokio::test]
    async fn readiness_ends_before_work() {
        let health = Health::new();
        let mut supervisor = Supervisor::new(health.clone(), DELAY, DELAY);
        let (stop, log) = (supervisor.stop_token(), Arc::new(Mutex::new(Vec::new())));
        let (seen, start) = (log.clone(), Instant::now());
        let watched = health.clone();
        supervisor.spawn("work", async move {
            sleep(DELAY / 2).await;
            seen.lock().unwrap().push(("ready", watched.is_ready()));
            stop.cancelled().await;
            seen.lock().unwrap().push(("stopped", watched.is_ready()));
        });
        supervisor.run_until(once(1)).await.unwrap();
        assert!(start.elapsed() >= DELAY);
        assert_eq!(*log.lock().unwrap(), [("ready", false), ("stopped", false)]);
    }

    #[tokio::test]
    async fn a_second_signal_skips_the_delay() {
        let start = Instant::now();
        let long = Duration::from_mins(1);
        Supervisor::new(Health::new(), long, long).run_until(once(2)).await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_task_that_ends_on_its_own_stops_the_service() {
        let health = Health::new();
        let mut supervisor = Supervisor::new(health.clone(), DELAY, DELAY);
        let stop = supervisor.stop_token();
        supervisor.spawn("server", async move { stop.cancelled().await });
        supervisor.spawn("relay", async { sleep(DELAY / 2).await });
        let error = supervisor.run_until(once(0)).await.unwrap_err();
        assert_eq!(error, SupervisorError::TaskEnded("relay"));
        assert!(!health.is_live());
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_named() {
        let mut supervisor = Supervisor::new(Health::new(), Duration::ZERO, DELAY);
        supervisor.spawn("stuck", pending());
        let error = supervisor.run_until(once(1)).await.unwrap_err();
        assert_eq!(error, SupervisorError::DrainTimeout(DELAY, "stuck".to_owned()));
    }
}
