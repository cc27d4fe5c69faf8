//! The step machine: needs, steady state, steps, expectations, undo, verdict.
//!
//! It decides and keeps accounts; what it decides is done by a [`Stage`]. Whatever happens after the
//! stage has begun, the undo is carried out before the machine ends.

mod judge;

use std::time::Duration;

use kubsets_lab::plan::{Plan, PlannedStep, awaited};
use kubsets_lab::{Bindings, Condition, Operation, Scope};
use kubsets_undo::{Comparison, LockState, caught};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::event::{LabEvent, LabEvents, When};
use crate::outcome::{Checked, StepReport, StepStatus, UndoReport, Verdict, exit};
use crate::presenter::Presenter;
use crate::redact::redacted;
use crate::stage::{Stage, StepError};

use judge::{bounded, check};

/// Results kept under one name, in bytes of JSON.
const LARGEST_RESULT: usize = 64 * 1024;

/// Waiting has a limit of its own, which ends with a better message than the step's.
const GRACE: Duration = Duration::from_secs(10);

/// Why the machine stopped before the last expectation.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) verdict: Verdict,
    pub(crate) exit_code: u8,
    pub(crate) reason: String,
}

impl Stop {
    fn new(verdict: Verdict, exit_code: u8, reason: impl Into<String>) -> Self {
        Self { verdict, exit_code, reason: reason.into() }
    }

    fn of(error: &StepError, place: &str) -> Self {
        let reason = if place.is_empty() { error.to_string() } else { format!("{place}: {error}") };
        match error {
            StepError::Failed(_) => Self::new(Verdict::Fail, exit::FAIL, reason),
            StepError::Inconclusive(_) => Self::new(Verdict::Inconclusive, exit::INCONCLUSIVE, reason),
            StepError::Unavailable(_) => Self::new(Verdict::Skipped, exit::SKIPPED, reason),
            StepError::Invalid(_) => Self::new(Verdict::Error, exit::INVALID, reason),
            StepError::Cluster(_) | StepError::Passing(_) => Self::new(Verdict::Error, exit::CLUSTER, reason),
            StepError::Timeout(_) => Self::new(Verdict::Error, exit::TIMEOUT, reason),
            StepError::Aborted(_) => Self::new(Verdict::Aborted, exit::INTERRUPTED, reason),
        }
    }
}

/// How the machine ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stop: Stop,
    pub(crate) steps: Vec<StepReport>,
    pub(crate) steady_state: Vec<Checked>,
    pub(crate) expectations: Vec<Checked>,
    pub(crate) results: Map<String, Value>,
    pub(crate) undo: Option<UndoReport>,
}

/// Carries out one plan.
pub(crate) struct Machine<'a, S> {
    plan: &'a Plan,
    stage: &'a S,
    events: LabEvents,
    cancel: CancellationToken,
    presenter: Option<&'a dyn Presenter>,
    lock: Option<watch::Receiver<LockState>>,
    steps: Vec<StepReport>,
    steady_state: Vec<Checked>,
    expectations: Vec<Checked>,
    bindings: Bindings,
}

impl<'a, S: Stage> Machine<'a, S> {
    pub(crate) fn new(
        plan: &'a Plan,
        stage: &'a S,
        events: &LabEvents,
        cancel: &CancellationToken,
        presenter: Option<&'a dyn Presenter>,
    ) -> Self {
        let steps = plan.steps.iter().map(|step| StepReport {
            name: step.name.clone(),
            operation: step.operation.kind().into(),
            status: StepStatus::NotRun,
            began_seconds: None,
            seconds: 0.0,
            message: String::new(),
        });
        Self {
            plan,
            stage,
            events: events.clone(),
            cancel: cancel.clone(),
            presenter,
            lock: None,
            steps: steps.collect(),
            steady_state: Vec::new(),
            expectations: Vec::new(),
            bindings: plan.bindings(),
        }
    }

    /// Runs to the end: a verdict, and everything as before.
    pub(crate) async fn run(mut self) -> Ended {
        let mut stop = match self.preflight().await {
            // A panic must not keep the run from its undo.
            Ok(()) => caught(self.within_the_lease()).await.unwrap_or_else(|why| broken(&why)),
            Err(stop) => return self.ended(stop, Some(UndoReport { equal: true, ..UndoReport::default() })),
        };
        let undo = self.undo(&mut stop).await;
        // The Lease was given back with the undo.
        self.lock = None;
        if matches!(stop.verdict, Verdict::Pass | Verdict::Fail)
            && let Err(unsteady) = self.steady(When::After).await
        {
            if stop.verdict == Verdict::Pass {
                stop = unsteady;
            } else {
                let title = "after the undo".to_owned();
                self.events.emit(LabEvent::Evidence { title, text: unsteady.reason });
            }
        }
        self.ended(stop, undo)
    }

