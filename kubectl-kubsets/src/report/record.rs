//! The record of a canary run, as it lies in its folder. A run that was killed has no outcome and no load report.

use std::path::Path;

use anyhow::Context as _;
use kubsets_delivery::{Outcome, Plan, Record, RunEvent, TickEvent, record};
use kubsets_load::LoadReport;
use serde::de::DeserializeOwned;

use super::Environment;
use super::environment::ENVIRONMENT_FILE;
use crate::ui::Failure;

/// Everything that is on record of a canary run.
#[derive(Debug)]
pub(crate) struct CanaryRecord {
    /// What was planned.
    pub(crate) plan: Plan,
    /// What happened, in order.
    pub(crate) events: Vec<Record>,
    /// What it came to; absent while it goes on and after a kill.
    pub(crate) outcome: Option<Outcome>,
    /// The load generator's report; absent like the outcome.
    pub(crate) load: Option<LoadReport>,
    /// Versions of plugin and cluster; absent in records of older plugins.
    pub(crate) environment: Option<Environment>,
}

impl CanaryRecord {
    /// Reads a record.
    ///
    /// # Errors
    /// When the folder has no plan or a file cannot be read.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let Some(plan) = file(folder, record::PLAN_FILE)? else {
            return Err(Failure::usage(format!("there is no record of a run in {}", folder.display()))
                .with_hint("`kubectl kubsets report --list` shows the runs on record")
                .into());
        };
        Ok(Self {
            plan,
            events: lines(folder, record::EVENTS_FILE)?,
            outcome: file(folder, record::RUN_FILE)?,
            load: file(folder, record::LOAD_FILE)?,
            environment: file(folder, ENVIRONMENT_FILE)?,
        })
    }

    /// Length of the run so far in seconds.
    pub(super) fn seconds(&self) -> f64 {
        let last = self.events.last().map_or(0.0, |record| record.seconds);
        self.outcome.as_ref().map_or(last, |outcome| outcome.seconds.max(last))
    }

    /// The seconds of traffic with their time on the run's clock.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (f64, &TickEvent)> {
        self.events.iter().filter_map(|record| match &record.event {
            RunEvent::Tick(tick) => Some((record.seconds, tick.as_ref())),
            _ => None,
        })
    }

    /// Time of the first event of a kind.
    pub(super) fn time_of(&self, wanted: impl Fn(&RunEvent) -> bool) -> Option<f64> {
        self.events.iter().find(|record| wanted(&record.event)).map(|record| record.seconds)
    }

    /// The version under release.
    pub(super) fn canary_version(&self) -> Option<&str> {
        let seen = self.outcome.as_ref().and_then(|outcome| outcome.canary_version.as_deref());
        seen.or(self.plan.canary_version.as_deref())
    }

    /// The version before.
    pub(super) fn stable_version(&self) -> Option<&str> {
        let seen = self.outcome.as_ref().and_then(|outcome| outcome.stable_version.as_deref());
        seen.or(self.plan.stable_version.as_deref())
    }
}

/// The lines of a file of events, in order; none without the file.
pub(super) fn lines<T: DeserializeOwned>(folder: &Path, name: &str) -> anyhow::Result<Vec<T>> {
    let path = folder.join(name);
    match std::fs::read_to_string(&path) {
        // A kill may have cut the last line off.
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// A file of a record; `None` when it is not there.
pub(super) fn file<T: DeserializeOwned>(folder: &Path, name: &str) -> anyhow::Result<Option<T>> {
    let path = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .with_context(|| format!("cannot read {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}
