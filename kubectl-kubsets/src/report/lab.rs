//! A lab run as a story.

mod canary;
mod head;
mod load;
mod measures;
mod outcome;
mod plan;
mod record;
mod replicas;
mod timeline;

use kubsets_report::{API_VERSION, Story};

pub(crate) use record::LabRun;

/// Tells a lab run.
pub(super) fn story(run: &LabRun) -> Story {
    let loads = load::loads(run);
    let mut sections = vec![outcome::expectations(run), outcome::steps(run), load::section(&loads)];
    sections.extend(run.canaries.iter().flat_map(canary::sections).map(Some));
    sections.extend([
        outcome::steady(run),
        outcome::evidence(run),
        outcome::undo(run),
        Some(plan::chapter(run)),
        Some(plan::environment(run)),
    ]);
    Story {
        api_version: API_VERSION.to_owned(),
        run: run.name.clone(),
        title: head::title(run),
        question: Some(run.plan.question.clone()),
        started_at: run.events.first().map(|first| first.at.clone()),
        seconds: Some(run.seconds()),
        verdict: head::verdict(run),
        reason: head::reason(run),
        numbers: head::numbers(run, &loads),
        commands: head::commands(run),
        timeline: timeline::timeline(run, &loads),
        sections: sections.into_iter().flatten().collect(),
        measures: measures::measures(run, &loads),
    }
}
