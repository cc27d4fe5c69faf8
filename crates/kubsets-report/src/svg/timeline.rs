//! The timeline: lanes and charts below each other on one clock.

use maud::{Markup, html};

use super::axis::Axis;
use super::frame::Frame;
use super::line::key;
use super::path::n;
use super::{Width, drawing};
use crate::story::{Chart, Lane, Mark, Scale, Span, Timeline, Tone, Unit};

/// Height of the row for the names of turns.
const TURNS: f64 = 32.0;
/// Height of a lane.
const LANE: f64 = 28.0;
/// Height of a heading above a lane on a phone, and above a chart everywhere.
const HEAD: f64 = 22.0;
/// Height of one more row of a legend.
const ROW: f64 = 17.0;
/// Height of a chart.
const PLOT: f64 = 92.0;
/// Width of a letter, about.
const LETTER: f64 = 6.3;

/// Draws a timeline.
pub(crate) fn timeline(timeline: &Timeline, width: Width) -> Markup {
    let (left, right) = (width.gutter(), width.pixels() - 14.0);
    let x = Axis::new(Scale::Linear, (0.0, timeline.seconds), (left, right));
    let mut top = TURNS;
    let mut content = Vec::new();
    for lane in &timeline.lanes {
        if width == Width::Narrow {
            content.push(html! { text.lane x="0" y=(n(top + 14.0)) { (lane.name) } });
            top += HEAD - 4.0;
        } else {
            content.push(html! {
                text.lane x=(n(left - 10.0)) y=(n(top + LANE / 2.0 + 3.0)) text-anchor="end" { (lane.name) }
            });
        }
        content.push(draw_lane(lane, &x, top, (left, right)));
        top += LANE;
    }
    top += 4.0;
    for chart in &timeline.charts {
        let (heading, height) = heading(chart, left, top, width);
        let frame = Frame { left, right, top: top + height, bottom: top + height + PLOT };
        content.push(html! { (heading) (frame.plot(chart, &x)) });
        top = frame.bottom + 12.0;
    }
    let bottom = top;
    let frame = Frame { left, right, top: TURNS, bottom };
    let content = html! {
        (frame.times(&x, TURNS))
        @for part in &content { (part) }
        (turns(&timeline.turns, &x, bottom, (left, right)))
    };
    drawing(width, bottom + 24.0, "Timeline of the run", Some((left, right, timeline.seconds)), &content)
}

/// Title and legend of a chart in the timeline, in as many rows as they need, and their height.
fn heading(chart: &Chart, left: f64, top: f64, width: Width) -> (Markup, f64) {
    let unit = chart.axis.unit.name();
    let title = if unit.is_empty() { chart.title.clone() } else { format!("{}, {unit}", chart.title) };
    let start = if width == Width::Narrow { 0.0 } else { left };
    let mut at = start + title.chars().count() as f64 * (LETTER + 1.4) + 18.0;
    let mut row = top;
    let mut keys = Vec::new();
    for line in &chart.lines {
        let room = line.name.chars().count() as f64 * LETTER + 40.0;
        if at + room > width.pixels() + 14.0 {
            at = start;
            row += ROW;
        }
        keys.push(html! {
            svg x=(n(at)) y=(n(row + 4.0)) width="22" height="12" { (key(line.role, line.shape)) }
            text.legend x=(n(at + 27.0)) y=(n(row + 14.0)) { (line.name) }
        });
        at += room;
    }
    let content = html! {
        text.panel x=(n(start)) y=(n(top + 14.0)) { (title) }
        @for key in &keys { (key) }
    };
    (content, row - top + HEAD)
}

