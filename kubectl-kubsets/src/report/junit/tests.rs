use kubsets_engine::{Checked, Outcome, StepReport, StepStatus, UndoReport, Verdict};
use kubsets_lab::{LabSource, Plan};
use kubsets_undo::Comparison;
use serde_json::Map;

use super::*;

const LAB: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: little, family: chaos, level: 1, minutes: 1}
spec:
  question: Does it work?
  steps:
    - {name: look, as: seen, http: {path: /api/info}}
    - {name: look again, http: {path: /api/info}}
  expect:
    - {name: it answers, that: seen.status == 200}
    - {name: 'it is <fast> & \"good\"', that: seen.ms < 5}
";

fn plan() -> Plan {
    let source = LabSource { folder: "chaos/little".into(), lab_yaml: LAB.into(), ..LabSource::default() };
    Plan::new(&source, &kubsets_lab::Values::new()).unwrap()
}

fn step(name: &str, status: StepStatus, message: &str) -> StepReport {
    let seconds = if status == StepStatus::NotRun { 0.0 } else { 1.25 };
    let (name, message) = (name.to_owned(), message.to_owned());
    StepReport { name, operation: "http".into(), status, began_seconds: Some(0.5), seconds, message }
}

fn checked(expected: &str, seen: &str, held: bool) -> Checked {
    Checked { expected: expected.into(), seen: seen.into(), held }
}

fn suite(verdict: Verdict, change: impl FnOnce(&mut Outcome)) -> Suite {
    let plan = plan();
    let mut outcome = Outcome {
        api_version: "kubsets.dev/v1alpha1".into(),
        kind: "LabOutcome".into(),
        run: "261120-163148-d80d".into(),
        lab: plan.lab.clone(),
        question: plan.question.clone(),
        namespace: "kubsets".into(),
        params: [("rate".to_owned(), "100".to_owned())].into(),
        verdict,
        reason: "why".into(),
        steps: vec![
            step("look", StepStatus::Passed, "status 200"),
            step("look again", StepStatus::Passed, ""),
        ],
        steady_state: vec![checked("the app answers", "result.status was 200", true)],
        expectations: vec![
            checked("it answers", "seen.status was 200", true),
            checked("it is <fast> & \"good\"", "seen.ms was 3", true),
        ],
        results: Map::new(),
        seconds: 12.3456,
        undo: Some(UndoReport { seconds: 0.5, comparisons: Vec::new(), equal: true }),
        repeat_command: plan.repeat_command(),
        cleanup_command: None,
        exit_code: 0,
    };
    change(&mut outcome);
    Suite::new(plan, outcome, "2026-11-20T16:31:48.7Z".parse().unwrap())
}

/// Name and ending of the cases of a suite.
fn endings(suite: &Suite) -> Vec<(String, &'static str)> {
    let cases = cases(&suite.plan, &suite.outcome).into_iter().map(|case| {
        let word = match case.ending {
            Ending::Passed => "passed",
            Ending::Failed(_) => "failed",
            Ending::Error(_) => "error",
            Ending::Skipped(_) => "skipped",
        };
        (case.name, word)
    });
    cases.collect()
}

#[test]
fn a_failed_run_as_a_document() {
    let suite = suite(Verdict::Fail, |outcome| {
        outcome.expectations[1].held = false;
        outcome.expectations[1].seen = "seen.ms was 7 <\u{1b}>".into();
    });
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="kubsets" tests="6" failures="1" errors="0" skipped="0" time="12.346">
  <testsuite name="chaos/little" tests="6" failures="1" errors="0" skipped="0" time="12.346" timestamp="2026-11-20T16:31:48Z">
    <properties>
      <property name="run" value="261120-163148-d80d"/>
      <property name="namespace" value="kubsets"/>
      <property name="verdict" value="FAIL"/>
      <property name="reason" value="why"/>
      <property name="repeat" value="kubectl kubsets lab run chaos/little"/>
      <property name="param.rate" value="100"/>
    </properties>
    <testcase name="the app answers" classname="chaos/little.steady-state" time="0.000"/>
    <testcase name="look" classname="chaos/little.steps" time="1.250"/>
    <testcase name="look again" classname="chaos/little.steps" time="1.250"/>
    <testcase name="it answers" classname="chaos/little.expectations" time="0.000"/>
    <testcase name="it is &lt;fast&gt; &amp; &quot;good&quot;" classname="chaos/little.expectations" time="0.000">
      <failure message="not so: seen.ms was 7 &lt;�&gt;" type="expectation">seen.ms was 7 &lt;�&gt;</failure>
    </testcase>
    <testcase name="everything is as before" classname="chaos/little.undo" time="0.500"/>
  </testsuite>
</testsuites>
"#;
    assert_eq!(document(&[suite]), expected);
}

