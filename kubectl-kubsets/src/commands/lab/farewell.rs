//! What is left of a run for later: its surroundings, its report, and its results for machines.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kubsets_engine::Outcome;
use kubsets_lab::Plan;

use crate::app::App;
use crate::report;
use crate::report::junit::{self, Suite};

/// Where record and report are, and the command that makes sense next.
pub(super) fn say(app: &App, folder: &Path, outcome: &Outcome) {
    report::tell(&app.ui, folder);
    if let Some(command) = &outcome.cleanup_command {
        app.ui.warn("something is not as it was before");
        app.ui.hint(format!("`{command}` finishes the undo"));
    }
}

/// Results as JUnit XML, written again after each run, so that those of the runs before an interrupt are there.
#[derive(Debug)]
pub(crate) struct Results {
    file: Option<PathBuf>,
    suites: Vec<Suite>,
}

impl Results {
    /// Results for a file, if one is wanted. It is written at once: that it cannot be is told before anything has
    /// changed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn to(file: Option<PathBuf>) -> anyhow::Result<Self> {
        let results = Self { file, suites: Vec::new() };
        results.write()?;
        Ok(results)
    }

    /// Adds a run.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn add(
        &mut self,
        plan: &Plan,
        outcome: Outcome,
        started_at: jiff::Timestamp,
    ) -> anyhow::Result<()> {
        let told = plan.untold().removed_from(plan).unwrap_or_else(|| plan.without_secrets());
        self.suites.push(Suite::new(told, outcome, started_at));
        self.write()
    }

    fn write(&self) -> anyhow::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        std::fs::write(file, junit::document(&self.suites))
            .with_context(|| format!("cannot write {}", file.display()))
    }
}