    fn ended(self, stop: Stop, undo: Option<UndoReport>) -> Ended {
        let named = self.bindings.names().filter(|name| *name != "params");
        let results = named
            .filter_map(|name| Some((name.to_owned(), redacted(self.bindings.get(name)?.clone()))))
            .collect();
        Ended {
            stop,
            steps: self.steps,
            steady_state: self.steady_state,
            expectations: self.expectations,
            results,
            undo,
        }
    }

    /// Needs and steady state; nothing is changed yet.
    async fn preflight(&mut self) -> Result<(), Stop> {
        let steps = self.plan.steady_state.iter().chain(&self.plan.steps);
        let mut missing: Vec<String> = steps
            .filter_map(|step| Some(format!("{}: {}", step.name, self.stage.lacks(&step.operation)?)))
            .collect();
        for requirement in &self.plan.requires {
            let stage = self.stage;
            let need = stage.check(requirement).await.map_err(|error| Stop::of(&error, "preflight"))?;
            self.events.emit(LabEvent::Need {
                need: need.need.clone(),
                met: need.met,
                detail: need.detail.clone(),
            });
            if !need.met {
                missing.push(format!("{} is missing: {}", need.need, need.detail));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Stop::new(Verdict::Skipped, exit::SKIPPED, missing.join("; ")))
    }

    async fn within_the_lease(&mut self) -> Stop {
        match self.stage.begin().await {
            Ok(lock) => self.lock = lock,
            Err(error) => return Stop::of(&error, "begin"),
        }
        let stop = match self.forward().await {
            Ok(()) => Stop::new(Verdict::Pass, exit::PASS, self.praise()),
            Err(stop) => stop,
        };
        self.stage.settle().await;
        if matches!(stop.verdict, Verdict::Fail | Verdict::Error) {
            for evidence in &self.plan.on_failure {
                let (title, text) = self.stage.collect(evidence).await;
                self.events.emit(LabEvent::Evidence { title, text });
            }
        }
        stop
    }

    async fn forward(&mut self) -> Result<(), Stop> {
        self.steady(When::Before).await.map_err(unsteady)?;
        for step in &self.plan.steps {
            self.step(step).await?;
        }
        self.expect()
    }

    fn praise(&self) -> String {
        let count = self.expectations.len();
        if count == 1 {
            self.expectations[0].expected.clone()
        } else {
            format!("all {count} expectations held")
        }
    }

    fn expect(&mut self) -> Result<(), Stop> {
        for expectation in &self.plan.expect {
            let checked = check(&expectation.name, &expectation.that, &self.bindings)
                .map_err(|error| Stop::of(&error, &expectation.name))?;
            self.events.emit(LabEvent::Expected(checked.clone()));
            self.expectations.push(checked);
        }
        let broken: Vec<String> = self
            .expectations
            .iter()
            .filter(|one| !one.held)
            .map(|one| format!("{} ({})", one.expected, one.seen))
            .collect();
        if broken.is_empty() {
            return Ok(());
        }
        Err(Stop::new(Verdict::Fail, exit::FAIL, format!("not so: {}", broken.join("; "))))
    }

    /// Looks at the steady state.
    async fn steady(&mut self, when: When) -> Result<(), Stop> {
        for probe in &self.plan.steady_state {
            let place = format!("steady state, {}", probe.name);
            let result = self
                .perform(probe, true)
                .await
                .map_err(|stop| Stop { reason: format!("{place}: {}", stop.reason), ..stop })?;
            let checked = self.that(probe, &result).map_err(|error| Stop::of(&error, &place))?;
            let checked = checked.unwrap_or_else(|| Checked {
                expected: probe.name.clone(),
                seen: summary(&result),
                held: true,
            });
            self.events.emit(LabEvent::Steady { when, checked: checked.clone() });
            let held = checked.held;
            let reason = format!("{place}: {}", checked.seen);
            self.steady_state.push(checked);
            if !held {
                return Err(Stop::new(Verdict::Fail, exit::FAIL, reason));
            }
        }
        Ok(())
    }

    async fn step(&mut self, step: &PlannedStep) -> Result<(), Stop> {
        if let Some(presenter) = self.presenter {
            let told = self.plan.untold();
            let question = told.hidden_in(step.question.as_deref().unwrap_or_default());
            let name = told.hidden_in(&step.name);
            let asked = presenter.ask(step.index + 1, &name, &question);
            tokio::select! {
                () = asked => {}
                () = self.cancel.cancelled() => return Err(aborted()),
                why = lost(self.lock.clone()) => return Err(why),
            }
        }
        let began = Instant::now();
        self.steps[step.index].began_seconds = Some(self.events.seconds());
        self.events.emit(LabEvent::StepBegan {
            step: step.index + 1,
            name: step.name.clone(),
            operation: step.operation.kind().into(),
            question: step.question.clone(),
            timeout_seconds: step.timeout.0.as_secs_f64(),
        });
        let asked = step.bind.is_some() || step.that.is_some();
        let (result, done) = match self.perform(step, asked).await {
            Ok(result) => {
                let done = self.judged(step, &result);
                (result, done)
            }
            Err(stop) => {
                (Value::Null, Err(Stop { reason: format!("{}: {}", step.name, stop.reason), ..stop }))
            }
        };
        let (status, message) = match &done {
            Ok(()) => (StepStatus::Passed, summary(&result)),
            Err(stop) => (StepStatus::Failed, stop.reason.clone()),
        };
        self.bind_awaited(step, &result);
        let result = bounded(result, LARGEST_RESULT);
        let seconds = began.elapsed().as_secs_f64();
        let report = &mut self.steps[step.index];
        report.status = status;
        report.seconds = seconds;
        report.message.clone_from(&message);
        if let Some(name) = &step.bind
            && !result.is_null()
        {
            self.bindings.set(name, result.clone());
        }
        let result = redacted(result);
        self.events.emit(LabEvent::StepEnded { step: step.index + 1, status, seconds, message, result });
        done
    }

    /// Whether a step's own expression holds for its result.
    fn judged(&self, step: &PlannedStep, result: &Value) -> Result<(), Stop> {
        match self.that(step, result) {
            Ok(Some(checked)) if !checked.held => {
                let that = step.that.as_deref().unwrap_or_default();
                let reason = format!("{that} is not so: {}", checked.seen);
                Err(Stop::of(&StepError::Failed(reason), &step.name))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(Stop::of(&error, &step.name)),
        }
    }

    /// A load in the background has its result only when a wait has seen its end.
    fn bind_awaited(&mut self, step: &PlannedStep, result: &Value) {
        let Operation::Wait(condition) = &step.operation else { return };
        for load in awaited(condition) {
            let report = match condition {
                Condition::Finished(_) => Some(result).filter(|result| !result.is_null()),
                _ => result.get("finished").and_then(|all| all.get(load)),
            };
            let started = self.plan.steps.iter().find(|one| one.name == load);
            if let (Some(name), Some(report)) = (started.and_then(|one| one.bind.as_ref()), report) {
                self.bindings.set(name, bounded(report.clone(), LARGEST_RESULT));
            }
        }
    }

    /// Does a step or a probe within its time, unless the user or another terminal ends the run. `asked` says that
    /// its result is a part of the answer.
    async fn perform(&mut self, step: &PlannedStep, asked: bool) -> Result<Value, Stop> {
        if let Operation::Assert(assert) = &step.operation {
            return self.assert(&step.name, &assert.that);
        }
        let stage = self.stage;
        if matches!(step.operation, Operation::Canary(_)) {
            // A canary hears of the end itself and goes back first; its future must not be dropped.
            let work = stage.perform(step, &self.bindings);
            tokio::pin!(work);
            let done = tokio::select! {
                done = &mut work => done,
                why = lost(self.lock.clone()) => {
                    self.cancel.cancel();
                    let _ = work.await;
                    return Err(why);
                }
            };
            return match (done, self.asked()) {
                (Err(error @ StepError::Aborted(_)), _) => Err(Stop::of(&error, "")),
                (_, Some(stop)) => Err(stop),
                (done, None) => done.map_err(|error| Stop::of(&error, "")),
            };
        }
        let limit = step.timeout.0 + GRACE;
        let lock = self.lock.clone();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(aborted()),
            why = lost(lock) => Err(why),
            done = tokio::time::timeout(limit, stage.perform(step, &self.bindings)) => match done {
                Ok(result) => result.map_err(|error| Stop::of(&in_vain(error, step, asked), "")),
                Err(_) => Err(Stop::of(&no_end(step, &self.events), "")),
            },
        }
    }

    /// The end that somebody has asked for.
    fn asked(&self) -> Option<Stop> {
        let told = self.lock.as_ref().and_then(|lock| by_lease(&lock.borrow()));
        told.or_else(|| self.cancel.is_cancelled().then(aborted))
    }

    fn assert(&self, name: &str, expressions: &[String]) -> Result<Value, Stop> {
        for that in expressions {
            let checked = check(name, that, &self.bindings).map_err(|error| Stop::of(&error, that))?;
            if !checked.held {
                let reason = format!("{that} is not so: {}", checked.seen);
                return Err(Stop::new(Verdict::Fail, exit::FAIL, reason));
            }
        }
        Ok(Value::Bool(true))
    }

    fn that(&self, step: &PlannedStep, result: &Value) -> Result<Option<Checked>, StepError> {
        let Some(that) = &step.that else { return Ok(None) };
        let scope = Scope { outer: &self.bindings, name: "result", value: result };
        check(&step.name, that, &scope).map(Some)
    }

    async fn undo(&mut self, stop: &mut Stop) -> Option<UndoReport> {
        let began = Instant::now();
        match self.stage.undo().await {
            Ok(comparisons) => {
                let equal = Comparison::all_equal(&comparisons);
                let report = UndoReport { seconds: began.elapsed().as_secs_f64(), comparisons, equal };
                self.events.emit(LabEvent::Undone(report.clone()));
                Some(report)
            }
            Err(error) => {
                stop.reason = format!("{}; the undo failed: {error}", stop.reason);
                None
            }
        }
    }
}

/// What a wait in vain says: the answer of one that is asked for, else that a preparation took too long. A load that
/// does not end is no answer.
fn in_vain(error: StepError, step: &PlannedStep, asked: bool) -> StepError {
    let is_answer = asked
        && matches!(&step.operation, Operation::Wait(condition) if !matches!(condition, Condition::Finished(_)));
    match error {
        StepError::Timeout(why) if is_answer => StepError::Failed(why),
        error => error,
    }
}

/// A step took longer than its time; with what was seen of it last.
fn no_end(step: &PlannedStep, events: &LabEvents) -> StepError {
    let last = events.last_doing().map(|what| format!("; last seen: {what}")).unwrap_or_default();
    StepError::Timeout(format!("no end within {}{last}", step.timeout))
}

/// What a run ends with that broke in itself.
fn broken(why: &str) -> Stop {
    Stop::new(Verdict::Error, exit::CLUSTER, format!("kubsets itself broke: {why}"))
}

/// A steady state that is not there is no verdict on the lab. Other reasons to stop stay what they are.
fn unsteady(stop: Stop) -> Stop {
    if stop.verdict != Verdict::Fail {
        return stop;
    }
    let reason = format!(
        "the cluster is not steady, nothing was tried: {}; `kubectl kubsets status` shows its state",
        stop.reason
    );
    Stop::new(Verdict::Skipped, exit::SKIPPED, reason)
}

fn aborted() -> Stop {
    Stop::new(Verdict::Aborted, exit::INTERRUPTED, "a user ended the run")
}

/// The end that a Lease asks for.
fn by_lease(state: &LockState) -> Option<Stop> {
    match state {
        LockState::Held => None,
        LockState::AbortWanted(who) => {
            Some(Stop::new(Verdict::Aborted, exit::INTERRUPTED, format!("{who} asked for an end")))
        }
        LockState::Lost(why) => Some(Stop::new(Verdict::Error, exit::CLUSTER, why.as_str())),
    }
}

/// Resolves when the run must end because of its Lease.
async fn lost(lock: Option<watch::Receiver<LockState>>) -> Stop {
    let Some(mut lock) = lock else { return std::future::pending().await };
    loop {
        if let Some(stop) = by_lease(&lock.borrow_and_update()) {
            return stop;
        }
        if lock.changed().await.is_err() {
            return Stop::new(Verdict::Error, exit::CLUSTER, "the lease is no longer renewed");
        }
    }
}

/// A result in a few words.
fn summary(result: &Value) -> String {
    if let Some(text) = result.get("summary").and_then(Value::as_str) {
        return text.to_owned();
    }
    match result {
        Value::Null | Value::Bool(true) => String::new(),
        Value::Object(all) => {
            let plain = all.iter().filter(|(_, value)| !value.is_object() && !value.is_array());
            let words: Vec<String> = plain.take(4).map(|(name, value)| format!("{name} {value}")).collect();
            words.join(", ").chars().take(160).collect()
        }
        other => other.to_string().chars().take(160).collect(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
