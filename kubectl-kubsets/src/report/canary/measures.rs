//! Numbers that two canary runs are compared by.

use kubsets_report::{Better, Measure, Role, Unit};

use super::latency;
use crate::report::CanaryRecord;

pub(super) fn measures(record: &CanaryRecord) -> Vec<Measure> {
    let outcome = record.outcome.as_ref();
    let measure = |group: &str, name: &str, unit, better, value: Option<f64>| Measure {
        group: group.to_owned(),
        name: name.to_owned(),
        value: value.filter(|value| value.is_finite()),
        unit,
        better,
    };
    let undo = outcome.and_then(|outcome| outcome.undo.as_ref());
    let moved = outcome.is_some_and(|outcome| !outcome.switches.is_empty());
    let mut all = vec![
        measure("Times", "in all", Unit::Seconds, Better::Neither, Some(record.seconds())),
        measure(
            "Times",
            "first shift to verdict",
            Unit::Seconds,
            Better::Neither,
            outcome.and_then(|one| one.seconds_to_verdict),
        ),
        measure(
            "Times",
            "step to verdict",
            Unit::Seconds,
            Better::Neither,
            outcome.and_then(|one| one.seconds_in_step),
        ),
        measure(
            "Times",
            "steps begun",
            Unit::Count,
            Better::Neither,
            outcome.map(|one| one.steps.len() as f64),
        ),
        measure(
            "Times",
            "weights given back",
            Unit::Milliseconds,
            Better::Lower,
            undo.filter(|_| moved).map(|undo| undo.api_ms),
        ),
        measure(
            "Times",
            "removed and compared",
            Unit::Milliseconds,
            Better::Lower,
            undo.map(|undo| undo.total_ms),
        ),
    ];
    let totals = outcome.map(|outcome| &outcome.totals);
    let rate = |failed: u64, all: u64| (all > 0).then(|| failed as f64 / all as f64 * 100.0);
    all.extend([
        measure(
            "Errors",
            "failed for users",
            Unit::Requests,
            Better::Lower,
            totals.map(|one| one.failed_for_users as f64),
        ),
        measure(
            "Errors",
            "canary",
            Unit::Percent,
            Better::Lower,
            totals.and_then(|one| rate(one.canary_failed, one.canary)),
        ),
        measure(
            "Errors",
            "stable",
            Unit::Percent,
            Better::Lower,
            totals.and_then(|one| rate(one.stable_failed, one.stable)),
        ),
        measure(
            "Errors",
            "dropped by moving traffic",
            Unit::Requests,
            Better::Lower,
            outcome.map(|one| one.dropped_by_switching as f64),
        ),
        measure(
            "Errors",
            "requests planned",
            Unit::Requests,
            Better::Neither,
            totals.map(|one| one.planned as f64),
        ),
    ]);
    let versions = latency::versions(record);
    for (role, side) in [(Role::Candidate, "canary"), (Role::Baseline, "stable")] {
        let found = versions.iter().find(|(one, _)| *one == role).map(|(_, series)| series.corrected);
        let found = found.filter(|percentiles| percentiles.count > 0);
        for (name, value) in [
            ("p50", found.map(|one| one.p50)),
            ("p90", found.map(|one| one.p90)),
            ("p99", found.map(|one| one.p99)),
            ("max", found.map(|one| one.max)),
        ] {
            all.push(measure("Latency", &format!("{side} {name}"), Unit::Milliseconds, Better::Lower, value));
        }
    }
    let evidence = outcome.and_then(|outcome| outcome.evidence.as_ref());
    let share = outcome
        .and_then(|outcome| outcome.steps.last())
        .map(|step| &step.share)
        .filter(|share| share.total > 0);
    all.extend([
        measure("Evidence", "canary is worse", Unit::Evidence, Better::Neither, evidence.map(|one| one.fail)),
        measure(
            "Evidence",
            "needed to roll back",
            Unit::Evidence,
            Better::Neither,
            Some(1.0 / record.plan.judge.alpha),
        ),
        measure(
            "Evidence",
            "canary is below the limit",
            Unit::Evidence,
            Better::Neither,
            evidence.map(|one| one.pass),
        ),
        measure(
            "Evidence",
            "share in the last step",
            Unit::Percent,
            Better::Neither,
            share.map(|one| one.percent),
        ),
        measure(
            "Evidence",
            "share ordered in it",
            Unit::Percent,
            Better::Neither,
            share.map(|one| one.target_percent),
        ),
    ]);
    all
}