fn draw_lane(lane: &Lane, x: &Axis, top: f64, (left, right): (f64, f64)) -> Markup {
    html! {
        path.grid d={ "M" (n(left)) " " (n(top + LANE)) "H" (n(right)) } {}
        @for span in &lane.spans { (draw_span(span, x, top)) }
        @for (mark, more) in together(&lane.marks, x) {
            @let at = x.at(mark.at);
            g class={ "mark " (tone(mark.tone)) } {
                title { (Unit::Seconds.text(mark.at)) ": " (mark.label) @for other in &more { "; " (other.label) } }
                path d={ "M" (n(at)) " " (n(top + 7.0)) "l5 7l-5 7l-5 -7z" } {}
                @if !more.is_empty() {
                    text.tick x=(n(at + 8.0)) y=(n(top + LANE / 2.0 + 3.5)) { "×" (more.len() + 1) }
                }
            }
        }
    }
}

fn draw_span(span: &Span, x: &Axis, top: f64) -> Markup {
    let (from, to) = (x.at(span.from), x.at(span.to));
    let width = (to - from).max(2.0);
    let sign = span.tone.sign();
    let label = if sign.is_empty() { span.label.clone() } else { format!("{sign} {}", span.label) };
    let room = ((width - 8.0) / LETTER).floor().max(0.0) as usize;
    let label = if label.chars().count() <= room { label } else { span.label.clone() };
    let length = Unit::Seconds.text(span.to - span.from);
    html! {
        g class={ "span " (tone(span.tone)) } {
            title { (span.label) ", " (length) @if !span.detail.is_empty() { ": " (span.detail) } }
            rect x=(n(from + 0.5)) y=(n(top + 4.0)) width=(n((width - 1.0).max(1.5))) height=(n(LANE - 8.0)) rx="3" {}
            @if label.chars().count() <= room {
                text x=(n(from + width / 2.0)) y=(n(top + LANE / 2.0 + 4.0)) text-anchor="middle" { (label) }
            }
        }
    }
}

/// Marks that would cover each other become one.
fn together<'a>(marks: &'a [Mark], x: &Axis) -> Vec<(&'a Mark, Vec<&'a Mark>)> {
    let mut groups: Vec<(&Mark, Vec<&Mark>)> = Vec::new();
    for mark in marks {
        match groups.last_mut() {
            Some((first, more)) if x.at(mark.at) - x.at(first.at) < 14.0 => more.push(mark),
            _ => groups.push((mark, Vec::new())),
        }
    }
    groups
}

/// A turn with its pixel, its row of names, and the middle of its name where there is room for it.
type Placed<'a> = (&'a Mark, f64, usize, Option<f64>);

/// Names of turns go into two rows; one that would cover another is left to the tooltip.
fn placed<'a>(turns: &'a [Mark], x: &Axis, (left, right): (f64, f64)) -> Vec<Placed<'a>> {
    let mut ends = [f64::MIN; 2];
    let place = |turn: &'a Mark| {
        let at = x.at(turn.at);
        let half = named(turn).chars().count() as f64 * LETTER / 2.0;
        let middle = at.max(left + half - 40.0).min(right - half);
        let row = usize::from(middle - half < ends[0]);
        let free = middle - half >= ends[row];
        if free {
            ends[row] = middle + half + 8.0;
        }
        (turn, at, row, free.then_some(middle))
    };
    turns.iter().map(place).collect()
}

fn named(turn: &Mark) -> String {
    [turn.tone.sign(), &turn.label].join(" ").trim().to_owned()
}

/// Moments drawn through everything, their names above.
fn turns(turns: &[Mark], x: &Axis, bottom: f64, plot: (f64, f64)) -> Markup {
    let placed = placed(turns, x, plot);
    html! {
        @for (turn, at, row, _) in &placed {
            g class={ "turn " (tone(turn.tone)) } {
                title { (Unit::Seconds.text(turn.at)) ": " (turn.label) }
                path d={ "M" (n(*at)) " " (n(14.0 + 14.0 * *row as f64)) "V" (n(bottom)) } {}
            }
        }
        @for (turn, _, row, name) in &placed {
            @let top = 14.0 * *row as f64;
            g class={ "turn " (tone(turn.tone)) } {
                @if let Some(middle) = name {
                    text x=(n(*middle)) y=(n(top + 10.0)) text-anchor="middle" { (named(turn)) }
                }
            }
        }
    }
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Warn => "warn",
        Tone::Plain => "plain",
    }
}
