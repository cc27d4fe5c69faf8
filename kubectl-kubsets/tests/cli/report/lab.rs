//! Reports of labs, from records that are made here by the engine's own types.

use std::path::Path;

use kubsets_engine::{
    Checked, Comparison, EVENTS_FILE, LabEvent, LabRecord, LoadTick, OUTCOME_FILE, Outcome, PLAN_FILE,
    StepReport, StepStatus, UndoReport, Verdict, When,
};
use kubsets_kube::ObjectRef;
use kubsets_lab::{LabSource, Plan};
use kubsets_undo::{RunId, StateDir};
use serde_json::{Map, Value, json};

use super::{BAD, output, record};
use crate::run::Surroundings;

/// A lab that failed an expectation.
pub(crate) const POD_KILL: &str = "261120-170000-a1b2";
/// A lab whose only step is the canary [`BAD`].
pub(super) const RELEASE: &str = "261120-163147-c3d4";

const POD_KILL_LAB: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: pod-kill, family: chaos, level: 1, minutes: 1}
spec:
  question: Do users notice when one of three pods is killed without warning?
  requires: [{deployment: demo-app}]
  params:
    rate: {type: number, default: '100', about: Requests per second}
  steadyState:
    - {name: the app answers, http: {path: /api/info}, that: result.status == 200}
  steps:
    - {name: have three pods, scale: {object: {kind: Deployment, name: demo-app}, replicas: 3}}
    - {name: send requests, load: {path: /api/info, rate: '${rate}', for: 12s, background: true}}
    - {name: kill a pod, as: kill, delete: {pods: app=demo, count: 1, grace: 0s}}
    - name: wait for its replacement
      as: recovery
      wait: {pods: {selector: app=demo, that: 'size(pods) >= 3'}}
    - {name: let the requests end, as: traffic, wait: {finished: send requests}}
  expect:
    - {name: the load generator kept up, that: traffic.valid}
    - {name: at most 1 % of the requests were lost, that: traffic.availability >= 0.99}
    - {name: another pod served within 60 seconds, that: recovery.seconds <= 60.0}
  onFailure: [{events: {}}]
";

const RELEASE_LAB: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: bad-errors, family: canary, level: 1, minutes: 1}
spec:
  question: How many users notice a bad release?
  steps:
    - name: release
      as: release
      canary: {deployment: demo-app, steps: [10%, 100%], load: {path: /api/info, rate: 100}}
  expect:
    - {name: the new version is rolled back, that: release.verdict == 'rolled-back'}
";

fn plan(folder: &str, lab: &str, values: &[(&str, &str)]) -> Plan {
    let source = LabSource { folder: folder.into(), lab_yaml: lab.into(), ..LabSource::default() };
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Plan::new(&source, &values).expect("is a lab")
}

fn checked(expected: &str, seen: &str, held: bool) -> Checked {
    Checked { expected: expected.into(), seen: seen.into(), held }
}

/// Tells events with times and keeps the accounts of the steps.
struct Told {
    events: Vec<LabRecord>,
    steps: Vec<StepReport>,
}

impl Told {
    fn begin(run: &str, plan: &Plan) -> Self {
        let steps = plan.steps.iter().map(|step| StepReport {
            name: step.name.clone(),
            operation: step.operation.kind().into(),
            status: StepStatus::NotRun,
            began_seconds: None,
            seconds: 0.0,
            message: String::new(),
        });
        let mut told = Self { events: Vec::new(), steps: steps.collect() };
        told.at(
            0.0,
            LabEvent::Started {
                run: run.into(),
                lab: plan.lab.clone(),
                question: plan.question.clone(),
                namespace: "kubsets".into(),
                plan_hash: plan.hash.clone(),
                steps: plan.steps.iter().map(|step| step.name.clone()).collect(),
                longest_seconds: plan.longest_seconds,
            },
        );
        told
    }

    fn at(&mut self, seconds: f64, event: LabEvent) {
        let at = format!("2026-11-20T17:00:{seconds:06.3}Z");
        self.events.push(LabRecord { at, seconds, event });
    }

    fn began(&mut self, seconds: f64, step: usize) {
        let report = &mut self.steps[step - 1];
        report.began_seconds = Some(seconds);
        let (name, operation) = (report.name.clone(), report.operation.clone());
        self.at(
            seconds,
            LabEvent::StepBegan { step, name, operation, question: None, timeout_seconds: 30.0 },
        );
    }