#[test]
fn runs_add_up_and_none_is_a_document_too() {
    let document = document(&[suite(Verdict::Pass, |_| {}), suite(Verdict::Pass, |_| {})]);
    assert!(document.contains("<testsuites name=\"kubsets\" tests=\"12\" failures=\"0\""), "{document}");
    assert!(document.contains("time=\"24.691\">"), "{document}");
    assert!(super::document(&[]).contains("tests=\"0\""));
}

#[test]
fn what_was_not_reached_is_skipped() {
    let failed = suite(Verdict::Error, |outcome| {
        outcome.steps[0].status = StepStatus::Failed;
        outcome.steps[1].status = StepStatus::NotRun;
        outcome.expectations.clear();
    });
    let words: Vec<&str> = endings(&failed).into_iter().map(|(_, word)| word).collect();
    assert_eq!(words, ["passed", "error", "skipped", "skipped", "skipped", "passed"]);
    let skipped = suite(Verdict::Skipped, |outcome| {
        outcome.steady_state[0].held = false;
        outcome.steps.iter_mut().for_each(|step| step.status = StepStatus::NotRun);
        outcome.expectations.clear();
    });
    let words: Vec<&str> = endings(&skipped).into_iter().map(|(_, word)| word).collect();
    assert_eq!(words, ["skipped", "skipped", "skipped", "skipped", "skipped", "passed"]);
}

#[test]
fn a_run_without_a_pass_never_looks_like_one() {
    for verdict in [Verdict::Fail, Verdict::Inconclusive, Verdict::Aborted, Verdict::Error] {
        let last = endings(&suite(verdict, |_| {})).pop().unwrap();
        assert_eq!(last.0, "verdict", "{verdict:?}");
        assert!(["failed", "error"].contains(&last.1), "{verdict:?}");
    }
    let undo = |undo: Option<UndoReport>| endings(&suite(Verdict::Pass, |outcome| outcome.undo = undo)).pop();
    assert_eq!(undo(None).unwrap().1, "error");
    let object = kubsets_kube::ObjectRef::namespaced("v1", "ConfigMap", "kubsets", "settings");
    let left = Comparison { object, pointer: None, before: None, after: Some("ab".into()), equal: false };
    let report = UndoReport { seconds: 0.5, comparisons: vec![left], equal: false };
    assert_eq!(undo(Some(report)).unwrap(), ("everything is as before".to_owned(), "failed"));
}

#[test]
fn a_canary_that_was_rolled_back_is_a_failure_even_where_the_lab_expects_it() {
    let path = "tests/fixtures/runs/261120-163148-d80d/run.json";
    let mut canary: kubsets_delivery::Outcome =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let endings = |canary: Option<&kubsets_delivery::Outcome>| {
        let mut suite = suite(Verdict::Pass, |_| {});
        suite.outcome = released(suite.outcome, canary);
        endings(&suite)
    };
    let last = ("verdict".to_owned(), "failed");
    assert_eq!(endings(Some(&canary)).pop(), Some(last));
    assert_eq!(endings(None).pop(), Some(("verdict".to_owned(), "error")));
    canary.verdict = kubsets_delivery::RunVerdict::Promoted;
    assert_eq!(
        endings(Some(&canary)).pop(),
        Some(("verdict".to_owned(), "error")),
        "gone on without a verdict"
    );
    canary.exit_code = 0;
    assert!(endings(Some(&canary)).iter().all(|(_, word)| *word == "passed"));
}
