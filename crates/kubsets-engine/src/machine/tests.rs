//! The machine on a stage that is a fake.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Mutex;

use kubsets_lab::{FailureEvidence, LabSource, Requirement, Values};
use kubsets_undo::{RunId, StateDir};
use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::outcome::{Comparison, Outcome};
use crate::run::{Setting, run};
use crate::stage::Need;

/// A result of a step, or the kind of error that it ends with.
type Told = Result<Value, Make>;

/// The kind of an error, as a constructor.
type Make = fn(String) -> StepError;

/// A stage that answers from a table of results by step names.
#[derive(Default)]
struct FakeStage {
    results: BTreeMap<&'static str, Told>,
    missing: bool,
    /// Whether it cannot do what the second step asks for.
    lacking: bool,
    dirty: bool,
    hang: Option<&'static str>,
    /// Step in which the engine breaks.
    panic: Option<&'static str>,
    /// Cancelled while the first step is done.
    interrupt: Option<CancellationToken>,
    /// Whether another terminal asks for an end while the first step is done.
    wish: bool,
    lease: Option<watch::Sender<LockState>>,
    calls: Mutex<Vec<String>>,
}

impl FakeStage {
    fn note(&self, what: impl Into<String>) {
        self.calls.lock().unwrap().push(what.into());
    }
}

impl Stage for &FakeStage {
    async fn check(&self, _: &Requirement) -> Result<Need, StepError> {
        Ok(Need {
            met: !self.missing,
            need: "metrics-server".into(),
            detail: "`kubectl kubsets up` brings it".into(),
        })
    }

    fn lacks(&self, operation: &Operation) -> Option<String> {
        let Operation::Http(http) = operation else { return None };
        (self.lacking && http.path == "/b").then(|| "no way to `/b`; `kubectl kubsets up` makes one".into())
    }

    async fn begin(&self) -> Result<Option<watch::Receiver<LockState>>, StepError> {
        self.note("begin");
        Ok(self.lease.as_ref().map(watch::Sender::subscribe))
    }

    async fn perform(&self, step: &PlannedStep, _: &Bindings) -> Result<Value, StepError> {
        self.note(step.name.clone());
        assert!(self.panic != Some(step.name.as_str()), "a bug");
        if self.hang == Some(step.name.as_str()) {
            std::future::pending::<()>().await;
        }
        if let Some(interrupt) = &self.interrupt {
            interrupt.cancel();
        }
        if let Some(lease) = self.lease.as_ref().filter(|_| self.wish) {
            lease.send_replace(LockState::AbortWanted("another terminal".into()));
        }
        match self.results.get(step.name.as_str()) {
            Some(Ok(value)) => Ok(value.clone()),
            Some(Err(make)) => Err(make("as told".into())),
            None => Ok(json!({"status": 200})),
        }
    }

    async fn settle(&self) {}

    async fn collect(&self, _: &FailureEvidence) -> (String, String) {
        self.note("collect");
        ("events".into(), "none".into())
    }

    async fn undo(&self) -> Result<Vec<Comparison>, StepError> {
        self.note("undo");
        let object = kubsets_kube::ObjectRef::namespaced("v1", "ConfigMap", "shop", "x");
        Ok(vec![Comparison { object, pointer: None, before: None, after: None, equal: !self.dirty }])
    }
}

const LAB: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: x, family: chaos, level: 1, minutes: 1}
spec:
  question: Does it hold?
  requires: [{component: metrics-server}]
  steadyState:
    - {name: answers, http: {path: /healthz}, that: result.status == 200}
  steps:
    - {name: first, as: first, http: {path: /a}}
    - {name: second, as: second, http: {path: /b}}
  expect:
    - {name: no request failed, that: second.failed == 0}
  onFailure: [{events: {}}]
";

pub(crate) fn plan(text: &str) -> Plan {
    let source = LabSource { lab_yaml: text.to_owned(), ..LabSource::default() };
    Plan::new(&source, &Values::new()).unwrap()
}

async fn outcome(stage: &FakeStage, cancel: &CancellationToken) -> Outcome {
    outcome_of(LAB, stage, cancel).await
}

async fn outcome_of(lab: &str, stage: &FakeStage, cancel: &CancellationToken) -> Outcome {
    carried_out(&plan(lab), stage, cancel).await
}

async fn carried_out(plan: &Plan, stage: &FakeStage, cancel: &CancellationToken) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    recorded(&StateDir::at(folder.path()), plan, stage, cancel).await
}

