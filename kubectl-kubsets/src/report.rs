//! From the record of a run to its report. Each kind of record has an adapter that tells it as a story.

mod canary;
mod environment;
mod generator;
pub(crate) mod junit;
mod lab;
mod load;
mod objects;
mod percentiles;
mod pieces;
mod record;

use std::path::Path;

use anyhow::Context as _;
use kubsets_kube::Access;
use kubsets_report::Story;
use kubsets_undo::{RunId, StateDir};

use crate::ui::Printer;

pub(crate) use canary::repeat_command;
pub(crate) use environment::{ENVIRONMENT_FILE, Environment};
pub(crate) use lab::LabRun;
pub(crate) use load::{LOAD_RUN_FILE, LoadPlan, LoadRecord, LoadRun, SearchRun, Slo, story as load_story};
pub(crate) use record::CanaryRecord;

/// File with the report in the folder of a run.
pub(crate) const REPORT_FILE: &str = "report.html";

/// The story of the run whose record is in a folder, of a load, a lab or a canary.
///
/// # Errors
/// When there is no record or it cannot be read.
pub(crate) fn story(folder: &Path) -> anyhow::Result<Story> {
    if let Some(load) = LoadRecord::read(folder)? {
        return Ok(load.story());
    }
    // A canary that is a whole run has both records, and its own says more.
    if !folder.join(kubsets_delivery::record::PLAN_FILE).is_file()
        && let Some(run) = LabRun::read(folder)?
    {
        return Ok(lab::story(&run));
    }
    Ok(canary::story(&CanaryRecord::read(folder)?))
}

/// Writes the report of a run into the folder of its record and gives its path.
///
/// # Errors
/// When the record cannot be read or the report cannot be written.
fn write(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    let path = folder.join(REPORT_FILE);
    std::fs::write(&path, kubsets_report::report_html(&story(folder)?))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Writes the report of a run that has ended and tells where record and report are.
pub(crate) fn tell(ui: &Printer, folder: &Path) {
    ui.message(format!("record: {}", folder.display()));
    match write(folder) {
        Ok(path) => ui.message(format!("report: {}", path.display())),
        Err(error) => ui.warn(format!("there is no report: {}", Printer::one_line(&error))),
    }
}

/// Notes the versions of plugin and cluster beside the record of a run.
pub(crate) async fn note_environment(ui: &Printer, access: &Access, state: &StateDir, run: &RunId) {
    let environment = Environment::here(access).await;
    if let Err(error) = state.write(run, ENVIRONMENT_FILE, &environment) {
        ui.warn(error.to_string());
    }
}
