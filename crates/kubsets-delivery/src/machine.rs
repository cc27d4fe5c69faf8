//! The state machine of a canary: warm up, step, judge, then promote or go back.
//!
//! It decides and keeps accounts; what it decides is done by a [`Stage`], and time passes by the
//! seconds of its [`TickSource`]. No second of traffic is lost while something is being done.

mod source;
mod stop;
mod tell;

use kubsets_judge::{Evidence, Verdict};
use kubsets_load::Tick;
use kubsets_undo::{Comparison, LockState, Reach, caught};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::event::{Events, RunEvent};
use crate::ledger::Ledger;
use crate::outcome::{StepEvidence, StepReport, SwitchReport, Totals, UndoReport};
use crate::plan::{Plan, StepPlan};
use crate::stage::{Stage, StageError, Versions};
use kubsets_lab::operation::OnInconclusive;

pub(crate) use source::TickSource;
pub(crate) use stop::Stop;

/// How the machine ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stop: Stop,
    pub(crate) undo: Result<UndoReport, StageError>,
    pub(crate) versions: Option<Versions>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) totals: Totals,
    pub(crate) steps: Vec<StepReport>,
    pub(crate) switches: Vec<SwitchReport>,
    pub(crate) seconds_to_verdict: Option<f64>,
    pub(crate) seconds_in_step: Option<f64>,
}

/// Drives one run.
pub(crate) struct Machine<'a, S, T> {
    plan: &'a Plan,
    stage: &'a S,
    ticks: T,
    events: Events,
    cancel: CancellationToken,
    lock: watch::Receiver<LockState>,
    bench: Bench,
    ledger: Ledger,
    versions: Option<Versions>,
    /// Whether both versions answer.
    prepared: bool,
    /// Whether seconds are judged at all.
    judging: bool,
    /// Judged seconds of this step, and those among them in which the load generator itself stalled.
    judged: (u64, u64),
    /// Seconds still to pass before traffic counts as settled.
    settling: u64,
    percent: f64,
    evidence: Option<Evidence>,
    first_shift: Option<f64>,
    step_began: Option<f64>,
}

impl<'a, S: Stage, T: TickSource> Machine<'a, S, T> {
    pub(crate) fn new(
        plan: &'a Plan,
        stage: &'a S,
        bench: Bench,
        ticks: T,
        events: &Events,
        (cancel, lock): (&CancellationToken, watch::Receiver<LockState>),
    ) -> Self {
        Self {
            plan,
            stage,
            ticks,
            events: events.clone(),
            cancel: cancel.clone(),
            lock,
            bench,
            ledger: Ledger::default(),
            versions: None,
            prepared: false,
            judging: false,
            judged: (0, 0),
            settling: 0,
            percent: 0.0,
            evidence: None,
            first_shift: None,
            step_began: None,
        }
    }

    /// Runs to the end, which is the new version everywhere or the old one everywhere.
    pub(crate) async fn run(mut self) -> Ended {
        // A panic must not keep the old version from coming back.
        let stop = match caught(self.forward()).await {
            Ok(Ok(stop) | Err(stop)) => stop,
            Err(why) => Stop::Failed(StageError::Broken(why)),
        };
        let now = self.events.seconds();
        let verdict_at = self.first_shift.map(|shift| now - shift);
        let in_step = self.step_began.map(|began| now - began);
        self.events.emit(RunEvent::Decided { decision: stop.decision().into(), reason: stop.reason() });
        self.end_step(false);
        self.judging = false;
        let reach = if matches!(stop, Stop::Passed(_)) { Reach::Promoted } else { Reach::Before };
        let undo =
            if stop.may_touch() { self.back(reach).await } else { Err(StageError::TakenOver(stop.reason())) };
        if let Ok(report) = &undo {
            self.events.emit(RunEvent::Undone(report.clone()));
        }
        let (totals, steps, switches) = self.ledger.finish();
        Ended {
            stop,
            undo,
            versions: self.versions,
            evidence: self.evidence,
            totals,
            steps,
            switches,
            seconds_to_verdict: verdict_at,
            seconds_in_step: in_step,
        }
    }

