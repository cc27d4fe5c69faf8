//! The labs inside this binary and in a folder on disk.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap_complete::CompletionCandidate;
use kubsets_lab::{Lab, LabSource, Values};

use crate::app::App;
use crate::assets::{self, Labs};
use crate::ui::{ExitCode, Failure, Format, Style, Table, Tone};

/// Largest file of a lab that is read.
const LARGEST: u64 = 1 << 20;

/// Where labs come from.
#[derive(clap::Args, Clone, Debug, Default)]
pub(in crate::commands) struct Folder {
    /// Folder with more labs, as FAMILY/NAME/lab.yaml
    #[arg(long, value_name = "FOLDER", env = "KUBSETS_LABS_DIR", hide_env_values = true, value_hint = clap::ValueHint::DirPath)]
    labs_dir: Option<PathBuf>,
}

/// One lab.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Choice {
    /// Name of the lab, with its family where there are several of this name
    #[arg(value_name = "LAB", add = clap_complete::ArgValueCandidates::new(candidates))]
    lab: String,

    #[command(flatten)]
    folder: Folder,
}

impl Choice {
    /// A lab of the binary or of a folder.
    pub(super) fn new(lab: String, folder: Folder) -> Self {
        Self { lab, folder }
    }
}

/// The labs inside this binary.
pub(in crate::commands) fn embedded() -> Vec<LabSource> {
    let files: Vec<(String, String)> = assets::paths::<Labs>()
        .into_iter()
        .filter_map(|path| Some((path.clone(), assets::text::<Labs>(&path)?)))
        .collect();
    LabSource::all(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}

/// The labs in a folder.
///
/// # Errors
/// When it cannot be read.
pub(super) fn from_folder(folder: &Path) -> anyhow::Result<Vec<LabSource>> {
    let files = texts(folder)?;
    Ok(LabSource::all(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))))
}

/// Texts below a folder by their paths; what is no text, or too large for a lab, is left out.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn texts(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = std::fs::read_dir(&next).with_context(|| next.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                // Family, lab and one folder in it: nothing lies deeper.
                if path.strip_prefix(folder).is_ok_and(|below| below.components().count() <= 3) {
                    folders.push(path);
                }
            } else if path.metadata().is_ok_and(|meta| meta.len() <= LARGEST)
                && let Ok(text) = std::fs::read_to_string(&path)
                && let Ok(below) = path.strip_prefix(folder)
            {
                found.push((below.to_string_lossy().into_owned(), text));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The labs inside this binary and those in a folder, which take the place of others of their name.
///
/// # Errors
/// When the folder cannot be read.
pub(in crate::commands) fn all(folder: &Folder) -> anyhow::Result<Vec<LabSource>> {
    let mut labs = embedded();
    if let Some(folder) = &folder.labs_dir {
        if !folder.is_dir() {
            return Err(Failure::usage(format!("--labs-dir: there is no folder {}", folder.display())).into());
        }
        let more = from_folder(folder)?;
        labs.retain(|lab| more.iter().all(|other| other.folder != lab.folder));
        labs.extend(more);
        labs.sort_by(|a, b| a.folder.cmp(&b.folder));
    }
    Ok(labs)
}

/// The labs of a family, or all.
pub(super) fn of_family<'a>(labs: &'a [LabSource], family: Option<&str>) -> Vec<&'a LabSource> {
    let belongs = |lab: &&LabSource| family.is_none_or(|family| lab.folder.split('/').next() == Some(family));
    labs.iter().filter(belongs).collect()
}

/// The lab that was chosen.
///
/// # Errors
/// When there is none of this name, or several.
pub(super) fn find(family: Option<&str>, choice: &Choice) -> anyhow::Result<LabSource> {
    named(&all(&choice.folder)?, family, &choice.lab)
}

