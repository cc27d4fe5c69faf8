//! The record of a lab run, as it lies in its folder. A run that was killed has no outcome.

use std::path::Path;

use kubsets_delivery::RunEvent;
use kubsets_engine::{EVENTS_FILE, LabEvent, LabRecord, OUTCOME_FILE, Outcome, PLAN_FILE, StepStatus};
use kubsets_lab::plan::PlannedStep;
use kubsets_lab::{Operation, Plan};
use serde_json::Value;

use crate::report::record::{file, lines};
use crate::report::{CanaryRecord, ENVIRONMENT_FILE, Environment};

/// Everything that is on record of a lab run.
#[derive(Debug)]
pub(crate) struct LabRun {
    /// Name of the run.
    pub(crate) name: String,
    /// What was planned.
    pub(crate) plan: Plan,
    /// What happened, in order.
    pub(crate) events: Vec<LabRecord>,
    /// What it came to; absent while it goes on and after a kill.
    pub(crate) outcome: Option<Outcome>,
    /// Versions of plugin and cluster; absent in records of older plugins.
    pub(crate) environment: Option<Environment>,
    /// The canaries that were steps of it.
    pub(crate) canaries: Vec<CanaryStep>,
}

/// A canary that was a step of a lab.
#[derive(Debug)]
pub(crate) struct CanaryStep {
    /// Name of the canary's run.
    pub(crate) run: String,
    /// Its begin on the lab's clock, in seconds.
    pub(crate) began: f64,
    /// Its own record; absent where that is not beside the lab's.
    pub(crate) record: Option<CanaryRecord>,
}

/// How a step ended, as it was told.
#[derive(Debug)]
pub(super) struct Ended<'a> {
    /// When, in seconds of the run.
    pub(super) at: f64,
    /// How.
    pub(super) status: StepStatus,
    /// What it brought.
    pub(super) result: &'a Value,
}

impl LabRun {
    /// Reads a record with those of its canaries, which lie in folders beside it. `None` when the folder has no
    /// record of a lab.
    ///
    /// # Errors
    /// When a file is there but cannot be read.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(plan) = file::<Plan>(folder, PLAN_FILE)? else { return Ok(None) };
        let events: Vec<LabRecord> = lines(folder, EVENTS_FILE)?;
        let outcome: Option<Outcome> = file(folder, OUTCOME_FILE)?;
        let told = events.iter().find_map(|one| match &one.event {
            LabEvent::Started { run, .. } => Some(run.clone()),
            _ => None,
        });
        let named = || folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = told.or_else(|| outcome.as_ref().map(|one| one.run.clone())).or_else(named);
        let mut run = Self {
            name: name.unwrap_or_default(),
            plan,
            events,
            outcome,
            environment: file(folder, ENVIRONMENT_FILE)?,
            canaries: Vec::new(),
        };
        run.canaries = run.canary_runs();
        for canary in &mut run.canaries {
            // The name comes from a file: only the name of a run is followed, never a path.
            let Ok(id) = canary.run.parse::<kubsets_undo::RunId>() else { continue };
            let Some(beside) =
                folder.canonicalize().ok().and_then(|here| Some(here.parent()?.join(id.as_str())))
            else {
                continue;
            };
            if beside.join(kubsets_delivery::record::PLAN_FILE).is_file() {
                canary.record = Some(CanaryRecord::read(&beside)?);
            }
        }
        Ok(Some(run))
    }

    /// Canaries by what they told, else by the results of their steps.
    fn canary_runs(&self) -> Vec<CanaryStep> {
        let step = |run: &str, began: f64| CanaryStep { run: run.to_owned(), began, record: None };
        let told = self.events.iter().filter_map(|one| match &one.event {
            LabEvent::Canary(record) => match &record.event {
                RunEvent::Started { run, .. } => Some(step(run, (one.seconds - record.seconds).max(0.0))),
                _ => None,
            },
            _ => None,
        });
        let mut found: Vec<CanaryStep> = told.collect();
        let Some(outcome) = &self.outcome else { return found };
        for (planned, report) in self.plan.steps.iter().zip(&outcome.steps) {
            let result = planned.bind.as_ref().and_then(|name| outcome.results.get(name));
            let run = result.and_then(|result| result["run"].as_str());
            if let (Operation::Canary(_), Some(run), Some(began)) =
                (&planned.operation, run, report.began_seconds)
                && found.iter().all(|one| one.run != run)
            {
                found.push(step(run, began));
            }
        }
        found
    }

    /// Length of the run so far in seconds.
    pub(super) fn seconds(&self) -> f64 {
        let last = self.events.last().map_or(0.0, |record| record.seconds);
        self.outcome.as_ref().map_or(last, |outcome| outcome.seconds.max(last))
    }

    /// Time of the first event of a kind.
    pub(super) fn time_of(&self, wanted: impl Fn(&LabEvent) -> bool) -> Option<f64> {
        self.events.iter().find(|record| wanted(&record.event)).map(|record| record.seconds)
    }

    /// When a step began, in seconds of the run.
    pub(super) fn began(&self, step: &PlannedStep) -> Option<f64> {
        let number = step.index + 1;
        self.time_of(|event| matches!(event, LabEvent::StepBegan { step, .. } if *step == number))
    }

    /// How a step ended.
    pub(super) fn ended(&self, step: &PlannedStep) -> Option<Ended<'_>> {
        let number = step.index + 1;
        self.events.iter().find_map(|record| match &record.event {
            LabEvent::StepEnded { step, status, result, .. } if *step == number => {
                Some(Ended { at: record.seconds, status: *status, result })
            }
            _ => None,
        })
    }

    /// When the undo began, in seconds of the run; known once it has ended.
    pub(super) fn undo_began(&self) -> Option<f64> {
        self.events.iter().find_map(|record| match &record.event {
            LabEvent::Undone(undo) => Some((record.seconds - undo.seconds).max(0.0)),
            _ => None,
        })
    }
}