    fn ended(&mut self, at: f64, step: usize, message: &str, result: Value) {
        let report = &mut self.steps[step - 1];
        let seconds = at - report.began_seconds.expect("has begun");
        (report.status, report.seconds) = (StepStatus::Passed, seconds);
        report.message = message.into();
        let (status, message) = (StepStatus::Passed, message.to_owned());
        self.at(at, LabEvent::StepEnded { step, status, seconds, message, result });
    }

    fn finish(mut self, plan: &Plan, run: &str, verdict: Verdict, reason: &str, results: &Value) -> Recorded {
        let expectations = self.events.iter().filter_map(|one| match &one.event {
            LabEvent::Expected(checked) => Some(checked.clone()),
            _ => None,
        });
        let steady = self.events.iter().filter_map(|one| match &one.event {
            LabEvent::Steady { checked, .. } => Some(checked.clone()),
            _ => None,
        });
        let undo = self.events.iter().find_map(|one| match &one.event {
            LabEvent::Undone(undo) => Some(undo.clone()),
            _ => None,
        });
        let seconds = self.events.last().map_or(0.0, |last| last.seconds) + 0.1;
        let outcome = Outcome {
            api_version: "kubsets.dev/v1alpha1".into(),
            kind: "LabOutcome".into(),
            run: run.into(),
            lab: plan.lab.clone(),
            question: plan.question.clone(),
            namespace: "kubsets".into(),
            params: plan.params.clone(),
            verdict,
            reason: reason.into(),
            steps: self.steps.clone(),
            steady_state: steady.collect(),
            expectations: expectations.collect(),
            results: results.as_object().cloned().unwrap_or_else(Map::new),
            seconds,
            undo,
            repeat_command: plan.repeat_command(),
            cleanup_command: None,
            exit_code: u8::from(verdict != Verdict::Pass),
        };
        self.at(seconds, LabEvent::Finished(Box::new(outcome.clone())));
        Recorded { plan: plan.clone(), events: self.events, outcome }
    }
}

struct Recorded {
    plan: Plan,
    events: Vec<LabRecord>,
    outcome: Outcome,
}

impl Recorded {
    fn write(&self, state: &Path) {
        let run: RunId = self.outcome.run.parse().expect("is a name");
        let dir = StateDir::at(state);
        dir.write(&run, PLAN_FILE, &self.plan).expect("can be written");
        dir.write(&run, OUTCOME_FILE, &self.outcome).expect("can be written");
        let lines: Vec<String> =
            self.events.iter().map(|event| serde_json::to_string(event).expect("is plain data")).collect();
        let lines = format!("{}\n", lines.join("\n"));
        std::fs::write(dir.run(&run).join(EVENTS_FILE), lines).expect("can be written");
    }
}