/// A lab by its name, with or without the family.
///
/// # Errors
/// When there is none of this name, or several.
pub(in crate::commands) fn named(
    labs: &[LabSource],
    family: Option<&str>,
    wanted: &str,
) -> anyhow::Result<LabSource> {
    let labs = of_family(labs, family);
    let fits = |lab: &&&LabSource| lab.folder == wanted || lab.folder.rsplit('/').next() == Some(wanted);
    let mut found = labs.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(lab), None) => Ok((*lab).clone()),
        (Some(a), Some(b)) => Err(Failure::usage(format!("`{wanted}` is {} or {}", a.folder, b.folder))
            .with_hint("say which")
            .into()),
        _ => {
            let near = kubsets_kube::nearest(wanted, labs.iter().map(|lab| lab.folder.as_str()));
            let near = match near.as_slice() {
                [] => String::new(),
                near => format!("did you mean {}? ", near.join(", ")),
            };
            let list = format!("`kubectl kubsets {} list`", verb(family));
            let kind = family.map_or_else(|| "lab".to_owned(), |family| format!("{family} lab"));
            Err(Failure::usage(format!("there is no {kind} `{wanted}`"))
                .with_hint(format!("{near}{list} shows all"))
                .into())
        }
    }
}

/// Names with their questions, for completion.
pub(super) fn candidates() -> Vec<CompletionCandidate> {
    let candidate = |source: &LabSource| {
        let question = source.parse(&Values::new()).map(|lab| lab.spec.question).unwrap_or_default();
        CompletionCandidate::new(source.folder.clone()).help(Some(question.into()))
    };
    embedded().iter().map(candidate).collect()
}

/// Prints the labs.
pub(in crate::commands) fn list(
    app: &App,
    family: Option<&str>,
    folder: &Folder,
) -> anyhow::Result<ExitCode> {
    let sources = all(folder)?;
    let labs: Vec<Lab> = of_family(&sources, family).into_iter().map(parse).collect::<Result<_, _>>()?;
    app.ui.emit_list("LabList", &labs, Lab::full_name, |style| {
        let mut table = Table::new(["LAB", "LEVEL", "MINUTES", "QUESTION"]).right([1, 2]);
        for lab in &labs {
            table.row([
                lab.full_name().into(),
                lab.metadata.level.to_string().into(),
                lab.metadata.minutes.to_string().into(),
                lab.spec.question.trim().to_owned().into(),
            ]);
        }
        table.render(style)
    })?;
    if app.ui.format() == Format::Table {
        let verb = verb(family);
        app.ui.hint(format!("`kubectl kubsets {verb} show LAB`, then `kubectl kubsets {verb} run LAB`"));
    }
    Ok(ExitCode::Success)
}

fn parse(source: &LabSource) -> anyhow::Result<Lab> {
    source.parse(&Values::new()).with_context(|| format!("{}/lab.yaml", source.folder))
}

/// Prints one lab.
pub(in crate::commands) fn show(
    app: &App,
    family: Option<&str>,
    source: &LabSource,
) -> anyhow::Result<ExitCode> {
    let lab = parse(source)?;
    app.ui.emit("Lab", &lab, |style| describe(&lab, verb(family), style))?;
    Ok(ExitCode::Success)
}

/// The subcommand that labs of a family, or all labs, are under.
fn verb(family: Option<&str>) -> &str {
    family.unwrap_or("lab")
}

