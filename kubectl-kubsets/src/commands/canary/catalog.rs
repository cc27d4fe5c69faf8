//! The canary labs inside this binary and in a folder on disk.

use clap_complete::CompletionCandidate;
use kubsets_delivery::{CanarySpec, StateDir};
use kubsets_lab::{Lab, LabSource, Step, Values};

use crate::commands::lab::catalog;
use crate::ui::Failure;

/// Family of the canary labs.
pub(crate) const FAMILY: &str = "canary";

/// A canary lab of the binary or of a folder, by its name with or without the family.
///
/// # Errors
/// When there is no such lab; names the nearest.
pub(super) fn source(name: &str, folder: &catalog::Folder) -> anyhow::Result<LabSource> {
    catalog::named(&catalog::all(folder)?, Some(FAMILY), name)
}

/// A lab of the binary with values for its parameters.
///
/// # Errors
/// When there is no such lab or a value does not fit.
pub(crate) fn lab(name: &str, values: &Values) -> anyhow::Result<Lab> {
    Ok(source(name, &catalog::Folder::default())?.parse(values)?)
}

/// The canary of a lab that consists of one.
///
/// # Errors
/// When the lab does something else.
pub(crate) fn canary(lab: &Lab) -> anyhow::Result<CanarySpec> {
    let [Step { canary: Some(spec), .. }] = lab.spec.steps.as_slice() else {
        return Err(Failure::usage(format!("{} is no lab of one canary", lab.full_name())).into());
    };
    Ok(CanarySpec { lab: Some(lab.label()), ..spec.clone() })
}

/// The canary labs, sorted by name.
fn all() -> Vec<Lab> {
    let labs = catalog::embedded();
    let labs = labs.iter().filter_map(|source| source.parse(&Values::new()).ok());
    labs.filter(|lab| lab.metadata.family == FAMILY).collect()
}

/// Names with their questions, for completion.
pub(super) fn candidates() -> Vec<CompletionCandidate> {
    let candidate =
        |lab: Lab| CompletionCandidate::new(lab.metadata.name).help(Some(lab.spec.question.into()));
    all().into_iter().map(candidate).collect()
}

/// Runs on this machine's record, for completion.
pub(crate) fn runs() -> Vec<CompletionCandidate> {
    let runs = StateDir::from_environment().runs();
    runs.into_iter().take(20).map(|run| CompletionCandidate::new(run.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lab_of_the_family_is_one_canary() {
        let labs = all();
        assert!(labs.len() >= 3, "{} labs", labs.len());
        for lab in labs {
            canary(&lab).unwrap_or_else(|error| panic!("{}: {error}", lab.full_name()));
        }
    }
}
