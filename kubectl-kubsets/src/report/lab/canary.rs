//! The story of a canary that was a step of a lab, on the lab's clock.

use kubsets_report::{Block, Chart, Extent, Lane, Section, Story, Tone};

use super::record::CanaryStep;
use crate::report::canary as alone;
use crate::report::pieces::{filled, section};

/// Chapters that the lab has itself.
const OF_THE_LAB: [&str; 2] = ["What the lab expects", "Versions and environment"];

fn story(canary: &CanaryStep) -> Option<Story> {
    canary.record.as_ref().map(alone::story)
}

/// Its verdict and its chapters.
pub(super) fn sections(canary: &CanaryStep) -> Vec<Section> {
    let title = |what: &str| format!("Canary {}: {what}", canary.run);
    let Some(story) = story(canary) else {
        let words = "Its own record is not beside the lab's, so that there is no more to tell of it.";
        return vec![section(&title("no record"), "", vec![Block::Text(words.into())])];
    };
    let verdict = format!("{}, {}: {}", story.verdict.word, story.verdict.meaning, story.reason);
    let mut sections = vec![section(&title(&story.title), "", vec![Block::Text(verdict)])];
    let own = story.sections.into_iter().filter(|one| !OF_THE_LAB.contains(&one.title.as_str()));
    sections.extend(own.map(|mut one| {
        one.title = title(&one.title);
        for block in &mut one.blocks {
            later(block, canary.began);
        }
        one
    }));
    sections
}

/// What happened in it.
pub(super) fn lanes(canary: &CanaryStep) -> Vec<Lane> {
    let Some(story) = story(canary) else { return Vec::new() };
    let mut lanes = story.timeline.lanes;
    for lane in &mut lanes {
        lane.name = format!("canary {}", lane.name);
        for span in &mut lane.spans {
            span.from += canary.began;
            span.to += canary.began;
        }
        for mark in &mut lane.marks {
            mark.at += canary.began;
        }
    }
    let mut turns = story.timeline.turns;
    for turn in &mut turns {
        turn.at += canary.began;
    }
    turns.retain(|turn| turn.tone != Tone::Plain);
    lanes.push(Lane { name: "canary decision".to_owned(), spans: Vec::new(), marks: turns });
    filled(lanes)
}

/// Its charts over time.
pub(super) fn charts(canary: &CanaryStep) -> Vec<Chart> {
    let mut charts = story(canary).map(|story| story.timeline.charts).unwrap_or_default();
    for chart in &mut charts {
        chart.id = format!("canary-{}", chart.id);
        move_chart(chart, canary.began);
    }
    charts
}

/// Moves a block onto a clock that began `seconds` earlier.
fn later(block: &mut Block, seconds: f64) {
    match block {
        Block::Chart(chart) => {
            chart.id = format!("canary-{}", chart.id);
            move_chart(chart, seconds);
        }
        Block::HeatMaps(maps) => {
            for column in maps.iter_mut().flat_map(|map| &mut map.columns) {
                column.x += seconds;
            }
        }
        Block::Text(_) | Block::Listing { .. } | Block::Intervals(_) | Block::Table(_) => {}
    }
}

fn move_chart(chart: &mut Chart, seconds: f64) {
    if chart.extent != Extent::Time {
        return;
    }
    for line in &mut chart.lines {
        for (x, _) in &mut line.points {
            *x += seconds;
        }
        for band in &mut line.band {
            band.x += seconds;
        }
    }
}
