//! Pods over time, where scaling and waiting say so.

use kubsets_engine::LabEvent;
use kubsets_lab::{Condition, Operation};
use kubsets_report::{Axis, Chart, Extent, Line, Role, Shape, Unit};
use serde_json::Value;

use super::LabRun;
use crate::report::pieces::line;

/// What was ordered, decided and seen; none where nobody said anything of pods.
pub(super) fn chart(run: &LabRun) -> Option<Chart> {
    let lines: Vec<Line> = [ordered(run), decided(run), ready(run)].into_iter().flatten().collect();
    (!lines.is_empty()).then(|| Chart {
        id: "replicas".to_owned(),
        title: "Pods".to_owned(),
        note: "Known only at the moments at which a step scaled, or waited and told what it saw.".to_owned(),
        extent: Extent::Time,
        axis: Axis { unit: Unit::Pods, low: Some(0.0), ..Axis::default() },
        lines,
        limits: Vec::new(),
    })
}

/// Seconds and the value from then on.
type Points = Vec<(f64, Option<f64>)>;

/// Replicas that steps set, one line for each object; the undo brings the first number back.
fn ordered(run: &LabRun) -> Vec<Line> {
    let mut lines: Vec<(String, f64, Points)> = Vec::new();
    for step in &run.plan.steps {
        let Operation::Scale(scale) = &step.operation else { continue };
        let (Some(began), Some(ended)) = (run.began(step), run.ended(step)) else { continue };
        let changed = run.events.iter().find(|one| {
            (began..=ended.at).contains(&one.seconds)
                && matches!(&one.event, LabEvent::Object { object, .. }
                    if object.kind == scale.object.kind && object.name == scale.object.name)
        });
        let Some(changed) = changed else { continue };
        let name = format!("{}/{}, ordered", scale.object.kind, scale.object.name);
        let to = (changed.seconds, Some(f64::from(scale.replicas)));
        if let Some((_, _, points)) = lines.iter_mut().find(|(known, _, _)| *known == name) {
            points.push(to);
        } else {
            let Some(from) = ended.result["from"].as_f64() else { continue };
            lines.push((name, from, vec![(0.0, Some(from)), to]));
        }
    }
    let end = run.seconds();
    let finished = lines.into_iter().map(|(name, first, mut points)| {
        points.extend(run.undo_began().map(|at| (at, Some(first))));
        let last = points.last().and_then(|(_, value)| *value);
        points.push((end, last));
        line(&name, Role::Wanted, Shape::Steps, points)
    });
    finished.collect()
}

/// What an autoscaler wanted when a wait for it ended.
fn decided(run: &LabRun) -> Vec<Line> {
    let points: Vec<_> = run
        .plan
        .steps
        .iter()
        .filter(|step| matches!(&step.operation, Operation::Wait(Condition::Object { .. })))
        .filter_map(|step| {
            let ended = run.ended(step)?;
            let wanted = ended.result.pointer("/value/status/desiredReplicas").and_then(Value::as_f64)?;
            Some((ended.at, Some(wanted)))
        })
        .collect();
    if points.is_empty() { Vec::new() } else { vec![line("desired", Role::Gain, Shape::Line, points)] }
}

/// Ready pods as waits told them.
fn ready(run: &LabRun) -> Vec<Line> {
    let told = run.events.iter().filter_map(|one| match &one.event {
        LabEvent::Doing { what } => Some((one.seconds, Some(count(what.strip_prefix("waiting: ")?)?))),
        LabEvent::StepEnded { result, .. } => Some((one.seconds, Some(count(result["observed"].as_str()?)?))),
        _ => None,
    });
    let points: Vec<_> = told.collect();
    if points.is_empty() { Vec::new() } else { vec![line("ready", Role::Baseline, Shape::Line, points)] }
}

/// The ready pods in words such as `1 of 2 pods ready`.
fn count(words: &str) -> Option<f64> {
    let (ready, all) = words.strip_suffix(" pods ready")?.split_once(" of ")?;
    all.parse::<u32>().ok()?;
    ready.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_counts_of_pods_are_taken() {
        assert_eq!(count("1 of 2 pods ready"), Some(1.0));
        for other in ["Deployment/a: 1 of 2 pods ready", "x of 2 pods ready", "1 of 2 pods", ""] {
            assert_eq!(count(other), None, "{other}");
        }
    }
}
