//! A canary run as a story.

mod evidence;
mod head;
mod latency;
mod load;
mod measures;
mod plan;
mod repeat;
mod timeline;
mod traffic;
mod undo;

use kubsets_report::{API_VERSION, Block, Line, Role, Section, Shape, Story};

use super::CanaryRecord;

/// Tells a canary run.
pub(super) fn story(record: &CanaryRecord) -> Story {
    let sections = [
        head::expectations(record),
        Some(evidence::section(record)),
        Some(traffic::section(record)),
        Some(latency::section(record)),
        undo::section(record),
        Some(load::section(record)),
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

fn section(title: &str, intro: &str, blocks: Vec<Block>) -> Section {
    Section { title: title.to_owned(), intro: intro.to_owned(), blocks }
}

fn line(name: &str, role: Role, shape: Shape, points: Vec<(f64, Option<f64>)>) -> Line {
    Line { name: name.to_owned(), role, shape, points, band: Vec::new() }
}

/// Stable and canary with their versions, as lines are called.
fn sides(record: &CanaryRecord) -> [String; 2] {
    let named = |side: &str, version: Option<&str>| match version {
        Some(version) => format!("{side} {version}"),
        None => side.to_owned(),
    };
    [named("stable", record.stable_version()), named("canary", record.canary_version())]
}
