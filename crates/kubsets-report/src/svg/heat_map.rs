//! Heat maps with common axes: time across, latency upwards, the darker the more requests.

use maud::{Markup, html};

use super::axis::Axis;
use super::frame::Frame;
use super::line::{class, limit};
use super::path::{Path, n};
use super::{Width, drawing};
use crate::story::{HeatMap, Scale};

/// Height of one map.
const HEIGHT: f64 = 150.0;
/// Steps of darkness.
pub(crate) const LEVELS: u32 = 7;

/// Draws maps below each other.
pub(crate) fn heat_maps(maps: &[HeatMap], seconds: f64, width: Width) -> Markup {
    let (left, right) = (width.gutter(), width.pixels() - 14.0);
    let Some((first, last)) = maps
        .iter()
        .filter_map(HeatMap::buckets)
        .reduce(|(low, high), (other_low, other_high)| (low.min(other_low), high.max(other_high)))
    else {
        return html! {};
    };
    let x = Axis::new(Scale::Linear, (0.0, seconds), (left, right));
    let most =
        maps.iter().flat_map(|map| &map.columns).flat_map(|column| &column.cells).map(|(_, n)| *n).max();
    let mut top = 0.0;
    let mut content = Vec::new();
    for map in maps {
        let frame = Frame { left, right, top: top + 22.0, bottom: top + 22.0 + HEIGHT };
        content.push(html! {
            text.panel x=(n(if width == Width::Narrow { 0.0 } else { left })) y=(n(top + 14.0)) {
                (map.name) ", " (map.unit.name())
            }
            (draw(map, (first, last), most.unwrap_or(1), (&frame, &x)))
        });
        top = frame.bottom + 10.0;
    }
    let frame = Frame { left, right, top: 0.0, bottom: top };
    let content = html! {
        @for part in &content { (part) }
        (frame.times(&x, top))
    };
    drawing(width, top + 24.0, "Latency heat maps", Some((left, right, seconds)), &content)
}

fn draw(map: &HeatMap, (first, last): (usize, usize), most: u64, (frame, x): (&Frame, &Axis)) -> Markup {
    let rows = (last - first + 1) as f64;
    let row = (frame.bottom - frame.top) / rows;
    let bottom_of = |bucket: usize| frame.bottom - (bucket - first) as f64 * row;
    let mut paths: Vec<Path> = (0..LEVELS).map(|_| Path::default()).collect();
    for Column { from, to, cells } in columns(map, x) {
        for (bucket, count) in cells {
            let path = &mut paths[level(count, most) as usize - 1];
            // A hair wider, so that neighbours do not show a seam.
            path.rectangle(from, bottom_of(bucket) - row, to - from + 0.2, row + 0.2);
        }
    }
    let pixel = |value: f64| {
        let at = place(map, value).filter(|at| (first as f64..=last as f64 + 1.0).contains(at))?;
        Some(frame.bottom - (at - first as f64) * row)
    };
    html! {
        rect.ground x=(n(frame.left)) y=(n(frame.top)) width=(n(frame.right - frame.left)) height=(n(HEIGHT)) {}
        @for power in -6..9 {
            @let value = 10_f64.powi(power);
            @if let Some(at) = pixel(value) {
                path.grid d={ "M" (n(frame.left)) " " (n(at)) "H" (n(frame.right)) } {}
                text.tick x=(n(frame.left - 6.0)) y=(n(at + 3.5)) text-anchor="end" { (map.unit.tick(value)) }
            }
        }
        @for (place, path) in paths.into_iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            path class={ "heat " (class(map.role)) " h" (place + 1) } d=(path.into_text()) {}
        }
        @for one in &map.limits {
            @if let Some(at) = pixel(one.value) { (limit(&one.name, at, frame.across())) }
        }
    }
}

/// A column in pixels.
struct Column {
    from: f64,
    to: f64,
    cells: Vec<(usize, u64)>,
}

/// The columns of a map; neighbours are added up where there are more than can be seen.
fn columns(map: &HeatMap, x: &Axis) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for column in &map.columns {
        let (from, to) = (x.at(column.x - 1.0), x.at(column.x));
        match columns.last_mut() {
            Some(last) if to - last.from < 4.0 => {
                last.to = to;
                for (bucket, count) in &column.cells {
                    match last.cells.iter_mut().find(|(other, _)| other == bucket) {
                        Some((_, sum)) => *sum += count,
                        None => last.cells.push((*bucket, *count)),
                    }
                }
            }
            _ => columns.push(Column { from, to, cells: column.cells.clone() }),
        }
    }
    columns
}

/// Darkness from 1 to [`LEVELS`], by powers, so that single slow requests are seen beside a full second.
fn level(count: u64, most: u64) -> u32 {
    let share = (count as f64).ln_1p() / (most.max(1) as f64).ln_1p();
    ((share * f64::from(LEVELS)).ceil() as u32).clamp(1, LEVELS)
}

/// Where a value lies among the buckets, as a number of buckets from below.
fn place(map: &HeatMap, value: f64) -> Option<f64> {
    let above = map.bounds.partition_point(|bound| *bound < value * (1.0 - 1e-9));
    let (low, high) = (map.bounds.get(above.checked_sub(1)?)?, map.bounds.get(above)?);
    Some(above as f64 + (value / low).ln() / (high / low).ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{HeatColumn, Role, Unit};

    #[test]
    fn one_request_is_seen_and_the_most_are_darkest() {
        assert_eq!((level(1, 1_000_000), level(1_000_000, 1_000_000), level(1, 1)), (1, 7, 7));
    }

    #[test]
    fn values_lie_in_their_bucket() {
        let map = HeatMap {
            name: String::new(),
            role: Role::Baseline,
            unit: Unit::Milliseconds,
            bounds: vec![1.0, 10.0, 100.0],
            columns: vec![HeatColumn { x: 1.0, cells: vec![(1, 5)] }],
            limits: Vec::new(),
        };
        assert!((place(&map, 31.622_776_601_683_793).unwrap() - 2.5).abs() < 1e-9);
        assert_eq!(place(&map, 0.5), None);
        assert_eq!(place(&map, 1_000.0), None);
    }
}
