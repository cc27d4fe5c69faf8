//! From values to pixels, and the values worth a tick.

use crate::story::{Chart, Scale};

/// Steps of a time axis in seconds.
const TIMES: [f64; 16] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0,
    43_200.0,
];

/// A straight or logarithmic way from values to pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    scale: Scale,
}

impl Axis {
    /// Values from `low` to `high` on pixels from `from` to `to`.
    pub(super) fn new(scale: Scale, (low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, from, to, scale }
    }

    /// The axis of a chart's values: nice ends around them.
    pub(super) fn of_values(chart: &Chart, pixels: (f64, f64)) -> Self {
        let axis = &chart.axis;
        let (least, most) = chart.values().unwrap_or((0.0, 1.0));
        let (least, most) = (axis.low.unwrap_or(least), axis.high.unwrap_or(most));
        let range = match axis.scale {
            Scale::Log => {
                let (low, high) = (decade(least.max(1e-12), false), decade(most.max(1e-12), true));
                (low, if high > low { high } else { low * 10.0 })
            }
            Scale::Linear => {
                let low = least.min(0.0);
                let most = if most > low { most } else { low + 1.0 };
                let step = nice_step((most - low) / 3.0).max(axis.unit.least_step());
                let high = if axis.high.is_some() { most } else { (most / step).ceil() * step };
                ((low / step).floor() * step, high)
            }
        };
        Self::new(axis.scale, range, pixels)
    }

    /// The pixel of a value, kept inside.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value <= 0.0 => 0.0,
            Scale::Log => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Values worth a tick, about one in `distance` pixels at most and not closer than `least`.
    pub(super) fn ticks(&self, distance: f64, least: f64) -> Vec<f64> {
        let most = ((self.to - self.from).abs() / distance).floor().max(1.0);
        match self.scale {
            Scale::Linear => {
                let step = nice_step((self.high - self.low) / most).max(least);
                multiples(self.low, self.high, step)
            }
            Scale::Log => {
                let decades = (self.high / self.low).log10().round();
                let every = (decades / most).ceil().max(1.0);
                let count = (decades / every).floor() as i32;
                let mut ticks: Vec<f64> =
                    (0..=count).map(|i| self.low * 10_f64.powf(f64::from(i) * every)).collect();
                if decades <= 2.0 && most >= decades * 3.0 {
                    let between: Vec<f64> = ticks.iter().flat_map(|tick| [tick * 2.0, tick * 5.0]).collect();
                    ticks.extend(between.into_iter().filter(|tick| *tick < self.high));
                    ticks.sort_by(f64::total_cmp);
                }
                ticks
            }
        }
    }

    /// Seconds worth a tick.
    pub(super) fn times(&self, distance: f64) -> Vec<f64> {
        let most = ((self.to - self.from).abs() / distance).floor().max(1.0);
        let wanted = (self.high - self.low) / most;
        let longest = TIMES[TIMES.len() - 1];
        let step = TIMES.into_iter().find(|step| *step >= wanted).unwrap_or(longest);
        multiples(self.low, self.high, step.max(wanted / 10.0))
    }
}

fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last.min(first + 200)).map(|i| i as f64 * step).collect()
}

/// The power of ten at or next to a value.
fn decade(value: f64, above: bool) -> f64 {
    let exponent = value.log10();
    10_f64.powf(if above { (exponent - 1e-9).ceil() } else { (exponent + 1e-9).floor() })
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1e-12).log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= least * 0.999)
        .unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs().max(1.0))
    }

    #[test]
    fn ticks_are_round_numbers_inside() {
        let axis = Axis::new(Scale::Linear, (0.0, 47.0), (0.0, 300.0));
        assert!(near(&axis.ticks(60.0, 0.0), &[0.0, 10.0, 20.0, 30.0, 40.0]), "{:?}", axis.ticks(60.0, 0.0));
        let axis = Axis::new(Scale::Linear, (0.0, 95.0), (0.0, 400.0));
        assert!(near(&axis.times(60.0), &[0.0, 30.0, 60.0, 90.0]), "{:?}", axis.times(60.0));
        let axis = Axis::new(Scale::Log, (0.1, 1_000.0), (100.0, 0.0));
        assert!(
            near(&axis.ticks(20.0, 0.0), &[0.1, 1.0, 10.0, 100.0, 1_000.0]),
            "{:?}",
            axis.ticks(20.0, 0.0)
        );
    }

    #[test]
    fn values_outside_stay_on_the_plot() {
        let axis = Axis::new(Scale::Log, (1.0, 100.0), (100.0, 0.0));
        assert!((axis.at(10.0) - 50.0).abs() < 1e-9);
        assert!((axis.at(0.0) - 100.0).abs() < 1e-9);
        assert!((axis.at(1e9) - 0.0).abs() < 1e-9);
    }

    #[test]
    fn an_axis_without_room_still_works() {
        let axis = Axis::new(Scale::Linear, (5.0, 5.0), (0.0, 10.0));
        assert!(axis.at(5.0).is_finite() && axis.ticks(50.0, 0.0).len() < 10);
        assert!(Axis::new(Scale::Linear, (0.0, 1e9), (0.0, 500.0)).times(50.0).len() <= 201);
    }
}
