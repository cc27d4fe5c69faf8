//! From the record of a run to its report. Each kind of record has an adapter that tells it as a story.

mod canary;
mod environment;
mod record;

use std::path::Path;

use anyhow::Context as _;
use kubsets_report::Story;

pub(crate) use environment::{ENVIRONMENT_FILE, Environment};
pub(crate) use record::CanaryRecord;

/// File with the report in the folder of a run.
pub(crate) const REPORT_FILE: &str = "report.html";

/// The story of the run whose record is in a folder.
///
/// # Errors
/// When there is no record or it cannot be read.
pub(crate) fn story(folder: &Path) -> anyhow::Result<Story> {
    Ok(canary::story(&CanaryRecord::read(folder)?))
}

/// Writes the report of a run into the folder of its record and gives its path.
///
/// # Errors
/// When the record cannot be read or the report cannot be written.
pub(crate) fn write(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    let path = folder.join(REPORT_FILE);
    std::fs::write(&path, kubsets_report::report_html(&story(folder)?))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
