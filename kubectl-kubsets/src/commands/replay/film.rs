//! A record as a picture that moves, for a page: docs/canary.svg is one.

use std::path::Path;

use super::pace::Timed;
use super::recording::Recording;
use super::title;
use crate::ui::tui::{CanaryView, Facts, Film, LabFacts, LabView, Picture, speed_for};

/// The live picture of a recorded run as an SVG, fast enough to be watched.
///
/// # Errors
/// When the record cannot be read.
pub(crate) fn svg(folder: &Path) -> anyhow::Result<String> {
    Ok(match Recording::read(folder)? {
        Recording::Lab(records) if !Recording::has_a_canary(&records) => {
            film(|speed| LabView::new(LabFacts::default()).replayed(speed), records).svg("lab run")
        }
        recording => {
            let records = recording.canary();
            let title = title(&records);
            let facts = Facts { title: title.clone(), ..Facts::default() };
            film(|speed| CanaryView::new(facts).replayed(speed), records).svg(&format!("canary run {title}"))
        }
    })
}

fn film<P: Picture<Event: Timed>>(view: impl FnOnce(f64) -> P, records: Vec<P::Event>) -> Film {
    let speed = speed_for(records.last().map_or(0.0, Timed::seconds));
    let events: Vec<_> = records.into_iter().map(|record| (record.seconds(), record)).collect();
    Film::of(view(speed), &events, speed)
}