fn pod_kill() -> Recorded {
    let plan = plan("chaos/pod-kill", POD_KILL_LAB, &[("rate", "50")]);
    let deployment = ObjectRef::namespaced("apps/v1", "Deployment", "kubsets", "demo-app");
    let pod = ObjectRef::namespaced("v1", "Pod", "kubsets", "demo-app-7c9d-x2x4v");
    let mut told = Told::begin(POD_KILL, &plan);
    let (need, detail) = ("Deployment demo-app".to_owned(), "2 of 2 pods ready".to_owned());
    told.at(0.1, LabEvent::Need { need, met: true, detail });
    let steady = checked("the app answers", "result.status was 200", true);
    told.at(0.4, LabEvent::Steady { when: When::Before, checked: steady.clone() });
    told.began(0.5, 1);
    told.at(0.7, LabEvent::Object { change: "changed".into(), object: deployment.clone() });
    told.ended(2.6, 1, "from 2 to 3", json!({"from": 2, "to": 3, "summary": "from 2 to 3"}));
    told.began(2.7, 2);
    told.ended(2.8, 2, "", Value::Null);
    let tick = |second: u64, failed: u64| {
        let (p50, p99) = (1.1 + second as f64 / 50.0, if failed > 0 { 480.0 } else { 4.0 });
        LabEvent::Load(LoadTick {
            load: "send requests".into(),
            second,
            planned: 50,
            ok: 50 - failed,
            failed,
            never_sent: 0,
            in_flight: failed,
            p50_ms: Some(p50),
            p99_ms: Some(p99),
            spread: serde_json::from_str("[[9,44],[12,5],[30,1]]").expect("is a spread"),
        })
    };
    told.at(3.8, tick(0, 0));
    told.at(4.8, tick(1, 0));
    told.began(5.0, 3);
    told.at(5.1, LabEvent::Object { change: "removed".into(), object: pod });
    told.ended(5.2, 3, "demo-app-7c9d-x2x4v", json!({"pods": ["demo-app-7c9d-x2x4v"]}));
    told.began(5.2, 4);
    told.at(5.8, tick(2, 9));
    told.at(6.8, tick(3, 4));
    told.at(7.8, tick(4, 0));
    told.at(8.2, LabEvent::Doing { what: "waiting: 2 of 3 pods ready".into() });
    told.at(8.8, tick(5, 0));
    let seen = json!({"seconds": 4.4, "observed": "3 of 3 pods ready", "value": []});
    told.ended(9.6, 4, "after 4.4 s: 3 of 3 pods ready", seen);
    told.began(9.6, 5);
    for second in 6..12 {
        told.at(3.8 + second as f64, tick(second, 0));
    }
    let report = json!({
        "planned": 600, "ok": 587, "failed": 13, "errors": 9, "timedOut": 4, "neverSent": 0,
        "availability": 587.0 / 600.0, "okPerSecond": 48.9, "p50Ms": 1.2, "p90Ms": 2.4, "p99Ms": 470.0,
        "maxMs": 512.0, "secondsWithFailures": 2, "longestOutageSeconds": 2, "valid": true,
        "invalidReasons": [], "identity": "600 planned = 587 ok + 9 failed + 4 timed out",
    });
    told.ended(15.0, 5, "587 of 600 ok, p99 470.0 ms", report.clone());
    let lost = "traffic.availability was 0.9783";
    told.at(15.0, LabEvent::Expected(checked("the load generator kept up", "traffic.valid was true", true)));
    told.at(15.0, LabEvent::Expected(checked("at most 1 % of the requests were lost", lost, false)));
    let soon = checked("another pod served within 60 seconds", "recovery.seconds was 4.4", true);
    told.at(15.0, LabEvent::Expected(soon));
    let text =
        "17:00:05  Pod demo-app-7c9d-x2x4v  Killing\n17:00:09  Pod <script>alert(1)</script>  `Unhealthy`";
    told.at(15.2, LabEvent::Evidence { title: "Events that are not normal".into(), text: text.into() });
    let comparison = Comparison {
        object: deployment.clone(),
        pointer: Some("/spec/replicas".into()),
        before: Some("d4735e3a265e16ee".into()),
        after: Some("d4735e3a265e16ee".into()),
        equal: true,
    };
    told.at(15.6, LabEvent::Object { change: "restored".into(), object: deployment });
    let undo = UndoReport { seconds: 0.8, comparisons: vec![comparison], equal: true };
    told.at(16.0, LabEvent::Undone(undo));
    told.at(16.4, LabEvent::Steady { when: When::After, checked: steady });
    let reason = format!("not so: at most 1 % of the requests were lost ({lost})");
    told.finish(&plan, POD_KILL, Verdict::Fail, &reason, &json!({"traffic": report}))
}

fn release() -> Recorded {
    let plan = plan("canary/bad-errors", RELEASE_LAB, &[]);
    let mut told = Told::begin(RELEASE, &plan);
    told.began(0.5, 1);
    let result = json!({"run": BAD, "verdict": "rolled-back"});
    told.ended(40.0, 1, "rolled back", result.clone());
    let seen = "release.verdict was \"rolled-back\"";
    told.at(40.0, LabEvent::Expected(checked("the new version is rolled back", seen, true)));
    told.at(40.1, LabEvent::Undone(UndoReport { seconds: 0.1, comparisons: Vec::new(), equal: true }));
    let reason = "the new version is rolled back";
    told.finish(&plan, RELEASE, Verdict::Pass, reason, &json!({"release": result}))
}

/// A state folder with both labs and the canary that is a step of one.
pub(crate) fn state(here: &Surroundings) -> String {
    let state = here.home().join("labs");
    pod_kill().write(&state);
    release().write(&state);
    let beside = state.join("runs").join(BAD);
    std::fs::create_dir_all(&beside).expect("can be made");
    for entry in std::fs::read_dir(record(BAD)).expect("is there").flatten() {
        std::fs::copy(entry.path(), beside.join(entry.file_name())).expect("can be copied");
    }
    state.to_string_lossy().into_owned()
}

#[test]
fn a_failed_lab_as_markdown() {
    let here = Surroundings::new();
    let state = state(&here);
    insta::assert_snapshot!(output(&here, &["report", POD_KILL, "--state-dir", &state, "-o", "markdown"]));
}

