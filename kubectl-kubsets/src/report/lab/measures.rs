//! Numbers that two lab runs are compared by.

use kubsets_report::{Better, Measure, Unit};

use super::LabRun;
use super::load::LoadSeen;
use crate::report::pieces::{measure, percent_of};

pub(super) fn measures(run: &LabRun, loads: &[LoadSeen<'_>]) -> Vec<Measure> {
    let outcome = run.outcome.as_ref();
    let held = outcome.map(|one| one.expectations.iter().filter(|one| one.held).count() as f64);
    let undo = outcome.and_then(|one| one.undo.as_ref());
    let mut all = vec![
        measure("Outcome", "expectations held", Unit::Count, Better::Higher, held).exact(),
        measure(
            "Outcome",
            "objects not as before",
            Unit::Count,
            Better::Lower,
            undo.map(|undo| undo.different().count() as f64),
        )
        .exact(),
        measure("Times", "in all", Unit::Seconds, Better::Neither, Some(run.seconds())),
        measure("Times", "undo", Unit::Seconds, Better::Lower, undo.map(|undo| undo.seconds)),
    ];
    for step in &run.plan.steps {
        let took = run.began(step).zip(run.ended(step)).map(|(began, ended)| ended.at - began);
        all.push(measure("Steps", &step.name, Unit::Seconds, Better::Neither, took));
    }
    for load in loads {
        let (planned, ok) = load.planned_and_ok();
        let name = |what: &str| format!("{}: {what}", load.name);
        all.extend([
            measure("Load", &name("requests planned"), Unit::Requests, Better::Neither, Some(planned as f64)),
            measure("Load", &name("availability"), Unit::Percent, Better::Higher, None)
                .estimated(percent_of(ok, planned)),
            measure(
                "Load",
                &name("longest outage"),
                Unit::Seconds,
                Better::Lower,
                load.figure("longestOutageSeconds"),
            ),
        ]);
        for (what, figure) in [("p50", "p50Ms"), ("p99", "p99Ms")] {
            let one = measure("Load", &name(what), Unit::Milliseconds, Better::Lower, load.figure(figure));
            all.push(Measure { range: load.range(figure), ..one });
        }
    }
    all
}
