//! Startup, liveness and readiness of a service.
//!
//! Liveness depends on the process alone. Readiness depends on required dependencies, with
//! hysteresis, and ends at once when the service drains. Startup is a list of things that have to
//! happen once.

mod dependency;
mod routes;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde::Serialize;

pub use self::{
    dependency::{Dependency, DependencyReport, Need, Standing, WatchPeriods},
    routes::router,
};

/// The health of one process; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    draining: AtomicBool,
    dead: Mutex<Option<String>>,
    gates: Mutex<Vec<GateState>>,
    dependencies: Mutex<Vec<Dependency>>,
}

#[derive(Debug, Clone, Serialize)]
struct GateState {
    name: &'static str,
    open: bool,
    detail: String,
}

/// Everything that is known about the health of a process.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What the probe in question says.
    pub status: &'static str,
    /// Whether the process is able to go on.
    pub live: bool,
    /// Whether everything that has to happen once has happened.
    pub started: bool,
    /// Whether it should get work.
    pub ready: bool,
    /// Whether it is about to stop.
    pub draining: bool,
    /// Why it is not live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<String>,
    startup: Vec<GateState>,
    /// State of each dependency.
    pub dependencies: Vec<DependencyReport>,
}

/// Something that has to happen once before the service counts as started.
#[derive(Debug, Clone)]
pub struct Gate {
    health: Health,
    index: usize,
}

impl Gate {
    /// It has happened.
    pub fn open(&self) {
        let mut gates = lock(&self.health.0.gates);
        gates[self.index].open = true;
        "done".clone_into(&mut gates[self.index].detail);
    }

    /// It has not happened yet, for this reason.
    pub fn wait_for(&self, reason: impl Into<String>) {
        lock(&self.health.0.gates)[self.index].detail = reason.into();
    }
}

impl Health {
    /// A healthy process that waits for nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds something that has to happen once.
    pub fn gate(&self, name: &'static str) -> Gate {
        let mut gates = lock(&self.0.gates);
        gates.push(GateState { name, open: false, detail: "not yet".to_owned() });
        Gate { health: self.clone(), index: gates.len() - 1 }
    }

    /// Adds a dependency, whose state is unknown until the first report.
    pub fn dependency(&self, name: &'static str, need: Need) -> Dependency {
        let dependency = Dependency::new(name, need);
        lock(&self.0.dependencies).push(dependency.clone());
        dependency
    }

    /// Ends readiness for good: the process is about to stop.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Ends liveness for good: the process cannot go on and should be restarted.
    pub fn fail_live(&self, reason: impl Into<String>) {
        lock(&self.0.dead).get_or_insert(reason.into());
    }

    /// Whether the process is about to stop.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Whether the process is able to go on.
    pub fn is_live(&self) -> bool {
        lock(&self.0.dead).is_none()
    }

    /// Whether everything that has to happen once has happened.
    pub fn is_started(&self) -> bool {
        lock(&self.0.gates).iter().all(|gate| gate.open)
    }

    /// Whether the process should get work.
    pub fn is_ready(&self) -> bool {
        !self.is_draining()
            && self.is_live()
            && self.is_started()
            && lock(&self.0.dependencies).iter().all(Dependency::allows_work)
    }

    /// Everything that is known, under the headline `status`.
    pub fn report(&self, status: &'static str) -> Report {
        Report {
            status,
            live: self.is_live(),
            started: self.is_started(),
            ready: self.is_ready(),
            draining: self.is_draining(),
            dead: lock(&self.0.dead).clone(),
            startup: lock(&self.0.gates).clone(),
            dependencies: lock(&self.0.dependencies).iter().map(Dependency::report_state).collect(),
        }
    }
}

/// A panic elsewhere must not make the probes panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn startup_waits_for_all_gates() {
        let health = Health::new();
        let (schema, topics) = (health.gate("schema"), health.gate("topics"));
        schema.wait_for("no table");
        assert!(!health.is_started() && !health.is_ready() && health.is_live());
        schema.open();
        assert!(!health.is_started());
        topics.open();
        assert!(health.is_started() && health.is_ready());
    }

    #[test]
    fn draining_ends_readiness_but_not_life() {
        let health = Health::new();
        assert!(health.is_ready());
        health.drain();
        assert!(!health.is_ready() && health.is_live() && health.is_started());
    }

    #[test]
    fn an_optional_dependency_does_not_take_work_away() {
        let health = Health::new();
        let broker = health.dependency("kafka", Need::Optional);
        for _ in 0..5 {
            broker.report(&Err("refused".to_owned()));
        }
        assert!(health.is_ready());
        let report = health.report("ready");
        assert_eq!(report.dependencies[0].error.as_deref(), Some("refused"));
        assert_eq!(report.dependencies[0].state, Standing::Down);
    }

    #[test]
    fn the_first_reason_of_death_is_kept() {
        let health = Health::new();
        health.fail_live("task relay ended");
        health.fail_live("later");
        assert_eq!(health.report("dead").dead.as_deref(), Some("task relay ended"));
        assert!(!health.is_ready());
    }
}
