//! Which runs on record are meant.

use std::path::PathBuf;

use kubsets_engine::PLAN_FILE as LAB_PLAN;
use kubsets_lab::Plan;
use kubsets_undo::{RunId, StateDir};

use crate::report::{LOAD_RUN_FILE, LabRun};
use crate::ui::Failure;

/// Kinds of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope<'a> {
    /// Every run.
    All,
    /// Canaries, those of labs too.
    Canary,
    /// Labs, of one family or of all.
    Lab(Option<&'a str>),
}

impl Scope<'_> {
    /// Whether a lab, such as `chaos/pod-kill`, is meant.
    pub(super) fn has_lab(self, lab: &str) -> bool {
        match self {
            Self::All | Self::Lab(None) => true,
            Self::Canary => false,
            Self::Lab(Some(family)) => lab.split('/').next() == Some(family),
        }
    }

    /// Whether canaries are meant.
    pub(super) fn has_canaries(self) -> bool {
        matches!(self, Self::All | Self::Canary)
    }

    /// Whether loads are meant.
    pub(super) fn has_loads(self) -> bool {
        self == Self::All
    }

    /// A command that makes a run of the kind.
    fn example(self) -> String {
        match self {
            Self::All | Self::Canary => "canary run good-release".to_owned(),
            Self::Lab(None) => "lab run chaos/pod-kill".to_owned(),
            Self::Lab(Some(family)) => format!("{family} run"),
        }
    }

    fn has(self, state: &StateDir, run: &RunId) -> bool {
        // A plan that cannot be read is told by the report, not taken for another kind of run.
        match state.read::<Plan>(run, LAB_PLAN) {
            Ok(Some(plan)) if self.has_lab(&plan.lab) => return true,
            Err(_) if self != Self::Canary => return true,
            _ => {}
        }
        if self.has_loads() && state.run(run).join(LOAD_RUN_FILE).is_file() {
            return true;
        }
        self.has_canaries() && state.run(run).join(kubsets_delivery::record::PLAN_FILE).is_file()
    }
}

/// The folder of the last run of a kind. Where all are meant, a canary that was a step of a lab gives way to its
/// lab.
///
/// # Errors
/// When there is none.
pub(in crate::commands) fn last(state: &StateDir, scope: Scope<'_>) -> anyhow::Result<PathBuf> {
    let runs = state.runs();
    let mut meant = runs.iter().filter(|run| scope.has(state, run));
    let Some(last) = meant.next() else {
        let hint =
            format!("`kubectl kubsets {}` makes one; --state-dir names another folder", scope.example());
        return Err(Failure::usage("no run is on record").with_hint(hint).into());
    };
    let is_step_of = |lab: &LabRun| lab.canaries.iter().any(|canary| canary.run == last.as_str());
    if scope == Scope::All
        && let Some(before) = meant.find(|run| state.run(run).join(LAB_PLAN).is_file())
        && LabRun::read(&state.run(before)).ok().flatten().is_some_and(|lab| is_step_of(&lab))
    {
        return Ok(state.run(before));
    }
    Ok(state.run(last))
}