    /// From the start to a decision.
    async fn forward(&mut self) -> Result<Stop, Stop> {
        self.events.doing("measuring the stable version and preparing the canary");
        let stage = self.stage;
        let versions = self.during(stage.prepare()).await??;
        self.prepared = true;
        self.events.emit(self.ready(&versions));
        let warm = self.plan.spec.warm_up.0.as_secs() as usize;
        while self.bench.warm_seconds() < warm {
            self.second().await?;
        }
        let baseline = self.bench.freeze(&versions.canary);
        self.events.emit(RunEvent::Frozen {
            requests: baseline.requests,
            thresholds_ms: baseline.above.map(|threshold| threshold.as_secs_f64() * 1e3),
            margins: Some(baseline.margins),
            slow: Some(baseline.slow),
        });
        self.ledger.name_canary(&versions.canary);
        self.versions = Some(versions);
        let mut unsure = None;
        for (index, step) in self.plan.steps.iter().enumerate() {
            if let Some(reason) = self.step(index, step).await? {
                unsure = unsure.or(Some(reason));
            }
        }
        self.judging = false;
        self.events.doing("replacing the stable pods by the new version");
        self.during(stage.replace_stable()).await??;
        Ok(Stop::Passed(unsure))
    }

    /// Both versions by the names that they have for people.
    fn ready(&self, versions: &Versions) -> RunEvent {
        let Versions { mut stable, mut canary } = versions.clone();
        if self.plan.marked {
            stable = self.plan.stable_version.clone().map_or(stable, |version| vec![version]);
            canary = self.plan.canary_version.clone().unwrap_or(canary);
        }
        RunEvent::Ready { stable, canary }
    }

    /// One step. Gives the reason when it ended without a verdict and the run goes on all the same.
    async fn step(&mut self, index: usize, step: &StepPlan) -> Result<Option<String>, Stop> {
        let before = if index == 0 { 1 } else { self.plan.steps[index - 1].replicas };
        let stage = self.stage;
        if step.replicas > before {
            self.events.doing(format!("scaling the canary to {} pods", step.replicas));
            self.during(stage.scale(step.replicas)).await??;
        }
        let percent = step.percent.value();
        let began = self.events.seconds();
        self.first_shift.get_or_insert(began);
        self.step_began = Some(began);
        self.events.emit(RunEvent::StepBegan {
            step: index + 1,
            of: self.plan.steps.len(),
            percent,
            replicas: step.replicas,
            budget_seconds: step.budget_seconds,
        });
        self.judging = false;
        self.begin_switch(percent);
        let clock = Instant::now();
        self.during(stage.shift(step.percent)).await??;
        self.ledger.switched(clock.elapsed().as_secs_f64() * 1e3);
        self.percent = percent;
        self.settling = self.plan.spec.settle.0.as_secs_f64().ceil() as u64;
        self.bench.begin_step(step.percent.share());
        self.ledger.begin_step(percent, began);
        self.judging = true;
        self.judged = (0, 0);
        let mut seconds = 0.0;
        loop {
            let passed = self.second().await?;
            seconds += 1.0;
            if passed {
                self.end_step(true);
                return Ok(None);
            }
            if seconds >= step.budget_seconds {
                let (judged, stalled) = self.judged;
                if stalled * 2 > judged {
                    let reason =
                        format!("the load generator stalled in {stalled} of {judged} seconds at {percent}%");
                    return Err(Stop::Invalid(reason));
                }
                let reason = format!("no verdict at {percent}% within {:.0} s", step.budget_seconds);
                if self.plan.spec.on_inconclusive == OnInconclusive::RollBack {
                    return Err(Stop::Inconclusive(reason));
                }
                self.events.emit(RunEvent::Warning { message: format!("{reason}, going on as asked") });
                self.end_step(false);
                return Ok(Some(reason));
            }
        }
    }

    fn end_step(&mut self, passed: bool) {
        if let Some(report) = self.ledger.end_step(passed, self.events.seconds()) {
            let step =
                self.plan.steps.iter().position(|one| (one.percent.value() - report.percent).abs() < 1e-9);
            self.events.emit(RunEvent::StepEnded {
                step: step.unwrap_or(0) + 1,
                passed,
                seconds: report.seconds,
                share: report.share,
            });
        }
    }

