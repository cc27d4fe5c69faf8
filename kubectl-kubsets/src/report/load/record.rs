//! The record of a load, as it lies in its folder: one file.

use std::path::Path;

use anyhow::Context as _;
use kubsets_load::{LoadReport, Parcel};
use kubsets_undo::{RunId, StateDir};
use serde::{Deserialize, Serialize};

use super::Slo;
use crate::report::record::file;

/// File with the record in the folder of a run.
pub(crate) const LOAD_RUN_FILE: &str = "load-run.json";

/// A load that has ended.
#[derive(Debug)]
pub(crate) struct LoadRun {
    /// Name of the run.
    pub(crate) run: String,
    /// The command that repeats it, without the values of headers.
    pub(crate) repeat: String,
    /// The thresholds that it crossed, with what was measured.
    pub(crate) crossed: Vec<String>,
    /// Share of requests (0 to 1) that an objective wants to be good.
    pub(crate) objective: Option<f64>,
    /// What the generator said.
    pub(crate) report: LoadReport,
}

/// The form on disk, with packed histograms.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    run: String,
    repeat: String,
    crossed: Vec<String>,
    objective: Option<f64>,
    load: Parcel,
}

impl LoadRun {
    /// Reads a record; `None` when the folder has none of a load.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(Stored { run, repeat, crossed, objective, load }) = file(folder, LOAD_RUN_FILE)? else {
            return Ok(None);
        };
        let report = load.open().with_context(|| format!("cannot read the load in {}", folder.display()))?;
        Ok(Some(Self { run, repeat, crossed, objective, report }))
    }

    /// Writes the record into the folder of its run.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn write(&self, state: &StateDir, run: &RunId) -> anyhow::Result<()> {
        let stored = Stored {
            run: self.run.clone(),
            repeat: self.repeat.clone(),
            crossed: self.crossed.clone(),
            objective: self.objective,
            load: Parcel::pack(self.report.clone())?,
        };
        Ok(state.write(run, LOAD_RUN_FILE, &stored)?)
    }

    /// What the load burnt of its error budget; `None` without an objective.
    pub(crate) fn slo(&self) -> Option<Slo> {
        self.objective.and_then(|objective| Slo::of(&self.report, objective))
    }
}
