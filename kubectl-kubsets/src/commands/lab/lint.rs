//! `lab lint`: everything about a lab file that can be checked without a cluster.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use kubsets_lab::lint::{Finding, Severity, lint, lint_text};
use kubsets_lab::{LAB_FILE, LabSource, Values};
use serde::Serialize;

use super::catalog;
use crate::app::App;
use crate::ui::{ExitCode, Failure, Style, Tone};

/// Largest text read.
const LARGEST: u64 = 1 << 20;

/// Arguments of `lab lint`.
#[derive(clap::Args, Debug)]
pub(in crate::commands) struct Args {
    /// A lab or a family by its name; a lab's folder, a folder of labs or of a family, a lab.yaml; or - for standard
    /// input. Without one, every lab
    #[arg(value_name = "LAB|PATH", value_hint = clap::ValueHint::AnyPath)]
    subjects: Vec<String>,

    #[command(flatten)]
    folder: catalog::Folder,
}

/// One lab and what was found.
#[derive(Debug, Serialize)]
struct Linted {
    lab: String,
    findings: Vec<Finding>,
}

impl Linted {
    fn source(source: &LabSource) -> Self {
        Self { lab: source.folder.clone(), findings: lint(source, &Values::new()) }
    }

    fn text(name: &str, text: &str) -> Self {
        Self { lab: name.to_owned(), findings: lint_text(text, &Values::new()) }
    }

    fn has(&self, severity: Severity) -> bool {
        self.findings.iter().any(|finding| finding.severity == severity)
    }
}

/// Checks labs. Exit code 2 when one has an error.
///
/// # Errors
/// When there is no such lab, or it cannot be read.
pub(in crate::commands) fn run(app: &App, family: Option<&str>, args: &Args) -> anyhow::Result<ExitCode> {
    let linted: Vec<Linted> = if args.subjects.is_empty() {
        let all = catalog::all(&args.folder)?;
        catalog::of_family(&all, family).into_iter().map(Linted::source).collect()
    } else {
        let check = |subject: &String| check(subject, family, &args.folder);
        let all: Vec<Vec<Linted>> = args.subjects.iter().map(check).collect::<Result<_, _>>()?;
        all.into_iter().flatten().collect()
    };
    app.ui.emit("LabLint", &linted, |style| describe(&linted, style))?;
    let wrong = linted.iter().any(|one| one.has(Severity::Error));
    Ok(if wrong { ExitCode::Usage } else { ExitCode::Success })
}

/// Checks what a word of the command line stands for; a path goes before a name.
fn check(subject: &str, family: Option<&str>, folder: &catalog::Folder) -> anyhow::Result<Vec<Linted>> {
    let path = Path::new(subject);
    if subject == "-" {
        let mut text = String::new();
        std::io::stdin().take(LARGEST).read_to_string(&mut text).context("standard input")?;
        return Ok(vec![Linted::text("standard input", &text)]);
    }
    if path.is_file() && !path.ends_with(LAB_FILE) {
        let text = std::fs::read_to_string(path).with_context(|| subject.to_owned())?;
        return Ok(vec![Linted::text(subject, &text)]);
    }
    let sources = if path.is_file() {
        vec![folder_of(&path.with_file_name(""))?]
    } else if path.is_dir() {
        below(path)?
    } else {
        by_name(subject, family, &catalog::all(folder)?)?
    };
    if sources.is_empty() {
        return Err(Failure::usage(format!("there is no lab in {subject}"))
            .with_hint("a lab is a folder FAMILY/NAME with a lab.yaml; `kubectl kubsets lab new` makes one")
            .into());
    }
    Ok(sources.iter().map(Linted::source).collect())
}

/// The labs of a family, or one lab.
fn by_name(name: &str, family: Option<&str>, labs: &[LabSource]) -> anyhow::Result<Vec<LabSource>> {
    let named = match family {
        None => catalog::of_family(labs, Some(name)),
        Some(_) => Vec::new(),
    };
    if named.is_empty() {
        Ok(vec![catalog::named(labs, family, name)?])
    } else {
        Ok(named.into_iter().cloned().collect())
    }
}

/// The lab that a folder is, the labs of a family's folder, or those of a folder of families.
fn below(folder: &Path) -> anyhow::Result<Vec<LabSource>> {
    if folder.join(LAB_FILE).is_file() {
        return Ok(vec![folder_of(folder)?]);
    }
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.join(LAB_FILE).is_file() {
            inside.push(folder_of(&path)?);
        }
    }
    inside.sort_by(|one, other| one.folder.cmp(&other.folder));
    inside.extend(catalog::from_folder(folder)?);
    Ok(inside)
}

/// A lab from its own folder, whose last two names are its family and its name.
fn folder_of(path: &Path) -> anyhow::Result<LabSource> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let path = std::fs::canonicalize(path).with_context(|| path.display().to_string())?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let family = path.parent().and_then(Path::file_name);
    let family = family.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut files: BTreeMap<String, String> = catalog::texts(&path)?.into_iter().collect();
    let lab_yaml = files.remove(LAB_FILE).context("there is no lab.yaml")?;
    Ok(LabSource { folder: format!("{family}/{name}"), lab_yaml, files })
}

/// A line for each lab, and below it its findings as compilers write them.
fn describe(linted: &[Linted], style: Style) -> String {
    let mut text = String::new();
    for one in linted {
        let tone = match (one.has(Severity::Error), one.has(Severity::Warning)) {
            (true, _) => Tone::Bad,
            (false, true) => Tone::Warn,
            (false, false) => Tone::Good,
        };
        append!(text, "{} {}\n", style.icon(tone), one.lab);
        for finding in &one.findings {
            append!(text, "  {finding}\n");
        }
    }
    text
}
