//! A canary run as a story.

mod evidence;
mod head;
mod latency;
mod measures;
mod plan;
mod repeat;
mod timeline;
mod traffic;
mod undo;

use kubsets_report::{API_VERSION, Story};

use super::CanaryRecord;

pub(crate) use repeat::line as repeat_command;

/// Tells a canary run.
pub(super) fn story(record: &CanaryRecord) -> Story {
    let sections = [
        head::expectations(record),
        Some(evidence::section(record)),
        Some(traffic::section(record)),
        Some(latency::section(record)),
        undo::section(record),
        Some(super::generator::chapter(record.load.as_ref())),
        Some(plan::section(record)),
        Some(plan::environment(record)),
    ];
    Story {
        api_version: API_VERSION.to_owned(),
        run: record.plan.run.to_string(),
        title: head::title(record),
        question: repeat::lab(&record.plan).map(|lab| lab.spec.question.trim().to_owned()),
        started_at: record.events.first().map(|first| first.at.clone()),
        seconds: Some(record.seconds()),
        verdict: head::verdict(record),
        reason: head::reason(record),
        numbers: head::numbers(record),
        commands: repeat::commands(record),
        timeline: timeline::timeline(record),
        sections: sections.into_iter().flatten().collect(),
        measures: measures::measures(record),
    }
}

/// Stable and canary with their versions, as lines are called.
fn sides(record: &CanaryRecord) -> [String; 2] {
    let named = |side: &str, version: Option<&str>| match version {
        Some(version) => format!("{side} {version}"),
        None => side.to_owned(),
    };
    [named("stable", record.stable_version()), named("canary", record.canary_version())]
}
