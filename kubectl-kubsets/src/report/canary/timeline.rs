//! What happened when.

use kubsets_delivery::{RunEvent, TickEvent};
use kubsets_report::{Band, Chart, Lane, Mark, Role, Shape, Span, Timeline, Tone, Unit};

use super::sides;
use crate::report::CanaryRecord;
use crate::report::pieces::{chart, filled, latency_chart, line, mark};

pub(super) fn timeline(record: &CanaryRecord) -> Timeline {
    let lanes = [phases(record), steps(record), objects(record), warnings(record)];
    Timeline {
        seconds: record.seconds(),
        turns: turns(record),
        lanes: filled(lanes),
        charts: vec![share(record), errors(record), answers(record), latency(record), pods(record)],
    }
}

fn turns(record: &CanaryRecord) -> Vec<Mark> {
    let promoted = is_promoted(record);
    let turn = |event: &RunEvent| match event {
        RunEvent::StepBegan { step: 1, .. } => Some(("first shift", Tone::Plain)),
        RunEvent::Decided { decision, .. } if decision == "promote" => Some(("promote", Tone::Good)),
        RunEvent::Decided { decision, .. } if decision == "leave" => Some(("taken over", Tone::Warn)),
        RunEvent::Decided { .. } => Some(("roll back", Tone::Bad)),
        RunEvent::Undone(undo) if undo.equal && promoted => Some(("cleaned up", Tone::Good)),
        RunEvent::Undone(undo) if undo.equal => Some(("all as before", Tone::Good)),
        RunEvent::Undone(_) => Some(("not all as before", Tone::Bad)),
        _ => None,
    };
    let turns = record
        .events
        .iter()
        .filter_map(|record| turn(&record.event).map(|(label, tone)| mark(record.seconds, label, tone)));
    turns.collect()
}

fn is_promoted(record: &CanaryRecord) -> bool {
    let promotes =
        |event: &RunEvent| matches!(event, RunEvent::Decided { decision, .. } if decision == "promote");
    record.events.iter().any(|one| promotes(&one.event))
}

fn phases(record: &CanaryRecord) -> Lane {
    let end = record.seconds();
    let ready = record.time_of(|event| matches!(event, RunEvent::Ready { .. }));
    let frozen = record.time_of(|event| matches!(event, RunEvent::Frozen { .. }));
    let decided = record.time_of(|event| matches!(event, RunEvent::Decided { .. }));
    let promoted = is_promoted(record);
    let replacing =
        record.time_of(|event| matches!(event, RunEvent::Doing { what } if what.starts_with("replacing")));
    let until = decided.unwrap_or(end);
    let back = if promoted { "clean up" } else { "way back" };
    let borders = [
        (Some(0.0), "prepare", "the watchdog, the canary's pods, its place behind the gateway"),
        (ready, "measure stable", "what is slow is fixed before any traffic is moved"),
        (frozen, "judge", "traffic is moved step by step and judged second by second"),
        (replacing, "replace stable", "a rolling update while the canary serves everything"),
        (decided, back, "traffic given back, objects removed and compared"),
    ];
    let known: Vec<_> =
        borders.into_iter().filter_map(|(at, label, detail)| Some((at?, label, detail))).collect();
    let span = |place: usize| {
        let (from, label, detail) = known[place];
        let last = if label == back { end } else { until };
        let to = known.get(place + 1).map_or(last, |next| next.0);
        Span { from, to, label: label.into(), detail: detail.into(), tone: Tone::Plain }
    };
    Lane { name: "phases".into(), spans: (0..known.len()).map(span).collect(), marks: Vec::new() }
}

fn steps(record: &CanaryRecord) -> Lane {
    let mut spans: Vec<Span> = Vec::new();
    let mut open = false;
    for one in &record.events {
        match &one.event {
            RunEvent::StepBegan { step, of, percent, .. } => {
                spans.push(Span {
                    from: one.seconds,
                    to: record.seconds(),
                    label: format!("{percent} %"),
                    detail: format!("step {step} of {of}"),
                    tone: Tone::Plain,
                });
                open = true;
            }
            RunEvent::StepEnded { passed, share, .. } if open => {
                if let Some(span) = spans.last_mut() {
                    span.to = one.seconds;
                    span.tone = if *passed { Tone::Good } else { Tone::Bad };
                    let word = if *passed { "passed" } else { "ended without passing" };
                    let measured = Unit::Percent.text(share.percent);
                    span.detail = format!("{}, {word}, {measured} measured", span.detail);
                }
                open = false;
            }
            _ => {}
        }
    }
    Lane { name: "steps".into(), spans, marks: Vec::new() }
}

fn objects(record: &CanaryRecord) -> Lane {
    let change = |event: &RunEvent| match event {
        RunEvent::Object { change, object } => Some(format!("{change} {object}")),
        RunEvent::Doing { what } if what.starts_with("scaling") => Some(what.clone()),
        _ => None,
    };
    let marks = record
        .events
        .iter()
        .filter_map(|one| change(&one.event).map(|label| mark(one.seconds, label, Tone::Plain)));
    Lane { name: "changes".into(), spans: Vec::new(), marks: marks.collect() }
}

