//! The canary labs inside this binary.

use std::collections::BTreeMap;

use clap_complete::CompletionCandidate;
use kubsets_delivery::{CanarySpec, StateDir};
use kubsets_lab::{Lab, Step};

use crate::app::App;
use crate::assets::{self, Labs};
use crate::ui::{ExitCode, Failure, Style, Table, Tone};

/// Folder of the canary labs.
const FAMILY: &str = "canary/";

/// File of a lab.
const FILE: &str = "/lab.yaml";

/// The text of a lab, by its name with or without the family.
///
/// # Errors
/// When there is no such lab; names the nearest.
pub(super) fn text(name: &str) -> anyhow::Result<String> {
    let short = name.strip_prefix(FAMILY).unwrap_or(name);
    let found = assets::text::<Labs>(&format!("{FAMILY}{short}{FILE}"));
    found.ok_or_else(|| {
        let names = names();
        let near = kubsets_kube::nearest(short, names.iter().map(String::as_str));
        let near = if near.is_empty() { names } else { near };
        Failure::usage(format!("there is no canary lab `{name}`"))
            .with_hint(format!("did you mean {}? `kubectl kubsets canary list` shows all", near.join(", ")))
            .into()
    })
}

/// A lab with values for its parameters.
///
/// # Errors
/// When there is no such lab or a value does not fit.
pub(crate) fn lab(name: &str, values: &BTreeMap<String, String>) -> anyhow::Result<Lab> {
    Ok(kubsets_lab::parse(&text(name)?, values)?)
}

/// The canary of a lab that consists of one.
///
/// # Errors
/// When the lab does something else.
pub(crate) fn canary(lab: &Lab) -> anyhow::Result<CanarySpec> {
    let [Step { canary: Some(spec), .. }] = lab.spec.steps.as_slice() else {
        return Err(Failure::usage(format!("{} is no lab of one canary", lab.full_name())).into());
    };
    // Labels cannot hold a slash.
    Ok(CanarySpec { lab: Some(lab.full_name().replace('/', ".")), ..spec.clone() })
}

/// Names of the labs, sorted.
fn names() -> Vec<String> {
    let paths = assets::paths::<Labs>();
    let name = |path: String| path.strip_prefix(FAMILY)?.strip_suffix(FILE).map(str::to_owned);
    let mut names: Vec<String> = paths.into_iter().filter_map(name).collect();
    names.sort();
    names
}

/// Names with their questions, for completion.
pub(super) fn candidates() -> Vec<CompletionCandidate> {
    let candidate = |name: String| {
        let question = lab(&name, &BTreeMap::new()).map(|lab| lab.spec.question).unwrap_or_default();
        CompletionCandidate::new(name).help(Some(question.into()))
    };
    names().into_iter().map(candidate).collect()
}

/// Runs on this machine's record, for completion.
pub(crate) fn runs() -> Vec<CompletionCandidate> {
    let runs = StateDir::from_environment().runs();
    runs.into_iter().take(20).map(|run| CompletionCandidate::new(run.as_str())).collect()
}

/// Prints the labs.
pub(super) fn list(app: &App) -> anyhow::Result<ExitCode> {
    let labs: Vec<Lab> = names().iter().map(|name| lab(name, &BTreeMap::new())).collect::<Result<_, _>>()?;
    app.ui.emit("LabList", &labs, |style| {
        let mut table = Table::new(["LAB", "LEVEL", "MINUTES", "QUESTION"]).right([1, 2]);
        for lab in &labs {
            let meta = &lab.metadata;
            table.row([
                meta.name.clone().into(),
                meta.level.to_string().into(),
                meta.minutes.to_string().into(),
                lab.spec.question.trim().to_owned().into(),
            ]);
        }
        table.render(style)
    })?;
    if app.ui.format() == crate::ui::Format::Table {
        app.ui.hint("`kubectl kubsets canary show LAB`, then `kubectl kubsets canary run LAB`");
    }
    Ok(ExitCode::Success)
}

/// Prints one lab.
pub(super) fn show(app: &App, name: &str) -> anyhow::Result<ExitCode> {
    let lab = lab(name, &BTreeMap::new())?;
    app.ui.emit("Lab", &lab, |style| describe(&lab, style))?;
    Ok(ExitCode::Success)
}

fn describe(lab: &Lab, style: Style) -> String {
    let meta = &lab.metadata;
    let mut text = format!(
        "{}  (level {}, about {} min)\n{}\n",
        style.paint(Tone::Strong, &lab.full_name()),
        meta.level,
        meta.minutes,
        lab.spec.question.trim()
    );
    if !lab.spec.params.is_empty() {
        append!(text, "\n{}\n", style.paint(Tone::Strong, "Parameters (--set NAME=VALUE)"));
        let mut table = Table::new(["NAME", "DEFAULT", "ABOUT"]).indent(2);
        for (name, param) in &lab.spec.params {
            table.row([name.clone().into(), param.default.clone().into(), param.about.clone().into()]);
        }
        text.push_str(&table.render(style));
    }
    if let Ok(spec) = canary(lab) {
        append!(text, "\n{}\n", style.paint(Tone::Strong, "What it does"));
        let steps: Vec<String> = spec.steps.iter().map(|step| format!("{} %", step.value())).collect();
        let mut changes: Vec<String> =
            spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        changes.extend(spec.image.iter().map(|image| format!("image {image}")));
        let rate = spec.load.rate;
        append!(text, "  changes Deployment {}: {}\n", spec.deployment, changes.join(", "));
        append!(text, "  shifts {} of {rate} requests/s\n", steps.join(", "));
    }
    if !lab.spec.expect.is_empty() {
        append!(text, "\n{}\n", style.paint(Tone::Strong, "What should come out"));
        for expectation in &lab.spec.expect {
            append!(text, "  {}\n", expectation.name);
        }
    }
    append!(text, "\n{}\n", style.paint(Tone::Hint, &format!("kubectl kubsets canary run {}", meta.name)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lab_inside_is_a_canary() {
        for name in names() {
            let lab = lab(&name, &BTreeMap::new()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(lab.full_name(), format!("canary/{name}"));
            canary(&lab).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn an_unknown_lab_names_others() {
        let error = text("no-such-lab").expect_err("does not exist");
        assert!(error.downcast_ref::<Failure>().is_some_and(|failure| !failure.hints().is_empty()));
    }
}