async fn recorded(state: &StateDir, plan: &Plan, stage: &FakeStage, cancel: &CancellationToken) -> Outcome {
    let (listener, _events) = unbounded_channel();
    let setting = Setting {
        run: RunId::generate(),
        namespace: "shop".into(),
        state,
        listener,
        cancel,
        presenter: None,
        repeat_command: "kubectl kubsets lab run chaos/x".into(),
    };
    run(plan, setting, |_| stage).await
}

/// A lab of one canary.
pub(crate) const CANARY: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: x, family: canary, level: 1, minutes: 1}
spec:
  question: Does it hold?
  steps:
    - {name: second, as: second, canary: {deployment: web, env: {APP_VERSION: \"2\"}, steps: [100%]}}
  expect:
    - {name: promoted, that: second.verdict == 'promoted'}
";

#[tokio::test]
async fn a_canary_that_was_interrupted_is_no_failure() {
    let cancel = CancellationToken::new();
    let mut stage = stage(json!({"verdict": "rolled-back"}));
    let failed = outcome_of(CANARY, &stage, &cancel).await;
    assert_eq!((failed.verdict, failed.exit_code), (Verdict::Fail, 1));
    stage.interrupt = Some(cancel.clone());
    let aborted = outcome_of(CANARY, &stage, &cancel).await;
    assert_eq!((aborted.verdict, aborted.exit_code), (Verdict::Aborted, 130));
}

#[tokio::test]
async fn a_canary_that_another_terminal_ended_is_no_failure() {
    // The canary has heard of it itself; that it cancels the run as well does not hide who asked.
    let mut heard = FakeStage::default();
    heard.results.insert("second", Err(StepError::Aborted));
    for interrupt in [None, Some(CancellationToken::new())] {
        let cancel = interrupt.clone().unwrap_or_default();
        heard.interrupt = interrupt;
        let aborted = outcome_of(CANARY, &heard, &cancel).await;
        assert_eq!((aborted.verdict, aborted.exit_code), (Verdict::Aborted, 130));
        assert_eq!(aborted.reason, "second: as told");
    }
    // The canary was judged before it heard, the lab's Lease says it.
    let lease = Some(watch::Sender::new(LockState::Held));
    let late = FakeStage { lease, wish: true, ..stage(json!({"verdict": "rolled-back"})) };
    let aborted = outcome_of(CANARY, &late, &CancellationToken::new()).await;
    assert_eq!((aborted.verdict, aborted.exit_code), (Verdict::Aborted, 130));
    assert_eq!(aborted.reason, "second: another terminal asked for an end");
}

/// A presenter who never goes on; meanwhile another terminal asks for an end.
struct Absent<'a>(&'a watch::Sender<LockState>);

impl Presenter for Absent<'_> {
    fn ask<'a>(&'a self, _: usize, _: &'a str, _: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.0.send_replace(LockState::AbortWanted("another terminal".into()));
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_lab_that_waits_for_its_presenter_hears_another_terminal() {
    let lease = watch::Sender::new(LockState::Held);
    let (sender, _events) = unbounded_channel();
    let (plan, cancel) = (plan(LAB), CancellationToken::new());
    let stage = &FakeStage { lease: Some(lease.clone()), ..FakeStage::default() };
    let presenter = Absent(&lease);
    let machine = Machine::new(&plan, &stage, &LabEvents::new(sender), &cancel, Some(&presenter));
    let ended = tokio::time::timeout(Duration::from_secs(5), machine.run()).await.expect("ends");
    assert_eq!((ended.stop.verdict, ended.stop.exit_code), (Verdict::Aborted, 130));
    assert!(stage.calls.lock().unwrap().contains(&"undo".to_owned()));
}

fn stage(second: Value) -> FakeStage {
    FakeStage { results: BTreeMap::from([("second", Ok(second))]), ..FakeStage::default() }
}

#[tokio::test]
async fn all_expectations_held_is_a_pass() {
    let stage = stage(json!({"failed": 0}));
    let outcome = outcome(&stage, &CancellationToken::new()).await;
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Pass, 0), "{}", outcome.reason);
    assert_eq!(outcome.reason, "no request failed");
    assert_eq!(*stage.calls.lock().unwrap(), ["begin", "answers", "first", "second", "undo", "answers"]);
    assert_eq!(outcome.steady_state.len(), 2);
    assert_eq!(outcome.results["second"]["failed"], 0);
}

