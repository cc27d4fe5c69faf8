//! The thresholds of a load as `JUnit` XML.

use std::path::Path;

use anyhow::Context as _;
use kubsets_load::Threshold;

use crate::report::LoadRun;
use crate::report::junit::load_document;

/// Writes the results of a run.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(
    file: &Path,
    run: &LoadRun,
    rules: &[Threshold],
    interrupted: bool,
) -> anyhow::Result<()> {
    std::fs::write(file, load_document(run, rules, interrupted))
        .with_context(|| format!("cannot write {}", file.display()))
}
