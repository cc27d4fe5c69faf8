//! The rate as a function of time, its integral (requests planned so far) and the inverse of that.

use std::f64::consts::TAU;

use crate::Shape;

/// A rate over time that can be integrated and inverted. Times are seconds, levels are requests.
#[derive(Debug, Clone)]
pub(crate) enum Curve {
    /// Straight pieces, the last of which never ends.
    Linear(Vec<Piece>),
    /// Mean, amplitude and period in seconds.
    Sine { mean: f64, amplitude: f64, period: f64 },
}

/// One straight piece of a curve.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    start: f64,
    level: f64,
    from: f64,
    to: f64,
    length: f64,
}

impl Curve {
    pub(crate) fn new(shape: &Shape) -> Self {
        match shape {
            Shape::Constant { rate } => linear(&[(*rate, *rate, f64::INFINITY)]),
            Shape::Ramp { from, to, over } => {
                linear(&[(*from, *to, over.as_secs_f64()), (*to, *to, f64::INFINITY)])
            }
            Shape::Steps { rates, each } => {
                let last = rates.len().saturating_sub(1);
                let pieces: Vec<_> = rates
                    .iter()
                    .enumerate()
                    .map(|(index, &rate)| {
                        (rate, rate, if index == last { f64::INFINITY } else { each.as_secs_f64() })
                    })
                    .collect();
                linear(&pieces)
            }
            Shape::Spike { base, peak, at, length } => linear(&[
                (*base, *base, at.as_secs_f64()),
                (*peak, *peak, length.as_secs_f64()),
                (*base, *base, f64::INFINITY),
            ]),
            Shape::Sine { mean, amplitude, period } => {
                Self::Sine { mean: *mean, amplitude: *amplitude, period: period.as_secs_f64() }
            }
        }
    }

    pub(crate) fn constant(rate: f64) -> Self {
        linear(&[(rate, rate, f64::INFINITY)])
    }

    /// Requests per second at a time.
    pub(crate) fn rate(&self, at: f64) -> f64 {
        match self {
            Self::Linear(pieces) => {
                let Some(piece) = pieces.iter().rev().find(|piece| piece.start <= at).or(pieces.first())
                else {
                    return 0.0;
                };
                piece.rate(at - piece.start)
            }
            Self::Sine { mean, amplitude, period } => mean + amplitude * (TAU * at / period).sin(),
        }
    }

    /// Requests planned from the start until a time.
    pub(crate) fn level(&self, at: f64) -> f64 {
        match self {
            Self::Linear(pieces) => {
                pieces.iter().rev().find(|piece| piece.start <= at).map_or(0.0, |piece| {
                    let into = (at - piece.start).min(piece.length);
                    piece.level + piece.area(into)
                })
            }
            Self::Sine { mean, amplitude, period } => {
                mean * at + amplitude * period / TAU * (1.0 - (TAU * at / period).cos())
            }
        }
    }

    /// The earliest time at which the level is reached; `None` if it never is.
    pub(crate) fn time_of(&self, level: f64) -> Option<f64> {
        match self {
            Self::Linear(pieces) => pieces.iter().find(|piece| piece.reaches(level)).map(|piece| {
                let into = piece.invert(level - piece.level);
                piece.start + into.min(piece.length)
            }),
            Self::Sine { mean, amplitude, period } => invert_sine(*mean, *amplitude, *period, level),
        }
    }
}

impl Piece {
    fn rate(&self, into: f64) -> f64 {
        if self.length.is_infinite() {
            self.from
        } else {
            self.from + (self.to - self.from) * (into / self.length).clamp(0.0, 1.0)
        }
    }

    fn slope(&self) -> f64 {
        if self.length.is_infinite() { 0.0 } else { (self.to - self.from) / self.length }
    }

    fn area(&self, into: f64) -> f64 {
        let slope = self.slope();
        if into == 0.0 || (self.from == 0.0 && slope == 0.0) {
            0.0
        } else if slope == 0.0 {
            self.from * into
        } else {
            self.from * into + slope * into * into / 2.0
        }
    }

    fn end_level(&self) -> f64 {
        self.level + self.area(self.length)
    }

    fn reaches(&self, level: f64) -> bool {
        let end = self.end_level();
        end > level || (end >= level && self.level < level)
    }

    /// Solves `from * t + slope * t² / 2 = wanted` in the form that stays stable for small slopes.
    fn invert(&self, wanted: f64) -> f64 {
        if wanted <= 0.0 {
            return 0.0;
        }
        let root = (self.from * self.from + 2.0 * self.slope() * wanted).max(0.0).sqrt();
        2.0 * wanted / (self.from + root)
    }
}

fn linear(pieces: &[(f64, f64, f64)]) -> Curve {
    let mut start = 0.0;
    let mut level = 0.0;
    let mut out = Vec::with_capacity(pieces.len());
    for &(from, to, length) in pieces {
        let piece = Piece { start, level, from, to, length };
        level = piece.end_level();
        start += length;
        if length > 0.0 {
            out.push(piece);
        }
    }
    Curve::Linear(out)
}

/// Newton's method kept inside a bracket that shrinks by bisection.
fn invert_sine(mean: f64, amplitude: f64, period: f64, level: f64) -> Option<f64> {
    if mean <= 0.0 {
        return None;
    }
    let waves = (level / (mean * period)).floor();
    let wanted = level - waves * mean * period;
    let area = |at: f64| mean * at + amplitude * period / TAU * (1.0 - (TAU * at / period).cos());
    let (mut low, mut high) = (0.0, period);
    let mut at = wanted / mean;
    for _ in 0..60 {
        let miss = area(at) - wanted;
        if miss.abs() < 1e-9 {
            break;
        }
        if miss > 0.0 {
            high = at;
        } else {
            low = at;
        }
        let rate = mean + amplitude * (TAU * at / period).sin();
        let newton = at - miss / rate;
        at = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
    }
    Some(waves * period + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_ramp_is_inverted_exactly() {
        let curve = Curve::new(&Shape::Ramp { from: 0.0, to: 100.0, over: Duration::from_secs(10) });
        assert!((curve.level(10.0) - 500.0).abs() < 1e-9);
        assert!((curve.time_of(500.0).unwrap() - 10.0).abs() < 1e-9);
        assert!((curve.time_of(600.0).unwrap() - 11.0).abs() < 1e-9);
        assert!((curve.rate(5.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_rate_of_zero_is_skipped_or_never_ends() {
        let pause = Curve::new(&Shape::Steps { rates: vec![10.0, 0.0, 10.0], each: Duration::from_secs(1) });
        assert!((pause.time_of(10.0).unwrap() - 1.0).abs() < 1e-9);
        assert!((pause.time_of(10.5).unwrap() - 2.05).abs() < 1e-9);
        assert_eq!(Curve::constant(0.0).time_of(0.0), None);
        let fade = Curve::new(&Shape::Ramp { from: 10.0, to: 0.0, over: Duration::from_secs(2) });
        assert!((fade.time_of(10.0).unwrap() - 2.0).abs() < 1e-6);
        assert_eq!(fade.time_of(10.1), None);
    }
}
