//! A load as a test suite.

use kubsets_load::{LoadReport, Threshold};

use super::case::{Case, Ending};
use super::{Written, timestamp, written};
use crate::report::LoadRun;

/// A load as one document: a test case for the load generator and one for each threshold. An `interrupted` load has
/// passed nothing.
pub(crate) fn load_document(run: &LoadRun, rules: &[Threshold], interrupted: bool) -> String {
    let report = &run.report;
    let mut cases = vec![generator(report, interrupted)];
    cases.extend(rules.iter().map(|rule| threshold(rule, &run.crossed)));
    let started = i64::try_from(report.started_unix_ms).ok();
    let started = started.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    let properties = [("run", &run.run), ("requests", &report.identity), ("repeat", &run.repeat)];
    written(&[Written {
        name: "load".into(),
        seconds: report.elapsed_s,
        started_at: timestamp(started),
        properties: properties.map(|(name, value)| (name.to_owned(), value.clone())).to_vec(),
        cases,
    }])
}

fn generator(report: &LoadReport, interrupted: bool) -> Case {
    let ending = if interrupted {
        Ending::Error("a user ended the load".into())
    } else if !report.is_valid() {
        Ending::Error(report.validity.reasons.join("; "))
    } else if report.is_unanswered() {
        Ending::Error("not one request was answered".into())
    } else {
        Ending::Passed
    };
    let name = "the load generator kept up to the end".to_owned();
    let (class, seconds, seen) = ("load.generator".to_owned(), report.elapsed_s, report.identity.clone());
    Case { class, name, seconds, ending, kind: "invalid", seen }
}

fn threshold(rule: &Threshold, crossed: &[String]) -> Case {
    // what was crossed begins with the rule; one over a window was watched while the load ran
    let crossed = crossed.iter().find(|told| told.starts_with(&format!("{rule},"))).cloned();
    let seen = crossed.clone().unwrap_or_default();
    let ending = crossed.map_or(Ending::Passed, Ending::Failed);
    let class = "load.thresholds".to_owned();
    Case { class, name: format!("not {rule}"), seconds: 0.0, ending, kind: "threshold", seen }
}
