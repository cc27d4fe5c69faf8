//! Pieces of a story that every adapter needs.

use kubsets_judge::Interval;
use kubsets_load::Spread;
use kubsets_report::{
    Axis, Better, Block, Chart, Extent, HeatColumn, HeatMap, Lane, Line, Mark, Measure, Number, Role, Scale,
    Section, Shape, Tone, Unit,
};

/// Roles of several of a kind in one chart: loads, versions.
const ROLES: [Role; 4] = [Role::Baseline, Role::Candidate, Role::Gain, Role::Other];

/// Role of the one at this place, from 0.
pub(super) fn role_at(place: usize) -> Role {
    ROLES[place % ROLES.len()]
}

pub(super) fn section(title: &str, intro: &str, blocks: Vec<Block>) -> Section {
    Section { title: title.to_owned(), intro: intro.to_owned(), blocks }
}

/// A chart over the seconds of a run.
pub(super) fn chart(id: &str, title: &str, note: &str, unit: Unit, lines: Vec<Line>) -> Chart {
    Chart {
        id: id.to_owned(),
        title: title.to_owned(),
        note: note.to_owned(),
        extent: Extent::Time,
        axis: Axis { unit, ..Axis::default() },
        lines,
        limits: Vec::new(),
    }
}

pub(super) fn line(name: &str, role: Role, shape: Shape, points: Vec<(f64, Option<f64>)>) -> Line {
    Line { name: name.to_owned(), role, shape, points, band: Vec::new() }
}

/// One sentence with a capital and a full stop.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.trim().trim_end_matches('.').chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// A chart of latencies in milliseconds over the seconds of a run.
pub(super) fn latency_chart(id: &str, title: &str, note: &str, lines: Vec<Line>) -> Chart {
    let mut chart = chart(id, title, note, Unit::Milliseconds, lines);
    chart.axis.scale = Scale::Log;
    chart
}

/// How latencies were spread: the end of each second on the run's clock, and its spread. Empty ones are left out.
pub(super) fn heat_map<'a>(
    name: &str,
    role: Role,
    seconds: impl Iterator<Item = (f64, &'a Spread)>,
) -> HeatMap {
    let column = |(x, spread): (f64, &Spread)| HeatColumn {
        x,
        cells: spread.buckets().iter().map(|(bucket, count)| (usize::from(*bucket), *count)).collect(),
    };
    HeatMap {
        name: name.to_owned(),
        role,
        unit: Unit::Milliseconds,
        bounds: Spread::bounds_ms(),
        columns: seconds.filter(|(_, spread)| !spread.is_empty()).map(column).collect(),
        limits: Vec::new(),
    }
}

/// Lanes that have something in them.
pub(super) fn filled(lanes: impl IntoIterator<Item = Lane>) -> Vec<Lane> {
    lanes.into_iter().filter(|lane| !lane.spans.is_empty() || !lane.marks.is_empty()).collect()
}

pub(super) fn mark(at: f64, label: impl Into<String>, tone: Tone) -> Mark {
    Mark { at, label: label.into(), tone }
}

pub(super) fn number(label: &str, value: String, note: String, tone: Tone) -> Number {
    Number { label: label.to_owned(), value, note, tone }
}

pub(super) fn good_if(good: bool) -> Tone {
    if good { Tone::Good } else { Tone::Bad }
}

/// A number of things as it is written.
pub(super) fn count(value: u64) -> String {
    Unit::Count.text(value as f64)
}

/// A value to compare runs by; one that is no number counts as missing.
pub(super) fn measure(group: &str, name: &str, unit: Unit, better: Better, value: Option<f64>) -> Measure {
    Measure {
        group: group.to_owned(),
        name: name.to_owned(),
        value: value.filter(|value| value.is_finite()),
        unit,
        better,
        range: None,
    }
}

/// A share of requests in percent, with its interval.
pub(super) fn percent_of(part: u64, total: u64) -> Option<Interval> {
    Interval::of_share(part, total).map(|share| share.times(100.0))
}