fn describe(lab: &Lab, verb: &str, style: Style) -> String {
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
    append!(text, "\n{}\n", style.paint(Tone::Strong, "Steps"));
    let mut table = Table::new(["", "STEP", "OPERATION"]).indent(2).right([0]);
    for (index, step) in lab.spec.steps.iter().enumerate() {
        let kind = step.operation().map(|operation| operation.kind()).unwrap_or_default();
        table.row([(index + 1).to_string().into(), step.name.clone().into(), kind.into()]);
    }
    text.push_str(&table.render(style));
    for canary in lab.spec.steps.iter().filter_map(|step| step.canary.as_ref()) {
        let shares: Vec<String> = canary.steps.iter().map(|step| format!("{} %", step.value())).collect();
        let mut changes: Vec<String> =
            canary.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        changes.extend(canary.image.iter().map(|image| format!("image {image}")));
        append!(text, "    changes Deployment {}: {}\n", canary.deployment, changes.join(", "));
        append!(text, "    shifts {} of {} requests/s\n", shares.join(", "), canary.load.rate);
    }
    append!(text, "\n{}\n", style.paint(Tone::Strong, "What should come out"));
    for expectation in &lab.spec.expect {
        append!(text, "  {}\n    {}\n", expectation.name, style.paint(Tone::Dim, &expectation.that));
    }
    let name = if meta.family == verb { meta.name.clone() } else { lab.full_name() };
    append!(text, "\n{}\n", style.paint(Tone::Hint, &format!("kubectl kubsets {verb} run {name}")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_lab::lint::lint;

    #[test]
    fn every_lab_inside_passes_its_own_lint() {
        let labs = embedded();
        assert!(labs.len() >= 9, "{} labs", labs.len());
        for lab in &labs {
            assert_eq!(lint(lab, &Values::new()), [], "{}", lab.folder);
        }
    }

    /// Results as they are when nothing was seen or sent.
    fn nothing(step: &kubsets_lab::PlannedStep) -> serde_json::Value {
        use kubsets_lab::{Condition, Operation};
        match &step.operation {
            Operation::Load(_) | Operation::Wait(Condition::Finished(_)) => serde_json::json!({
                "planned": 0, "ok": 0, "failed": 0, "errors": 0, "timedOut": 0, "neverSent": 0, "availability": 1.0,
                "errorRate": 0.0, "okPerSecond": 0.0, "p50Ms": 0.0, "p90Ms": 0.0, "p99Ms": 0.0, "maxMs": 0.0,
                "secondsWithFailures": 0, "longestOutageSeconds": 0, "valid": true, "identity": true,
            }),
            Operation::Exec(_) => {
                serde_json::json!({"stdout": "", "lines": [], "stderr": "", "exitCode": 0})
            }
            Operation::Logs(_) => serde_json::json!({"count": 0, "lines": []}),
            Operation::Query(_) => serde_json::json!({"value": null, "samples": []}),
            Operation::Wait(_) => serde_json::json!({"seconds": 0.0, "observed": "", "value": []}),
            _ => serde_json::Value::Null,
        }
    }

    #[test]
    fn no_lab_passes_on_nothing() {
        for source in embedded().iter().filter(|source| !source.folder.starts_with("canary/")) {
            let plan = kubsets_lab::Plan::new(source, &Values::new()).expect("is one");
            let bound = plan.steps.iter().filter_map(|step| Some((step.bind.as_ref()?, nothing(step))));
            let mut bindings = plan.bindings();
            bound.for_each(|(name, result)| bindings.set(name, result));
            let held =
                |one: &&kubsets_lab::Expectation| one.check(&bindings).is_ok_and(|checked| checked.held);
            let holding: Vec<&str> =
                plan.expect.iter().filter(held).map(|expectation| expectation.that.as_str()).collect();
            assert!(holding.len() < plan.expect.len(), "{}: everything holds: {holding:?}", plan.lab);
            for that in holding {
                assert!(!that.contains(".all(") && !that.contains("lines"), "{}: {that}", plan.lab);
            }
        }
    }

    #[test]
    fn an_unknown_lab_names_those_of_a_like_name() {
        let hint = |lab: &str| {
            let choice = Choice { lab: lab.into(), folder: Folder::default() };
            let error = find(None, &choice).expect_err("does not exist");
            error.downcast_ref::<Failure>().expect("is one").hints().concat()
        };
        assert_eq!(hint("pod-kil"), "did you mean chaos/pod-kill? `kubectl kubsets lab list` shows all");
        assert_eq!(hint("lost.yaml"), "`kubectl kubsets lab list` shows all");
    }
}
