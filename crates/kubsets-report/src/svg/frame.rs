//! A plot: its place, its grid, its axes.

use maud::{Markup, html};

use super::axis::Axis;
use super::line;
use super::path::n;
use crate::story::{Chart, Extent, Scale, Shape};

/// Room that a label of the x axis needs.
const X_LABEL: f64 = 72.0;
/// Distance of labels on the y axis.
const Y_LABEL: f64 = 20.0;

/// The place of a plot in a drawing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    pub(super) fn across(&self) -> (f64, f64) {
        (self.left, self.right)
    }

    /// Grid, limits and lines of a chart on this place.
    pub(super) fn plot(&self, chart: &Chart, x: &Axis) -> Markup {
        let y = Axis::of_values(chart, (self.bottom, self.top));
        let bars: Vec<_> = chart.lines.iter().filter(|line| line.shape == Shape::Bars).collect();
        html! {
            @for tick in y.ticks(Y_LABEL, chart.axis.unit.least_step()) {
                path.grid d={ "M" (n(self.left)) " " (n(y.at(tick))) "H" (n(self.right)) } {}
                text.tick x=(n(self.left - 6.0)) y=(n(y.at(tick) + 3.5)) text-anchor="end" {
                    (chart.axis.unit.tick(tick))
                }
            }
            (line::bars(&bars, x, &y, self.right - self.left))
            @for one in chart.lines.iter().filter(|line| line.shape != Shape::Bars) { (line::line(one, x, &y)) }
            @if chart.values() == Some((0.0, 0.0)) {
                text.legend x=(n(f64::midpoint(self.left, self.right))) y=(n(f64::midpoint(self.top, self.bottom) + 4.0))
                    text-anchor="middle" { "none" }
            }
            @for limit in &chart.limits { (line::limit(&limit.name, y.at(limit.value), self.across())) }
        }
    }

    /// Labels of the time under this place.
    pub(super) fn times(&self, x: &Axis, from: f64) -> Markup {
        let times = x.times(X_LABEL);
        html! {
            @for tick in &times {
                path.grid d={ "M" (n(x.at(*tick))) " " (n(from)) "V" (n(self.bottom + 4.0)) } {}
                text.tick x=(n(x.at(*tick))) y=(n(self.bottom + 17.0)) text-anchor="middle" {
                    (time(*tick, times.last().copied().unwrap_or_default()))
                }
            }
        }
    }

    /// Labels of percentiles under this place.
    pub(super) fn percentiles(&self, x: &Axis) -> Markup {
        html! {
            @for tick in x.ticks(40.0, 0.0) {
                path.grid d={ "M" (n(x.at(tick))) " " (n(self.top)) "V" (n(self.bottom + 4.0)) } {}
                text.tick x=(n(x.at(tick))) y=(n(self.bottom + 17.0)) text-anchor="middle" {
                    (percentile(tick))
                }
            }
        }
    }
}

/// A time on an axis that ends about `last`: `70 s`, or `2:30` where it is long.
fn time(seconds: f64, last: f64) -> String {
    if last <= 150.0 {
        return format!("{seconds} s");
    }
    let whole = seconds.round() as i64;
    match whole / 3_600 {
        0 => format!("{}:{:02}", whole / 60, whole % 60),
        hours => format!("{hours}:{:02}:{:02}", whole / 60 % 60, whole % 60),
    }
}

/// The axis under a chart that stands alone.
pub(super) fn extent(chart: &Chart, seconds: f64, pixels: (f64, f64)) -> Axis {
    match chart.extent {
        Extent::Time => Axis::new(Scale::Linear, (0.0, seconds), pixels),
        Extent::Percentile => {
            let most = chart.lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x).fold(10.0, f64::max);
            Axis::new(Scale::Log, (1.0, 10_f64.powf((most.log10() - 1e-9).ceil())), pixels)
        }
    }
}

/// `0 %`, `90 %`, `99.9 %` from 1, 10, 1000.
fn percentile(x: f64) -> String {
    let share = (1.0 - 1.0 / x) * 100.0;
    let decimals = (x.log10().round() as usize).saturating_sub(2);
    format!("{share:.decimals$} %")
}

#[cfg(test)]
mod tests {
    use super::{percentile, time};

    #[test]
    fn times_are_short() {
        assert_eq!(
            [(70.0, 100.0), (70.0, 600.0), (3_725.0, 7_200.0)].map(|(at, last)| time(at, last)),
            ["70 s", "1:10", "1:02:05"]
        );
    }

    #[test]
    fn percentiles_show_their_nines() {
        assert_eq!(
            [1.0, 10.0, 100.0, 1_000.0, 10_000.0].map(percentile),
            ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"]
        );
    }
}
