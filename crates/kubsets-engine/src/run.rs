//! A run from a plan to its outcome.

use kubsets_lab::plan::Plan;
use kubsets_lab::{HIDDEN, Secrets, Values};
use kubsets_undo::{Recorder, RunId, StateDir};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::event::{LabEvent, LabEvents, LabRecord};
use crate::machine::{Ended, Machine, Stop};
use crate::outcome::{Outcome, UndoReport, Verdict, exit};
use crate::presenter::Presenter;
use crate::record::{EVENTS_FILE, OUTCOME_FILE, PLAN_FILE};
use crate::redact::recorded;
use crate::stage::Stage;

/// What a run needs beside its plan.
pub struct Setting<'a> {
    /// Name of the run.
    pub run: RunId,
    /// Namespace that it works in.
    pub namespace: String,
    /// Where its record is kept.
    pub state: &'a StateDir,
    /// Who hears its events.
    pub listener: UnboundedSender<LabRecord>,
    /// Ends the run; everything is undone before [`run`] returns.
    pub cancel: &'a CancellationToken,
    /// Asked before each step.
    pub presenter: Option<&'a dyn Presenter>,
    /// The command that repeats the run.
    pub repeat_command: String,
}

/// Carries out a plan on a stage that `stage` makes from the events. It ends with everything as it was
/// before and a verdict.
pub async fn run<S: Stage>(plan: &Plan, setting: Setting<'_>, stage: impl FnOnce(LabEvents) -> S) -> Outcome {
    let began = std::time::Instant::now();
    let named = Named {
        run: setting.run.to_string(),
        namespace: setting.namespace.clone(),
        repeat_command: setting.repeat_command,
    };
    // Whatever is told of the run comes by here: files, events and the outcome.
    let state = setting.state.hiding(&plan.untold());
    if let Err(error) = state.write(&setting.run, PLAN_FILE, &recorded(plan)) {
        let reason = format!("the run cannot be recorded: {error}");
        return outcome(plan, named, not_begun(reason), 0.0);
    }
    let (recorder, sender) = Recorder::start(&state, &setting.run, EVENTS_FILE, setting.listener);
    let events = LabEvents::new(sender);
    events.emit(LabEvent::Started {
        run: setting.run.to_string(),
        lab: plan.lab.clone(),
        question: plan.question.clone(),
        namespace: setting.namespace.clone(),
        plan_hash: plan.hash.clone(),
        steps: plan.steps.iter().map(|step| step.name.clone()).collect(),
        longest_seconds: plan.longest_seconds,
    });
    let stage = stage(events.clone());
    let machine = Machine::new(plan, &stage, &events, setting.cancel, setting.presenter);
    let ended = Box::pin(machine.run()).await;
    drop(stage);
    let outcome = told(outcome(plan, named, ended, began.elapsed().as_secs_f64()), state.secrets());
    if let Err(error) = state.write(&setting.run, OUTCOME_FILE, &outcome) {
        events.emit(LabEvent::Warning { message: error.to_string() });
    }
    events.emit(LabEvent::Finished(Box::new(outcome.clone())));
    drop(events);
    recorder.finish().await;
    outcome
}

/// An outcome without secrets: where one stood in the place of a word with a meaning, verdict and way back alone.
fn told(outcome: Outcome, secrets: &Secrets) -> Outcome {
    if secrets.is_empty() {
        return outcome;
    }
    secrets.removed_from(&outcome).unwrap_or_else(|| Outcome {
        question: HIDDEN.into(),
        params: Values::new(),
        reason: HIDDEN.into(),
        steps: Vec::new(),
        steady_state: Vec::new(),
        expectations: Vec::new(),
        results: serde_json::Map::new(),
        undo: None,
        ..outcome
    })
}

/// A run that ended before its machine began.
fn not_begun(reason: String) -> Ended {
    Ended {
        stop: Stop { verdict: Verdict::Error, exit_code: exit::CLUSTER, reason },
        steps: Vec::new(),
        steady_state: Vec::new(),
        expectations: Vec::new(),
        results: serde_json::Map::new(),
        undo: Some(UndoReport { equal: true, ..UndoReport::default() }),
    }
}

/// What an outcome tells of its run beside the plan.
struct Named {
    run: String,
    namespace: String,
    repeat_command: String,
}

fn outcome(plan: &Plan, named: Named, ended: Ended, seconds: f64) -> Outcome {
    let different: Vec<String> =
        ended.undo.iter().flat_map(UndoReport::different).map(ToString::to_string).collect();
    let complete = ended.undo.as_ref().is_some_and(|undo| undo.equal);
    let mut reason = ended.stop.reason;
    if !different.is_empty() {
        reason = format!("{reason}; not as before: {}", different.join(", "));
    }
    Outcome {
        api_version: kubsets_lab::model::API_VERSION.into(),
        kind: "LabOutcome".into(),
        cleanup_command: (!complete).then(|| format!("kubectl kubsets lab clean {}", named.run)),
        run: named.run,
        lab: plan.lab.clone(),
        question: plan.question.clone(),
        namespace: named.namespace,
        params: plan.without_secrets().params,
        verdict: ended.stop.verdict,
        reason,
        steps: ended.steps,
        steady_state: ended.steady_state,
        expectations: ended.expectations,
        results: ended.results,
        seconds,
        repeat_command: named.repeat_command,
        exit_code: if complete { ended.stop.exit_code } else { exit::CLEANUP },
        undo: ended.undo,
    }
}
