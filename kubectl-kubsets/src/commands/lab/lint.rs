//! `lab lint`: everything about a lab file that can be checked without a cluster.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kubsets_lab::lint::{Finding, Severity, lint};
use kubsets_lab::{LabSource, Values};
use serde::Serialize;

use crate::app::App;
use crate::ui::{ExitCode, Style, Table, Tone};

/// Largest text read.
const LARGEST: u64 = 1 << 20;

/// Arguments of `lab lint`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A lab's folder, a folder of labs, a lab.yaml, or - for standard input; without one, the labs of this binary
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
}

/// One lab and what was found.
#[derive(Debug, Serialize)]
struct Linted {
    lab: String,
    findings: Vec<Finding>,
}

/// Checks labs. Exit code 2 when one has an error.
///
/// # Errors
/// When a path cannot be read.
pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let sources = if args.paths.is_empty() {
        super::catalog::embedded()
    } else {
        let all: Vec<Vec<LabSource>> = args.paths.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
        all.concat()
    };
    let linted: Vec<Linted> = sources
        .iter()
        .map(|source| Linted { lab: source.folder.clone(), findings: lint(source, &Values::new()) })
        .collect();
    app.ui.emit("LabLint", &linted, |style| describe(&linted, style))?;
    let wrong =
        linted.iter().flat_map(|one| &one.findings).any(|finding| finding.severity == Severity::Error);
    Ok(if wrong { ExitCode::Usage } else { ExitCode::Success })
}

fn read(path: &Path) -> anyhow::Result<Vec<LabSource>> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().take(LARGEST).read_to_string(&mut text).context("standard input")?;
        return Ok(vec![LabSource { lab_yaml: text, ..LabSource::default() }]);
    }
    if path.is_file() {
        let folder = path.parent().unwrap_or(Path::new("."));
        return Ok(vec![folder_of(folder)?]);
    }
    if path.join(kubsets_lab::LAB_FILE).is_file() {
        return Ok(vec![folder_of(path)?]);
    }
    super::catalog::from_folder(path)
}

/// A lab from its own folder, whose last two names are its family and its name.
fn folder_of(path: &Path) -> anyhow::Result<LabSource> {
    let path = std::fs::canonicalize(path).with_context(|| path.display().to_string())?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let family = path.parent().and_then(Path::file_name);
    let family = family.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut files: BTreeMap<String, String> = super::catalog::texts(&path)?.into_iter().collect();
    let lab_yaml = files.remove(kubsets_lab::LAB_FILE).context("there is no lab.yaml")?;
    Ok(LabSource { folder: format!("{family}/{name}"), lab_yaml, files })
}

fn describe(linted: &[Linted], style: Style) -> String {
    let mut text = String::new();
    for one in linted {
        if one.findings.is_empty() {
            append!(text, "{} {}\n", style.icon(Tone::Good), one.lab);
            continue;
        }
        append!(text, "{} {}\n", style.icon(Tone::Bad), one.lab);
        let mut table = Table::new(["", "PLACE", "FINDING"]).indent(2);
        for finding in &one.findings {
            let (word, tone) = match finding.severity {
                Severity::Error => ("error", Tone::Bad),
                Severity::Warning => ("warning", Tone::Warn),
            };
            let place =
                finding.place.map(|place| format!("{}:{}", place.line, place.column)).unwrap_or_default();
            table.row([crate::ui::Cell::new(tone, word), place.into(), finding.message.clone().into()]);
        }
        text.push_str(&table.render(style));
    }
    text
}