#[tokio::test]
async fn what_authenticates_can_be_compared_and_is_not_in_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let text =
        LAB.replace("http: {path: /b}", "http: {path: /b, headers: {Authorization: Bearer s3cret}}").replace(
            "that: second.failed == 0",
            "that: \"second.headers['set-cookie'].startsWith('s3c') && second.failed == 0\"",
        );
    let answer = json!({"failed": 0, "headers": {"set-cookie": "s3cret", "host": "a"}});
    let outcome = recorded(&state, &plan(&text), &stage(answer), &CancellationToken::new()).await;
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.reason);
    assert_eq!(outcome.results["second"]["headers"], json!({"set-cookie": "(hidden)", "host": "a"}));
    let run = state.runs().pop().unwrap();
    let kept = |file| std::fs::read_to_string(state.run(&run).join(file)).unwrap();
    for text in [kept(crate::PLAN_FILE), kept(crate::EVENTS_FILE), kept(crate::OUTCOME_FILE)] {
        assert!(text.contains("(hidden)") && !text.contains("s3cret"), "{text}");
    }
}

/// A lab with a secret parameter wherever one can stand.
const SECRETIVE: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: x, family: chaos, level: 1, minutes: 1}
spec:
  question: Is ${token} taken?
  params:
    token: {type: text, default: change-me, about: T, secret: true}
  steps:
    - {name: \"ask with ${token}\", as: first, question: \"${token}?\", http: {path: \"/a/${token}?t=${token}\", body: {t: \"${token}\"}}}
    - {name: say, exec: {pods: app=web, container: web, command: [echo, \"${token}\"]}}
    - {name: merge, patch: {object: {kind: ConfigMap, name: x}, merge: {data: {token: \"${token}\"}}}}
    - {name: make, apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {token: \"${token}\"}}]}}
    - {name: pause, pause: {message: \"Look at ${token}\"}}
    - {name: users, as: traffic, load: {path: \"/${token}\", rate: 1, for: 1s, body: \"${token}\"}}
    - {name: second, as: second, http: {path: /b}, that: result.token == '${token}'}
  expect:
    - {name: \"it has ${token}\", that: first.token == params.token && second.failed == 0}
  onFailure: [{events: {}}]
";

#[tokio::test]
async fn no_file_event_or_outcome_of_a_run_holds_a_secret_wherever_it_is_used() {
    let secret = "s3cret/of+mine";
    let source = LabSource { lab_yaml: SECRETIVE.to_owned(), ..LabSource::default() };
    let plan = Plan::new(&source, &[("token".to_owned(), secret.to_owned())].into()).unwrap();
    let long = format!("{}{secret}", "x".repeat(150));
    let told = json!({"token": secret, "failed": 3, "headers": {"location": secret}, "summary": long});
    let fails: Make = |_| StepError::Failed("GET /a?t=s3cret%2Fof%2Bmine: refused s3cret/of+mine".into());
    for second in [Ok(told.clone()), Ok(json!({"token": secret, "failed": 0})), Err(fails)] {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        let mut stage = stage(json!({}));
        stage.results.insert("second", second);
        for step in &plan.steps[..plan.steps.len() - 1] {
            stage.results.insert(String::leak(step.name.clone()), Ok(told.clone()));
        }
        let (listener, mut events) = unbounded_channel();
        let cancel = CancellationToken::new();
        let setting = Setting {
            run: RunId::generate(),
            namespace: "shop".into(),
            state: &state,
            listener,
            cancel: &cancel,
            presenter: None,
            repeat_command: plan.repeat_command(),
        };
        let outcome = run(&plan, setting, |_| &stage).await;
        assert!(matches!(outcome.verdict, Verdict::Pass | Verdict::Fail), "{}", outcome.reason);
        let files = std::fs::read_dir(state.run(&state.runs()[0])).unwrap();
        let mut texts: Vec<String> =
            files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        assert_eq!(texts.len(), 3);
        texts.push(serde_json::to_string(&outcome).unwrap());
        texts.extend(
            std::iter::from_fn(|| events.try_recv().ok()).map(|one| serde_json::to_string(&one).unwrap()),
        );
        assert!(texts.len() > 15);
        assert!(texts.iter().filter(|text| text.contains("(hidden)")).count() > 10);
        for text in texts {
            assert!(!text.contains("s3cret") && !text.contains("of+mine"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_broken_expectation_fails_with_what_was_seen_and_evidence_before_the_undo() {
    let stage = stage(json!({"failed": 3}));
    let outcome = outcome(&stage, &CancellationToken::new()).await;
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Fail, 1));
    assert_eq!(outcome.reason, "not so: no request failed (second.failed was 3)");
    let calls = stage.calls.lock().unwrap().clone();
    assert_eq!(calls[calls.len() - 3..], ["collect", "undo", "answers"]);
    // What the steady state was after the undo is evidence, and no other reason.
    assert_eq!(outcome.steady_state.len(), 2);
}

#[tokio::test]
async fn a_failed_step_stops_the_steps_and_is_undone() {
    let mut stage = stage(json!({}));
    stage.results.insert("first", Err(StepError::Failed));
    let outcome = outcome(&stage, &CancellationToken::new()).await;
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Fail, 1));
    assert_eq!(outcome.reason, "first: as told");
    assert_eq!(outcome.steps[1].status, StepStatus::NotRun);
    assert!(stage.calls.lock().unwrap().contains(&"undo".to_owned()));
}

#[tokio::test]
async fn a_panic_is_undone_too() {
    for step in ["first", "second"] {
        let stage = FakeStage { panic: Some(step), ..stage(json!({"failed": 0})) };
        let outcome = outcome(&stage, &CancellationToken::new()).await;
        assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Error, 5), "{step}");
        assert_eq!(outcome.reason, "kubsets itself broke: a bug");
        assert!(outcome.undo.is_some_and(|undo| undo.equal));
        assert_eq!(stage.calls.lock().unwrap().last().map(String::as_str), Some("undo"), "{step}");
    }
}

#[tokio::test]
async fn a_missing_need_skips_before_anything_begins() {
    let stage = FakeStage { missing: true, ..FakeStage::default() };
    let outcome = outcome(&stage, &CancellationToken::new()).await;
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Skipped, 4));
    assert!(outcome.reason.contains("`kubectl kubsets up`"), "{}", outcome.reason);
    assert!(stage.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_unsteady_cluster_skips_and_undoes_what_began() {
    let mut stage = stage(json!({"failed": 0}));
    stage.results.insert("answers", Ok(json!({"status": 503})));
    let outcome = outcome(&stage, &CancellationToken::new()).await;
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Skipped, 4));
    assert!(outcome.reason.contains("result.status was 503"), "{}", outcome.reason);
    assert!(outcome.reason.contains("`kubectl kubsets status`"), "{}", outcome.reason);
    assert_eq!(*stage.calls.lock().unwrap(), ["begin", "answers", "undo"]);
}

#[tokio::test]
async fn what_stops_the_steady_state_for_another_reason_keeps_its_verdict() {
    let kinds: [(Make, Verdict, u8); 4] = [
        (StepError::Failed, Verdict::Skipped, 4),
        (StepError::Invalid, Verdict::Error, 2),
        (StepError::Cluster, Verdict::Error, 5),
        (StepError::Inconclusive, Verdict::Inconclusive, 3),
    ];
    for (make, verdict, code) in kinds {
        let mut stage = stage(json!({"failed": 0}));
        stage.results.insert("answers", Err(make));
        let outcome = outcome(&stage, &CancellationToken::new()).await;
        assert_eq!((outcome.verdict, outcome.exit_code), (verdict, code), "{}", outcome.reason);
        assert_eq!(*stage.calls.lock().unwrap().last().unwrap(), "undo");
    }
}

#[tokio::test]
async fn a_user_who_ends_the_run_in_the_steady_state_has_aborted_it() {
    let stage = FakeStage { hang: Some("answers"), ..FakeStage::default() };
    let cancel = CancellationToken::new();
    let (outcome, ()) = tokio::join!(outcome(&stage, &cancel), async {
        while !stage.calls.lock().unwrap().contains(&"answers".to_owned()) {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Aborted, 130), "{}", outcome.reason);
}

#[tokio::test]
async fn what_the_stage_cannot_do_skips_before_anything_begins() {
    let stage = FakeStage { lacking: true, ..FakeStage::default() };
    let outcome = outcome(&stage, &CancellationToken::new()).await;
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Skipped, 4));
    assert_eq!(outcome.reason, "second: no way to `/b`; `kubectl kubsets up` makes one");
    assert!(stage.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn too_little_evidence_in_a_step_is_inconclusive() {
    let mut stage = stage(json!({"failed": 0}));
    stage.results.insert("second", Err(StepError::Inconclusive));
    let outcome = outcome(&stage, &CancellationToken::new()).await;
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Inconclusive, 3));
    assert_eq!(outcome.reason, "second: as told");
    assert!(stage.calls.lock().unwrap().contains(&"undo".to_owned()));
}

#[tokio::test]
async fn a_load_that_is_awaited_among_other_conditions_has_its_result_from_then_on() {
    let text = LAB
        .replace(
            "{name: first, as: first, http: {path: /a}}",
            "{name: users, as: second, load: {path: /, rate: 1, for: 1s, background: true}}",
        )
        .replace(
            "{name: second, as: second, http: {path: /b}}",
            "{name: both, wait: {all: [{finished: users}, {passed: 1s}]}}",
        );
    let mut stage = stage(json!({}));
    stage.results.insert("users", Ok(Value::Null));
    stage.results.insert("both", Ok(json!({"finished": {"users": {"failed": 0}}})));
    let outcome = carried_out(&plan(&text), &stage, &CancellationToken::new()).await;
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.reason);
}

#[tokio::test]
async fn a_wait_in_vain_is_the_answer_where_it_is_asked_for_and_a_timeout_else() {
    let exists = "wait: {exists: {kind: ConfigMap, name: x}}";
    let finished = "wait: {finished: users}";
    for (step, verdict, code) in [
        (format!("{{name: first, as: first, {exists}}}"), Verdict::Fail, 1),
        (format!("{{name: first, {exists}, that: result.seconds < 1}}"), Verdict::Fail, 1),
        (format!("{{name: first, {exists}}}"), Verdict::Error, 6),
        (format!("{{name: first, as: first, {finished}}}"), Verdict::Error, 6),
        (
            "{name: first, as: first, rollout: {restart: {kind: Deployment, name: x}}}".into(),
            Verdict::Error,
            6,
        ),
    ] {
        let text = LAB.replace("{name: first, as: first, http: {path: /a}}", &step);
        let mut stage = stage(json!({"failed": 0}));
        stage.results.insert("first", Err(StepError::Timeout));
        let outcome = carried_out(&plan(&text), &stage, &CancellationToken::new()).await;
        assert_eq!((outcome.verdict, outcome.exit_code), (verdict, code), "{step}: {}", outcome.reason);
        assert!(stage.calls.lock().unwrap().contains(&"undo".to_owned()));
    }
}

#[tokio::test]
async fn a_steady_state_that_does_not_come_in_time_skips() {
    let wait = "{name: answers, wait: {exists: {kind: ConfigMap, name: x}}}";
    let text = LAB.replace("{name: answers, http: {path: /healthz}, that: result.status == 200}", wait);
    let mut stage = stage(json!({"failed": 0}));
    stage.results.insert("answers", Err(StepError::Timeout));
    let outcome = carried_out(&plan(&text), &stage, &CancellationToken::new()).await;
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Skipped, 4), "{}", outcome.reason);
}

#[tokio::test]
async fn a_thousand_steps_take_seconds_at_most() {
    let steps: Vec<String> = (0..1000)
        .map(|index| {
            format!("{{name: s{index}, as: b{index}, http: {{path: /}}, that: result.status == 200}}")
        })
        .collect();
    let text = LAB
        .replace("    - {name: first, as: first, http: {path: /a}}\n", "")
        .replace("{name: second, as: second, http: {path: /b}}", &steps.join("\n    - "))
        .replace("second.failed == 0", "b999.status == 200");
    let (plan, stage) = (plan(&text), FakeStage::default());
    let began = Instant::now();
    let outcome = carried_out(&plan, &stage, &CancellationToken::new()).await;
    assert_eq!((outcome.verdict, outcome.steps.len()), (Verdict::Pass, 1000), "{}", outcome.reason);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_step_without_an_end_tells_what_was_seen_last() {
    let (sender, _events) = unbounded_channel();
    let events = LabEvents::new(sender);
    let limit = PlannedStep { timeout: kubsets_lab::units::Span::seconds(15), ..plan(LAB).steps[0].clone() };
    assert_eq!(no_end(&limit, &events).to_string(), "no end within 15s");
    events.doing("1 of 3 pods ready");
    let warning = LabEvent::Warning { message: "late".into() };
    events.emit(warning);
    assert_eq!(no_end(&limit, &events).to_string(), "no end within 15s; last seen: 1 of 3 pods ready");
    // What an earlier step had seen says nothing about this one.
    events.emit(LabEvent::StepBegan {
        step: 2,
        name: "second".into(),
        operation: "http".into(),
        question: None,
        timeout_seconds: 15.0,
    });
    assert_eq!(events.last_doing(), None);
}
