//! Lines, bars, and the shapes that tell them apart without colour.

use maud::{Markup, html};

use super::axis::Axis;
use super::path::{Path, n};
use super::thin;
use crate::story::{Line, Role, Shape};

/// Most points of a line in a drawing.
const MOST_POINTS: usize = 1_200;

/// Class of a role in the style sheet.
pub(crate) fn class(role: Role) -> &'static str {
    match role {
        Role::Baseline => "baseline",
        Role::Candidate => "candidate",
        Role::Wanted => "wanted",
        Role::Harm => "harm",
        Role::Gain => "gain",
        Role::Other => "other",
    }
}

/// The shape of a role: circle, triangle, square, diamond, cross; what was ordered has none but a dashed line.
fn marker(role: Role, x: f64, y: f64, size: f64) -> Path {
    let mut path = Path::default();
    match role {
        Role::Baseline => {
            path.command('M', &[x - size, y]).command('a', &[size, size, 0.0, 1.0, 0.0, 2.0 * size, 0.0]);
            path.command('a', &[size, size, 0.0, 1.0, 0.0, -2.0 * size, 0.0]).close();
        }
        Role::Candidate => {
            let size = size * 1.25;
            path.command('M', &[x, y - size]).command('l', &[size, 1.8 * size]).command('h', &[-2.0 * size]);
            path.close();
        }
        Role::Harm => path.rectangle(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8),
        Role::Gain => {
            let size = size * 1.3;
            path.command('M', &[x, y - size]).command('l', &[size, size]).command('l', &[-size, size]);
            path.command('l', &[-size, -size]).close();
        }
        Role::Other => {
            path.command('M', &[x - size, y - size]).command('l', &[2.0 * size, 2.0 * size]);
            path.command('m', &[0.0, -2.0 * size]).command('l', &[-2.0 * size, 2.0 * size]);
        }
        Role::Wanted => {}
    }
    path
}

/// The sign of a line in a legend.
pub(crate) fn key(role: Role, shape: Shape) -> Markup {
    let class = class(role);
    html! {
        svg.key viewBox="0 0 22 12" aria-hidden="true" {
            @if shape == Shape::Bars {
                path class={ "bar " (class) } d="M5 1h12v10h-12z" {}
            } @else {
                path class={ "line " (class) } d="M0 6H22" {}
                path class={ "dot " (class) } d=(marker(role, 11.0, 6.0, 3.0).into_text()) {}
            }
        }
    }
}

/// Patterns of bars, once in a page.
pub(crate) fn shapes() -> Markup {
    html! {
        svg.defs width="0" height="0" aria-hidden="true" {
            defs {
                pattern #stripes width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    path.tint-candidate d="M0 0h5v5h-5z" {}
                    path.ink-candidate d="M0 0h2.6v5h-2.6z" {}
                }
                pattern #grid width="4" height="4" patternUnits="userSpaceOnUse" {
                    path.tint-harm d="M0 0h4v4h-4z" {}
                    path.ink-harm d="M0 0h4v1.6h-4zM0 0h1.6v4h-1.6z" {}
                }
            }
        }
    }
}

/// A line with its interval.
pub(super) fn line(line: &Line, x: &Axis, y: &Axis) -> Markup {
    let points = thin::points(&line.points, MOST_POINTS);
    let mut path = Path::default();
    let mut drawing = false;
    for (at, value) in points.iter() {
        let Some(value) = value else {
            drawing = false;
            continue;
        };
        let (px, py) = (x.at(*at), y.at(*value));
        match (drawing, line.shape) {
            (false, _) => path.command('M', &[px, py]),
            (true, Shape::Steps) => path.command('H', &[px]).command('V', &[py]),
            (true, _) => path.command('L', &[px, py]),
        };
        drawing = true;
    }
    let class = class(line.role);
    html! {
        @if !line.band.is_empty() { path class={ "band " (class) } d=(band(line, x, y)) {} }
        path class={ "line " (class) } d=(path.into_text()) {}
        path class={ "dot " (class) } d=(markers(line.role, &points, x, y)) {}
    }
}

/// About eight shapes along a line, and one on each point that stands alone.
fn markers(role: Role, points: &[(f64, Option<f64>)], x: &Axis, y: &Axis) -> String {
    let every = (points.len() / 8).max(1);
    let alone = |index: usize| {
        let gap = |index: Option<usize>| index.and_then(|i| points.get(i)).is_none_or(|(_, v)| v.is_none());
        gap(index.checked_sub(1)) && gap(Some(index + 1))
    };
    let mut text = String::new();
    for (index, (at, value)) in points.iter().enumerate() {
        let Some(value) = value else { continue };
        if index % every == every / 2 || alone(index) {
            text.push_str(&marker(role, x.at(*at), y.at(*value), 2.7).into_text());
        }
    }
    text
}

fn band(line: &Line, x: &Axis, y: &Axis) -> String {
    let mut path = Path::default();
    let every = line.band.len().div_ceil(MOST_POINTS).max(1);
    let band: Vec<_> = line.band.iter().step_by(every).collect();
    let gaps: Vec<f64> = line.points.iter().filter(|(_, value)| value.is_none()).map(|(x, _)| *x).collect();
    let apart = |one: f64, next: f64| {
        gaps.get(gaps.partition_point(|gap| *gap <= one)).is_some_and(|gap| *gap < next)
    };
    for part in band.chunk_by(|one, next| !apart(one.x, next.x)) {
        for (place, one) in part.iter().enumerate() {
            path.command(if place == 0 { 'M' } else { 'L' }, &[x.at(one.x), y.at(one.high)]);
        }
        for one in part.iter().rev() {
            path.command('L', &[x.at(one.x), y.at(one.low)]);
        }
        path.close();
    }
    path.into_text()
}

/// Bars of several lines on top of each other; each one ends at its x.
pub(super) fn bars(lines: &[&Line], x: &Axis, y: &Axis, pixels: f64) -> Markup {
    let mut floors: Vec<f64> = Vec::new();
    html! {
        @for line in lines {
            @let (width, points) = thin::bars(&line.points, (pixels / 2.5) as usize);
            path class={ "bar " (class(line.role)) } d=(pile(&points, width, &mut floors, (x, y))) {}
        }
    }
}

fn pile(points: &[(f64, Option<f64>)], width: f64, floors: &mut Vec<f64>, (x, y): (&Axis, &Axis)) -> String {
    let mut path = Path::default();
    floors.resize(floors.len().max(points.len()), 0.0);
    for ((at, value), floor) in points.iter().zip(floors) {
        let value = value.unwrap_or(0.0);
        if value <= 0.0 {
            continue;
        }
        let (left, right) = (x.at(at - width), x.at(*at));
        let gap = if right - left > 3.0 { 0.5 } else { 0.0 };
        let (top, bottom) = (y.at(*floor + value), y.at(*floor));
        path.rectangle(left + gap, top, (right - left - 2.0 * gap).max(0.8), bottom - top);
        *floor += value;
    }
    path.into_text()
}

/// A dashed line across at a value, with its name on it.
pub(super) fn limit(name: &str, at: f64, (left, right): (f64, f64)) -> Markup {
    html! {
        path.limit d={ "M" (n(left)) " " (n(at)) "H" (n(right)) } {}
        text.limit-name x=(n(right - 4.0)) y=(n(at - 4.0)) text-anchor="end" { (name) }
    }
}