fn warnings(record: &CanaryRecord) -> Lane {
    let warning = |event: &RunEvent| match event {
        RunEvent::Warning { message } => Some(message.clone()),
        _ => None,
    };
    let marks = record
        .events
        .iter()
        .filter_map(|one| warning(&one.event).map(|label| mark(one.seconds, label, Tone::Warn)));
    Lane { name: "warnings".into(), spans: Vec::new(), marks: marks.collect() }
}

fn over(record: &CanaryRecord, value: impl Fn(&TickEvent) -> Option<f64>) -> Vec<(f64, Option<f64>)> {
    record.ticks().map(|(at, tick)| (at, value(tick))).collect()
}

fn share(record: &CanaryRecord) -> Chart {
    let known = |tick: &TickEvent| tick.share.filter(|share| share.total > 0);
    let mut measured = line(
        "measured in the step, with its 95 % interval",
        Role::Candidate,
        Shape::Line,
        over(record, |tick| known(tick).map(|share| share.percent)),
    );
    let band = |(at, tick): (f64, &TickEvent)| {
        known(tick).map(|share| Band { x: at, low: share.low_percent, high: share.high_percent })
    };
    measured.band = record.ticks().filter_map(band).collect();
    // A share holds from the move on, and a second is told at its end: moves come from their own events.
    let mut ordered = vec![(0.0, Some(0.0))];
    for one in &record.events {
        match &one.event {
            RunEvent::StepBegan { percent, .. } => ordered.push((one.seconds, Some(*percent))),
            RunEvent::Decided { decision, .. } if decision != "leave" => {
                ordered.push((one.seconds, Some(0.0)));
            }
            _ => {}
        }
    }
    let last = ordered.last().and_then(|(_, value)| *value);
    ordered.push((record.seconds(), last));
    let ordered = line("ordered", Role::Wanted, Shape::Steps, ordered);
    let mut chart = chart("share", "Share of the canary", "", Unit::Percent, vec![ordered, measured]);
    chart.axis.high = Some(100.0);
    let most = record.plan.steps.iter().map(|step| step.percent.value());
    let seen = record.ticks().map(|(_, tick)| tick.percent).fold(0.0, f64::max);
    if seen < 50.0 {
        chart.axis.high = None;
        chart.note = match most.reduce(f64::max) {
            Some(most) if most > seen => format!("The plan goes up to {most} %; this run ended before."),
            _ => String::new(),
        };
    }
    chart
}

fn errors(record: &CanaryRecord) -> Chart {
    let [stable, canary] = sides(record);
    let count = |count: u64| Some(count as f64);
    let lines = vec![
        line(&stable, Role::Baseline, Shape::Bars, over(record, |tick| count(tick.stable.failed))),
        line(&canary, Role::Candidate, Shape::Bars, over(record, |tick| count(tick.canary.failed))),
        line("no answer from either", Role::Harm, Shape::Bars, over(record, |tick| count(tick.dropped))),
    ];
    chart("errors", "Failed in each second", "", Unit::Requests, lines)
}

fn answers(record: &CanaryRecord) -> Chart {
    let [stable, canary] = sides(record);
    let count = |count: u64| Some(count as f64);
    let lines = vec![
        line(&stable, Role::Baseline, Shape::Line, over(record, |tick| count(tick.stable.requests))),
        line(&canary, Role::Candidate, Shape::Line, over(record, |tick| count(tick.canary.requests))),
    ];
    let note = "Answers are put down to the version that they name: after a promotion the stable pods are the new version.";
    chart("answers", "Answers", note, Unit::RequestsPerSecond, lines)
}

fn latency(record: &CanaryRecord) -> Chart {
    let [stable, canary] = sides(record);
    let lines = vec![
        line(&stable, Role::Baseline, Shape::Line, over(record, |tick| tick.stable.p99_ms)),
        line(&canary, Role::Candidate, Shape::Line, over(record, |tick| tick.canary.p99_ms)),
    ];
    let note =
        "Of good answers, from the planned instant; with few requests in a second it is the slowest of them.";
    latency_chart("p99", "99th percentile in each second", note, lines)
}

fn pods(record: &CanaryRecord) -> Chart {
    let first = record.plan.steps.first().map(|step| f64::from(step.replicas));
    let mut ordered = vec![(0.0, first)];
    for one in &record.events {
        match &one.event {
            RunEvent::StepBegan { replicas, .. } => ordered.push((one.seconds, Some(f64::from(*replicas)))),
            RunEvent::Undone(_) => ordered.push((one.seconds, Some(0.0))),
            _ => {}
        }
    }
    let last = ordered.last().and_then(|(_, value)| *value);
    ordered.push((record.seconds(), last));
    let lines = vec![line("ordered", Role::Wanted, Shape::Steps, ordered)];
    chart("pods", "Pods of the canary", "", Unit::Pods, lines)
}
