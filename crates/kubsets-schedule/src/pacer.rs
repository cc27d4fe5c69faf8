//! Planned instants one after the other, for one of several workers, with a rate that can be steered.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::curve::Curve;
use crate::{Arrivals, Schedule, nanos};

/// Which part of a schedule a worker takes: every `of`-th request, starting with number `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Number of this worker, from 0.
    pub index: usize,
    /// Number of workers.
    pub of: usize,
}

impl Share {
    /// The whole schedule.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A request is due at this many nanoseconds from the start.
    At(u64),
    /// Nothing is due at the present rate (zero); steering can change that until the end.
    Idle,
    /// The plan is over.
    Done,
}

/// Iterator over the planned instants of a schedule, in nanoseconds from the start, never descending.
///
/// As an iterator it ends where nothing more is due, be it the end or a rate of zero.
/// A closed loop has no planned instants.
#[derive(Debug, Clone)]
pub struct Pacer {
    source: Source,
    share: Share,
    end: u64,
    last: u64,
    next: Next,
    rng: ChaCha8Rng,
}

#[derive(Debug, Clone)]
enum Source {
    Curve { curve: Curve, origin: u64, level: f64, arrivals: Arrivals },
    List { instants: Vec<u64>, position: usize },
    Nothing,
}

impl Pacer {
    /// A pacer for a share of the schedule that ends (exclusively) after `end`, if given.
    /// The same seed gives the same Poisson arrivals.
    pub fn new(schedule: &Schedule, share: Share, end: Option<Duration>, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(share.index as u64);
        let source = match schedule {
            Schedule::Open { shape, arrivals } => {
                let level = match arrivals {
                    Arrivals::Even => share.index as f64,
                    Arrivals::Poisson => share.of as f64 * exponential(&mut rng),
                };
                Source::Curve { curve: Curve::new(shape), origin: 0, level, arrivals: *arrivals }
            }
            Schedule::Replay { instants } => {
                Source::List { instants: instants.clone(), position: share.index }
            }
            Schedule::Closed { .. } => Source::Nothing,
        };
        let end = end.map_or(u64::MAX, nanos);
        let mut pacer = Self { source, share, end, last: 0, next: Next::Done, rng };
        pacer.next = pacer.compute();
        pacer
    }

    /// What comes next, without taking it.
    pub fn peek(&self) -> Next {
        self.next
    }

    /// Takes the next instant if it is not later than `now` (nanoseconds from the start).
    pub fn take_due(&mut self, now: u64) -> Option<u64> {
        match self.next {
            Next::At(at) if at <= now => {
                self.advance();
                Some(at)
            }
            _ => None,
        }
    }

    /// The rate wanted at an instant, in requests per second over all workers; `None` for a replay.
    pub fn rate_at(&self, at: u64) -> Option<f64> {
        match &self.source {
            Source::Curve { curve, origin, .. } => Some(curve.rate(seconds(at.saturating_sub(*origin)))),
            Source::List { .. } | Source::Nothing => None,
        }
    }

    /// From `at` on (nanoseconds from the start) the rate is `rate` requests per second over all workers,
    /// until the end or the next steering. A replay is given up for it. Instants that were due before
    /// should be taken first. The distance to the next request keeps its phase, so that steering in
    /// quick succession loses and adds nothing.
    pub fn steer(&mut self, at: u64, rate: f64) {
        let at = at.max(self.last);
        let (left, arrivals) = match &self.source {
            Source::Curve { curve, origin, level, arrivals } => {
                let reached = curve.level(seconds(at.saturating_sub(*origin)));
                ((level - reached).max(0.0), *arrivals)
            }
            Source::List { .. } => (self.share.index as f64, Arrivals::Even),
            Source::Nothing => return,
        };
        self.source = Source::Curve { curve: Curve::constant(rate), origin: at, level: left, arrivals };
        self.next = self.compute();
    }

    /// Ends the plan at an instant if that is earlier than the present end.
    pub fn end_at(&mut self, at: u64) {
        self.end = self.end.min(at);
        self.next = self.compute();
    }

    fn advance(&mut self) {
        if let Next::At(at) = self.next {
            self.last = at;
        }
        match &mut self.source {
            Source::Curve { level, arrivals, .. } => {
                let step = match arrivals {
                    Arrivals::Even => 1.0,
                    Arrivals::Poisson => exponential(&mut self.rng),
                };
                *level += step * self.share.of as f64;
            }
            Source::List { position, .. } => *position += self.share.of,
            Source::Nothing => {}
        }
        self.next = self.compute();
    }

    fn compute(&self) -> Next {
        let at = match &self.source {
            Source::Curve { curve, origin, level, .. } => match curve.time_of(*level) {
                Some(time) => origin.saturating_add((time * 1e9).round() as u64),
                None if self.last >= self.end => return Next::Done,
                None => return Next::Idle,
            },
            Source::List { instants, position } => match instants.get(*position) {
                Some(&at) => at,
                None => return Next::Done,
            },
            Source::Nothing => return Next::Done,
        };
        if at >= self.end { Next::Done } else { Next::At(at.max(self.last)) }
    }
}

impl Iterator for Pacer {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.take_due(u64::MAX)
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// An exponential distance with mean 1.
fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    let uniform: f64 = rng.random();
    -(1.0 - uniform).ln()
}
