//! The test cases of a run.

use kubsets_engine::{Checked, Outcome, StepReport, StepStatus, Verdict};
use kubsets_lab::Plan;

/// How a test case ended; with the reason in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// As wanted.
    Passed,
    /// Not as wanted.
    Failed(String),
    /// Ended by something else than the subject of the experiment.
    Error(String),
    /// Not looked at.
    Skipped(String),
}

/// A test case.
#[derive(Debug)]
pub(super) struct Case {
    /// Part of the run with the lab's name, such as `chaos/pod-kill.steps`.
    pub(super) class: String,
    /// Name.
    pub(super) name: String,
    /// Seconds that it took; 0 for what takes no time.
    pub(super) seconds: f64,
    /// How it ended.
    pub(super) ending: Ending,
    /// Kind of a failure, such as `expectation`.
    pub(super) kind: &'static str,
    /// What was seen.
    pub(super) seen: String,
}

/// The test cases of a run in its order: steady state, steps, expectations, undo. A verdict that none of them
/// explains gets one of its own, so that a run without a pass never looks like one.
pub(super) fn cases(plan: &Plan, outcome: &Outcome) -> Vec<Case> {
    let class = |part: &str| format!("{}.{part}", outcome.lab);
    let mut cases = Vec::new();
    for checked in &outcome.steady_state {
        cases.push(state(class("steady-state"), outcome, checked));
    }
    for report in &outcome.steps {
        cases.push(step(class("steps"), outcome, report));
    }
    for (place, expectation) in plan.expect.iter().enumerate() {
        let checked = outcome.expectations.get(place);
        cases.push(expected(class("expectations"), &expectation.name, checked));
    }
    cases.push(undo(class("undo"), outcome));
    let explained = cases.iter().any(|case| match case.ending {
        Ending::Failed(_) | Ending::Error(_) => true,
        Ending::Skipped(_) => outcome.verdict == Verdict::Skipped,
        Ending::Passed => false,
    });
    if outcome.verdict != Verdict::Pass && !explained {
        let ending = fault(outcome.verdict, &outcome.reason);
        let (name, seen) = ("verdict".to_owned(), outcome.reason.clone());
        cases.push(Case {
            class: class("run"),
            name,
            seconds: 0.0,
            ending,
            kind: kind(outcome.verdict),
            seen,
        });
    }
    cases
}

/// What a part that did not go well is, by the verdict that it led to.
fn fault(verdict: Verdict, why: &str) -> Ending {
    let why = why.to_owned();
    match verdict {
        Verdict::Pass | Verdict::Fail => Ending::Failed(why),
        Verdict::Skipped => Ending::Skipped(why),
        Verdict::Inconclusive | Verdict::Aborted | Verdict::Error => Ending::Error(why),
    }
}

fn kind(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass | Verdict::Fail => "failed",
        Verdict::Skipped => "skipped",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Aborted => "aborted",
        Verdict::Error => "error",
    }
}

fn state(class: String, outcome: &Outcome, checked: &Checked) -> Case {
    let why = format!("not steady: {}", checked.expected);
    let ending = if checked.held { Ending::Passed } else { fault(outcome.verdict, &why) };
    let (name, seen) = (checked.expected.clone(), checked.seen.clone());
    Case { class, name, seconds: 0.0, ending, kind: "steady-state", seen }
}

fn step(class: String, outcome: &Outcome, report: &StepReport) -> Case {
    let ending = match report.status {
        StepStatus::Passed => Ending::Passed,
        StepStatus::Failed => fault(outcome.verdict, &report.message),
        StepStatus::NotRun => Ending::Skipped(format!("not reached: {}", outcome.reason)),
    };
    let (name, seen) = (report.name.clone(), report.message.clone());
    Case { class, name, seconds: report.seconds, ending, kind: kind(outcome.verdict), seen }
}

fn expected(class: String, name: &str, checked: Option<&Checked>) -> Case {
    let (ending, seen) = match checked {
        None => (Ending::Skipped("not looked at: the run ended before".into()), String::new()),
        Some(checked) if checked.held => (Ending::Passed, checked.seen.clone()),
        Some(checked) => (Ending::Failed(format!("not so: {}", checked.seen)), checked.seen.clone()),
    };
    Case { class, name: name.to_owned(), seconds: 0.0, ending, kind: "expectation", seen }
}

fn undo(class: String, outcome: &Outcome) -> Case {
    let command = outcome.cleanup_command.clone().unwrap_or_default();
    let (seconds, ending, seen) = match &outcome.undo {
        None => (0.0, Ending::Error("the undo did not end".into()), command),
        Some(undo) if undo.equal => (undo.seconds, Ending::Passed, String::new()),
        Some(undo) => {
            let objects: Vec<String> = undo.different().map(ToString::to_string).collect();
            let why = format!("not as before: {}", objects.join(", "));
            (undo.seconds, Ending::Failed(why), command)
        }
    };
    Case { class, name: "everything is as before".into(), seconds, ending, kind: "undo", seen }
}