#[test]
fn documents_say_what_came_out() {
    let here = Surroundings::new();
    let state = state(&here);
    let text = output(&here, &["chaos", "report", "--state-dir", &state, "-o", "json"]);
    let report: Value = serde_json::from_str(&text).expect("is JSON");
    assert_eq!(report["run"], POD_KILL);
    assert_eq!(report["verdict"]["word"], "FAIL");
    assert_eq!(report["commands"][0]["line"], "kubectl kubsets lab run chaos/pod-kill --set rate=50");
    let measure = |name: &str| {
        let measures = report["measures"].as_array().expect("is a list");
        measures.iter().find(|one| one["name"] == name).expect("is measured")["value"].as_f64()
    };
    assert_eq!(measure("expectations held"), Some(2.0));
    assert_eq!(measure("send requests: longest outage"), Some(2.0));
    let charts = report["timeline"]["charts"].as_array().expect("is a list");
    let ids: Vec<&str> = charts.iter().filter_map(|chart| chart["id"].as_str()).collect();
    assert_eq!(ids, ["failed", "answers", "latency-1", "replicas"]);
    let failed = charts[0]["lines"][0]["points"].as_array().expect("is a list");
    let failed: f64 = failed.iter().filter_map(|point| point[1].as_f64()).sum();
    assert!((failed - 13.0).abs() < 1e-9, "{failed}");
}

#[test]
fn a_canary_is_told_within_its_lab() {
    let here = Surroundings::new();
    let state = state(&here);
    let text = output(&here, &["report", RELEASE, "--state-dir", &state, "-o", "json"]);
    let report: Value = serde_json::from_str(&text).expect("is JSON");
    let sections = report["sections"].as_array().expect("is a list");
    let titles: Vec<&str> = sections.iter().filter_map(|one| one["title"].as_str()).collect();
    for chapter in ["Evidence over time", "Traffic", "Latency", "The way back"] {
        assert!(titles.contains(&format!("Canary {BAD}: {chapter}").as_str()), "{chapter}: {titles:?}");
    }
    // The canary began half a second after its lab, and so does its first phase.
    let lanes = report["timeline"]["lanes"].as_array().expect("is a list");
    let phases = lanes.iter().find(|lane| lane["name"] == "canary phases").expect("is there");
    assert_eq!(phases["spans"][0]["from"], 0.5);
    std::fs::remove_dir_all(format!("{state}/runs/{BAD}")).expect("is there");
    let text = output(&here, &["report", RELEASE, "--state-dir", &state, "-o", "markdown"]);
    assert!(text.contains("Its own record is not beside the lab's"), "{text}");
}

#[test]
fn each_family_finds_its_own_runs() {
    let here = Surroundings::new();
    let state = state(&here);
    let last = |args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().chain(["--state-dir", &state, "-o", "json"]).collect();
        let report: Value = serde_json::from_str(&output(&here, &args)).expect("is JSON");
        report["run"].as_str().expect("has a name").to_owned()
    };
    assert_eq!(last(&["report"]), POD_KILL);
    assert_eq!(last(&["lab", "report"]), POD_KILL);
    assert_eq!(last(&["canary", "report"]), BAD);
    std::fs::remove_dir_all(format!("{state}/runs/{POD_KILL}")).expect("is there");
    // The canary is the newer record, but it is a step of the lab.
    assert_eq!(last(&["report"]), RELEASE);
    let output = here.run(&["gateway", "report", "--state-dir", &state]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn labs_and_canaries_are_in_one_list() {
    let here = Surroundings::new();
    let state = state(&here);
    let list = output(&here, &["report", "--list", "--state-dir", &state]);
    let lines: Vec<&str> = list.lines().collect();
    for (line, run, verdict) in [(1, POD_KILL, "fail"), (2, BAD, "rolled back"), (3, RELEASE, "pass")] {
        assert!(lines[line].starts_with(run) && lines[line].contains(verdict), "{list}");
    }
    let list = output(&here, &["lab", "report", "--list", "--state-dir", &state]);
    assert!(list.contains(POD_KILL) && !list.contains(BAD), "{list}");
}

#[test]
fn a_lab_that_was_killed_has_a_report_too() {
    let here = Surroundings::new();
    let state = state(&here);
    let folder = format!("{state}/runs/{POD_KILL}");
    std::fs::remove_file(format!("{folder}/{OUTCOME_FILE}")).expect("is there");
    let events = std::fs::read_to_string(format!("{folder}/{EVENTS_FILE}")).expect("is there");
    let cut: String = events.chars().take(events.len() / 2).collect();
    std::fs::write(format!("{folder}/{EVENTS_FILE}"), cut).expect("can be written");
    let text = output(&here, &["report", POD_KILL, "--state-dir", &state, "-o", "markdown"]);
    assert!(text.contains("UNFINISHED") && text.contains("lab clean"), "{text}");
}
