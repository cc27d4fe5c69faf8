//! Everything that can be said about a lab without a cluster.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::error::{LabError, Place};
use crate::outline::Outline;
use crate::parse::Document;
use crate::source::{LAB_FILE, LabSource};
use crate::template::{Resolved, Values};

mod expressions;
mod manifests;
mod metadata;
mod names;
mod operations;
mod params;
mod steps;

pub(crate) use names::is_dns_label;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The lab is refused.
    Error,
    /// It runs, but something is probably not as meant.
    Warning,
}

/// Something wrong with a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// File in the lab's folder.
    pub file: String,
    /// Where in that file, when it is about a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The field, such as `spec.steps[0].load.rate`; empty when it is about the file.
    pub field: String,
    /// What is wrong and what is accepted.
    pub message: String,
}

impl fmt::Display for Finding {
    /// `lab.yaml:12:14: error: spec.steps[0].load.rate: …`, as compilers write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(Place { line, column }) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, " {severity}: ")?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// Checks a lab in its folder. The findings are sorted by file and place; none means that the lab can
/// be planned and run.
pub fn lint(source: &LabSource, values: &Values) -> Vec<Finding> {
    check(source, values, true)
}

/// Checks the text of a lab alone, such as from standard input: nothing is said about its folder, and
/// files that it names are taken to be there.
pub fn lint_text(text: &str, values: &Values) -> Vec<Finding> {
    let source = LabSource { lab_yaml: text.to_owned(), ..LabSource::default() };
    check(&source, values, false)
}

fn check(source: &LabSource, values: &Values, in_folder: bool) -> Vec<Finding> {
    let document = match source.document(values) {
        Ok(document) => document,
        Err(error) => return vec![refused(&error)],
    };
    let mut linter = Linter { source, document: &document, in_folder, findings: Vec::new() };
    linter.metadata();
    linter.params();
    linter.steps();
    linter.expressions();
    linter.manifests();
    let mut findings = linter.findings;
    findings.sort_by(|a, b| {
        (&a.file, a.place, &a.field, &a.message).cmp(&(&b.file, b.place, &b.field, &b.message))
    });
    findings.dedup();
    findings
}

/// The finding for a lab that cannot be read.
fn refused(error: &LabError) -> Finding {
    let file = if let LabError::File { file, .. } = error { file.as_str() } else { LAB_FILE };
    Finding {
        severity: Severity::Error,
        file: file.to_owned(),
        place: error.place(),
        field: error.field().unwrap_or_default().to_owned(),
        message: error.message(),
    }
}

/// A lab under inspection.
struct Linter<'a> {
    source: &'a LabSource,
    document: &'a Document,
    in_folder: bool,
    findings: Vec<Finding>,
}

impl Linter<'_> {
    fn outline(&self) -> &Outline {
        &self.document.outline
    }

    fn resolved(&self) -> &Resolved {
        &self.document.resolved
    }

    fn add(&mut self, severity: Severity, place: Option<Place>, field: &str, message: String) {
        let file = LAB_FILE.to_owned();
        self.findings.push(Finding { severity, file, place, field: field.to_owned(), message });
    }

    /// An error at a field of the lab.
    fn error(&mut self, field: &str, message: impl Into<String>) {
        let place = self.outline().place(field);
        self.add(Severity::Error, Some(place), field, message.into());
    }

    /// A warning at a field of the lab.
    fn warn(&mut self, field: &str, message: impl Into<String>) {
        let place = self.outline().place(field);
        self.add(Severity::Warning, Some(place), field, message.into());
    }

    /// An error unless `held`.
    fn require(&mut self, held: bool, field: &str, message: impl FnOnce() -> String) {
        if !held {
            self.error(field, message());
        }
    }

    /// An error for every name that is there twice.
    fn unique<'n>(&mut self, names: impl IntoIterator<Item = (String, &'n str)>, what: &str) {
        let mut seen = BTreeSet::new();
        for (field, name) in names {
            if !seen.insert(name) {
                self.error(&field, format!("{what} {name:?} is used twice"));
            }
        }
    }
}
