//! What happened when.

use kubsets_engine::{LabEvent, StepStatus};
use kubsets_lab::{Operation, PlannedStep};
use kubsets_report::{Lane, Mark, Span, Timeline, Tone};

use super::load::{self, LoadSeen};
use super::{LabRun, canary, replicas};
use crate::report::pieces::{filled, mark};

pub(super) fn timeline(run: &LabRun, loads: &[LoadSeen<'_>]) -> Timeline {
    let mut lanes = vec![phases(run), steps(run)];
    lanes.extend(loads.iter().filter_map(traffic));
    lanes.extend([faults(run), changes(run), looks(run), warnings(run)]);
    lanes.extend(run.canaries.iter().flat_map(canary::lanes));
    let mut charts = load::charts(loads, run.seconds());
    charts.extend(replicas::chart(run));
    charts.extend(run.canaries.iter().flat_map(canary::charts));
    Timeline { seconds: run.seconds(), turns: turns(run), lanes: filled(lanes), charts }
}

fn marks(name: &str, run: &LabRun, of: impl Fn(&LabEvent) -> Option<(String, Tone)>) -> Lane {
    let marks = run
        .events
        .iter()
        .filter_map(|one| of(&one.event).map(|(label, tone)| mark(one.seconds, label, tone)));
    Lane { name: name.to_owned(), spans: Vec::new(), marks: marks.collect() }
}

/// Whether a step is what the rest of the lab reacts to.
fn disturbs(step: &PlannedStep) -> bool {
    matches!(step.operation, Operation::Delete(_) | Operation::Fault(_))
}

fn turns(run: &LabRun) -> Vec<Mark> {
    let disturbed = run.plan.steps.iter().filter(|step| disturbs(step));
    let mut turns: Vec<Mark> =
        disturbed.filter_map(|step| Some(mark(run.began(step)?, step.name.clone(), Tone::Plain))).collect();
    turns.extend(run.events.iter().filter_map(|one| match &one.event {
        LabEvent::Undone(undo) if undo.equal => Some(mark(one.seconds, "all as before", Tone::Good)),
        LabEvent::Undone(_) => Some(mark(one.seconds, "not all as before", Tone::Bad)),
        _ => None,
    }));
    turns
}

fn phases(run: &LabRun) -> Lane {
    let end = run.seconds();
    let first = run.time_of(|event| matches!(event, LabEvent::StepBegan { .. }));
    let undone = run.time_of(|event| matches!(event, LabEvent::Undone(_)));
    let steady = run.time_of(|event| matches!(event, LabEvent::Steady { .. }));
    let steady = steady.filter(|_| undone.is_some_and(|at| at < end));
    let borders = [
        (Some(0.0), "prepare", "needs, the lock, the watchdog, the steady state"),
        (first, "steps", "what the lab does, then its expectations"),
        (run.undo_began(), "undo", "everything brought back and compared"),
        (undone.and(steady).and(undone), "look again", "the steady state after the undo"),
    ];
    let known: Vec<_> =
        borders.into_iter().filter_map(|(at, label, detail)| Some((at?, label, detail))).collect();
    let spans = known.iter().enumerate().map(|(place, (from, label, detail))| Span {
        from: *from,
        to: known.get(place + 1).map_or(end, |next| next.0),
        label: (*label).into(),
        detail: (*detail).into(),
        tone: Tone::Plain,
    });
    Lane { name: "phases".into(), spans: spans.collect(), marks: Vec::new() }
}

fn steps(run: &LabRun) -> Lane {
    let spans = run.plan.steps.iter().filter_map(|step| {
        let from = run.began(step)?;
        let ended = run.ended(step);
        let (tone, word) = match ended.as_ref().map(|ended| ended.status) {
            Some(StepStatus::Passed) => (Tone::Good, "done"),
            Some(StepStatus::Failed) => (Tone::Bad, "failed"),
            Some(StepStatus::NotRun) | None => (Tone::Warn, "not ended"),
        };
        Some(Span {
            from,
            to: ended.map_or(run.seconds(), |ended| ended.at),
            label: step.name.clone(),
            detail: format!("step {}, {}, {word}", step.index + 1, step.operation.kind()),
            tone,
        })
    });
    Lane { name: "steps".into(), spans: spans.collect(), marks: Vec::new() }
}

fn traffic(load: &LoadSeen<'_>) -> Option<Lane> {
    let (from, to) = load.span()?;
    let label = load.name.to_owned();
    let span = Span { from, to, label, detail: load.ordered(), tone: Tone::Plain };
    Some(Lane { name: "load".into(), spans: vec![span], marks: Vec::new() })
}

fn faults(run: &LabRun) -> Lane {
    let spans = run.plan.steps.iter().filter_map(|step| {
        let Operation::Fault(fault) = &step.operation else { return None };
        let from = run.began(step)?;
        let to = (from + fault.duration.0.as_secs_f64()).min(run.seconds());
        let detail = step.name.clone();
        Some(Span { from, to, label: fault.kind.clone(), detail, tone: Tone::Warn })
    });
    Lane { name: "faults".into(), spans: spans.collect(), marks: Vec::new() }
}

fn changes(run: &LabRun) -> Lane {
    marks("changes", run, |event| match event {
        LabEvent::Object { change, object } => Some((format!("{change} {object}"), Tone::Plain)),
        _ => None,
    })
}

fn looks(run: &LabRun) -> Lane {
    let tone = |held: bool| if held { Tone::Good } else { Tone::Bad };
    marks("checks", run, |event| match event {
        LabEvent::Steady { checked, .. } => {
            Some((format!("steady state: {}", checked.expected), tone(checked.held)))
        }
        LabEvent::Expected(checked) => Some((checked.expected.clone(), tone(checked.held))),
        LabEvent::Need { need, met, .. } => Some((format!("need: {need}"), tone(*met))),
        _ => None,
    })
}

fn warnings(run: &LabRun) -> Lane {
    marks("warnings", run, |event| match event {
        LabEvent::Warning { message } => Some((message.clone(), Tone::Warn)),
        _ => None,
    })
}