    fn begin_switch(&mut self, to: f64) {
        self.ledger.begin_switch(self.percent, to, self.events.seconds());
    }

    /// All traffic to stable, then everything made removed. Seconds go on being counted.
    async fn back(&mut self, reach: Reach) -> Result<UndoReport, StageError> {
        let clock = Instant::now();
        let stage = self.stage;
        let percent = self.percent;
        let doing = if reach == Reach::Promoted {
            "giving traffic to the new stable pods"
        } else {
            "giving all traffic back"
        };
        self.events.doing(doing);
        if percent > 0.0 {
            self.begin_switch(0.0);
        }
        let given = self.calmly(stage.give_back(percent, reach)).await?;
        if percent > 0.0 {
            self.ledger.switched(given.api_ms);
        }
        self.percent = 0.0;
        let comparisons = self.calmly(stage.clean_up(reach)).await?;
        let equal = Comparison::all_equal(&comparisons);
        let total_ms = clock.elapsed().as_secs_f64() * 1e3;
        Ok(UndoReport { api_ms: given.api_ms, wire_ms: given.wire_ms, total_ms, comparisons, equal })
    }

    /// Does something while seconds go by, unless a reason to stop comes first.
    async fn during<R>(&mut self, work: impl Future<Output = R>) -> Result<R, Stop> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                result = &mut work => return Ok(result),
                passed = self.second() => { passed?; }
            }
        }
    }

    /// Does something to its end while seconds go by, whatever happens.
    async fn calmly<R>(&mut self, work: impl Future<Output = R>) -> R {
        tokio::pin!(work);
        let mut flowing = true;
        loop {
            tokio::select! {
                biased;
                result = &mut work => return result,
                tick = self.ticks.next(), if flowing => match tick {
                    // Nothing is judged on the way back, so that no reason to stop can come.
                    Some(tick) => drop(self.account(&tick)),
                    None => flowing = false,
                }
            }
        }
    }

    /// The next second: accounts, evidence, and reasons to stop. True when the step has passed.
    async fn second(&mut self) -> Result<bool, Stop> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Stop::Cancelled),
            changed = self.lock.changed() => match (changed, self.lock.borrow().clone()) {
                (_, LockState::Lost(why)) => Err(Stop::TakenOver(why)),
                (_, LockState::AbortWanted(who)) => Err(Stop::Aborted(who)),
                (Ok(()), LockState::Held) => Ok(false),
                (Err(_), LockState::Held) => Err(Stop::TakenOver("the lease is no longer renewed".into())),
            },
            tick = self.ticks.next() => match tick {
                Some(tick) => self.account(&tick),
                None => Err(Stop::Failed(StageError::Load("it ended by itself".into()))),
            },
        }
    }

    /// Books one second and judges it if it is to be judged.
    fn account(&mut self, tick: &Tick) -> Result<bool, Stop> {
        let settled = self.judging && self.settling == 0;
        self.settling = self.settling.saturating_sub(1);
        for report in self.ledger.add(tick, settled) {
            self.events.emit(RunEvent::Switched(report));
        }
        // Before a route marks its answers they say nothing of stable.
        if self.versions.is_none() && (self.prepared || !self.plan.marked) {
            self.bench.warm_up(tick);
        }
        if !settled {
            self.tell(tick, None);
            return Ok(false);
        }
        self.judged.0 += 1;
        self.judged.1 += u64::from(tick.disturbed);
        let look = self.bench.observe(tick);
        self.ledger.judged(StepEvidence {
            pass: look.step_evidence,
            needed: self.bench.pass_needed(),
            errors: look.step_errors,
        });
        self.tell(tick, Some(&look));
        self.evidence = Some(look.decision.evidence().clone());
        match look.decision.verdict() {
            Verdict::Fail => Err(Stop::Worse(look.decision.reason().to_owned())),
            Verdict::Invalid => Err(Stop::Invalid(look.decision.reason().to_owned())),
            _ => Ok(look.step_passed),
        }
    }
}

#[cfg(test)]
mod tests;
