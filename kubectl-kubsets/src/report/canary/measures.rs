//! Numbers that two canary runs are compared by.

use kubsets_judge::Interval;
use kubsets_report::{Better, Measure, Role, Unit};

use super::latency;
use crate::report::CanaryRecord;
use crate::report::pieces::{measure, percent_of};

pub(super) fn measures(record: &CanaryRecord) -> Vec<Measure> {
    [times(record), errors(record), latencies(record), evidence(record)].concat()
}

fn fact(group: &str, name: &str, unit: Unit, value: Option<f64>) -> Measure {
    measure(group, name, unit, Better::Neither, value)
}

/// A number that should be low.
fn cost(group: &str, name: &str, unit: Unit, value: Option<f64>) -> Measure {
    measure(group, name, unit, Better::Lower, value)
}

fn times(record: &CanaryRecord) -> Vec<Measure> {
    const GROUP: &str = "Times";
    let outcome = record.outcome.as_ref();
    let undo = outcome.and_then(|outcome| outcome.undo.as_ref());
    let moved = outcome.is_some_and(|outcome| !outcome.switches.is_empty());
    let given_back = undo.filter(|_| moved).map(|undo| undo.api_ms);
    let verdict = outcome.and_then(|outcome| outcome.seconds_to_verdict);
    let in_step = outcome.and_then(|outcome| outcome.seconds_in_step);
    vec![
        fact(GROUP, "in all", Unit::Seconds, Some(record.seconds())),
        fact(GROUP, "first shift to verdict", Unit::Seconds, verdict),
        fact(GROUP, "step to verdict", Unit::Seconds, in_step),
        fact(GROUP, "steps begun", Unit::Count, outcome.map(|outcome| outcome.steps.len() as f64)),
        cost(GROUP, "weights given back", Unit::Milliseconds, given_back),
        cost(GROUP, "removed and compared", Unit::Milliseconds, undo.map(|undo| undo.total_ms)),
    ]
}

fn errors(record: &CanaryRecord) -> Vec<Measure> {
    const GROUP: &str = "Errors";
    let outcome = record.outcome.as_ref();
    let totals = outcome.map(|outcome| &outcome.totals);
    let share = |name: &str, requests: Option<(u64, u64)>| {
        let share = requests.and_then(|(failed, all)| percent_of(failed, all));
        cost(GROUP, name, Unit::Percent, None).estimated(share)
    };
    // A number of requests is as sure as its share of those that were sent.
    let of_planned = |name: &str, count: Option<u64>| {
        let planned = totals.map_or(0, |totals| totals.planned);
        let share = count.and_then(|count| Interval::of_share(count, planned));
        let number = share.map(|share| share.times(planned as f64));
        cost(GROUP, name, Unit::Requests, None).estimated(number)
    };
    vec![
        of_planned("failed for users", totals.map(|totals| totals.failed_for_users)),
        share("canary", totals.map(|totals| (totals.canary_failed, totals.canary))),
        share("stable", totals.map(|totals| (totals.stable_failed, totals.stable))),
        of_planned("dropped by moving traffic", outcome.map(|outcome| outcome.dropped_by_switching)),
        fact(GROUP, "requests planned", Unit::Requests, totals.map(|totals| totals.planned as f64)),
    ]
}

fn latencies(record: &CanaryRecord) -> Vec<Measure> {
    let versions = latency::versions(record);
    let mut all = Vec::new();
    for (role, side) in [(Role::Candidate, "canary"), (Role::Baseline, "stable")] {
        let found = versions.iter().find(|(one, _)| *one == role).map(|(_, series)| *series);
        for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            let interval = found.and_then(|series| series.interval(share));
            all.push(
                cost("Latency", &format!("{side} {name}"), Unit::Milliseconds, None).estimated(interval),
            );
        }
        let slowest = found.map(|series| series.corrected).filter(|all| all.count > 0).map(|all| all.max);
        all.push(cost("Latency", &format!("{side} max"), Unit::Milliseconds, slowest));
    }
    all
}

fn evidence(record: &CanaryRecord) -> Vec<Measure> {
    const GROUP: &str = "Evidence";
    let outcome = record.outcome.as_ref();
    let evidence = outcome.and_then(|outcome| outcome.evidence.as_ref());
    let share = outcome.and_then(|outcome| outcome.steps.last()).map(|step| &step.share);
    let share = share.filter(|share| share.total > 0);
    let needed = Some(1.0 / record.plan.judge.alpha);
    vec![
        fact(GROUP, "canary is worse", Unit::Evidence, evidence.map(|evidence| evidence.fail)),
        fact(GROUP, "needed to roll back", Unit::Evidence, needed),
        fact(GROUP, "canary is below the limit", Unit::Evidence, evidence.map(|evidence| evidence.pass)),
        fact(GROUP, "share in the last step", Unit::Percent, share.map(|share| share.percent)),
        fact(GROUP, "share ordered in it", Unit::Percent, share.map(|share| share.target_percent)),
    ]
}
