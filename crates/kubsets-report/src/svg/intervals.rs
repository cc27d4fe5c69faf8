//! Measured values with their intervals, one row each.

use maud::{Markup, html};

use super::axis::Axis;
use super::path::n;
use super::{Width, drawing};
use crate::story::{Interval, Intervals, Scale, Tone};

/// Height of a row.
const ROW: f64 = 30.0;

/// Draws the rows.
pub(crate) fn intervals(intervals: &Intervals, width: Width) -> Markup {
    let (left, right) = (64.0, width.pixels() - if width == Width::Narrow { 96.0 } else { 150.0 });
    let most = intervals.rows.iter().map(|row| row.high.max(row.target)).fold(1e-9, f64::max);
    let x = Axis::new(Scale::Linear, (0.0, most * 1.04), (left, right));
    let bottom = 6.0 + ROW * intervals.rows.len() as f64;
    let content = html! {
        @for tick in x.ticks(56.0, 0.0) {
            path.grid d={ "M" (n(x.at(tick))) " 4V" (n(bottom + 4.0)) } {}
            text.tick x=(n(x.at(tick))) y=(n(bottom + 17.0)) text-anchor="middle" {
                (intervals.unit.text(tick))
            }
        }
        @for (place, one) in intervals.rows.iter().enumerate() {
            (row(one, intervals, (&x, right), 6.0 + ROW * (place as f64 + 0.5)))
        }
    };
    drawing(width, bottom + 24.0, &intervals.title, None, &content)
}

fn row(one: &Interval, all: &Intervals, (x, right): (&Axis, f64), y: f64) -> Markup {
    let (low, high, target) = (x.at(one.low), x.at(one.high), x.at(one.target));
    let half = (one.high - one.low) / 2.0;
    let class = match one.tone {
        Tone::Bad => "interval harm",
        _ => "interval candidate",
    };
    html! {
        g {
            title {
                (one.label) ": " (all.unit.text(one.value)) ", from " (all.unit.text(one.low)) " to "
                (all.unit.text(one.high)) ", " (one.note)
            }
            text.lane x="52" y=(n(y + 4.0)) text-anchor="end" { (one.label) }
            path.target d={ "M" (n(target)) " " (n(y - 11.0)) "V" (n(y + 11.0)) } {}
            path class=(class) d={
                "M" (n(low)) " " (n(y)) "H" (n(high)) "M" (n(low)) " " (n(y - 4.0)) "v8M" (n(high)) " " (n(y - 4.0)) "v8"
            } {}
            circle class=(class) cx=(n(x.at(one.value))) cy=(n(y)) r="4" {}
            text.legend x=(n(right + 10.0)) y=(n(y + 4.0)) {
                @if !one.tone.sign().is_empty() { (one.tone.sign()) " " }
                (format!("{:.1} ± {half:.1} ", one.value)) (all.unit.name())
            }
        }
    }
}
