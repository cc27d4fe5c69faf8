//! When requests are due: shapes of the rate over time, arrivals, replay, closed loop.
//!
//! Pure: no clock and no I/O. A [`Schedule`] says what is wanted, a [`Pacer`] turns it into planned instants.

mod curve;
mod pacer;
mod parse;

use std::fmt;
use std::time::Duration;

use curve::Curve;

pub use pacer::{Next, Pacer, Share};
pub use parse::{ScheduleError, parse_duration, parse_instants};

/// How the wanted rate changes over time. Rates are requests per second.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The same rate all the time.
    Constant {
        /// Requests per second.
        rate: f64,
    },
    /// A straight line from one rate to another, which is then held.
    Ramp {
        /// Rate at the start.
        from: f64,
        /// Rate at the end of the ramp and after it.
        to: f64,
        /// Length of the ramp.
        over: Duration,
    },
    /// One rate after the other, each for the same time; the last is held.
    Steps {
        /// The rates in their order.
        rates: Vec<f64>,
        /// Length of each step.
        each: Duration,
    },
    /// A base rate with one spike.
    Spike {
        /// Rate before and after the spike.
        base: f64,
        /// Rate during the spike.
        peak: f64,
        /// When the spike begins.
        at: Duration,
        /// How long it lasts.
        length: Duration,
    },
    /// A sine wave around a mean, starting at the mean and rising.
    Sine {
        /// Mean rate.
        mean: f64,
        /// Distance from the mean to the crest; at most the mean.
        amplitude: f64,
        /// Length of one wave.
        period: Duration,
    },
}

impl Shape {
    /// The time after which the rate stays as it is; `None` for a wave, which never ends.
    pub fn length(&self) -> Option<Duration> {
        match self {
            Self::Constant { .. } => Some(Duration::ZERO),
            Self::Ramp { over, .. } => Some(*over),
            Self::Steps { rates, each } => {
                let steps = u32::try_from(rates.len()).unwrap_or(u32::MAX);
                Some(each.saturating_mul(steps))
            }
            Self::Spike { at, length, .. } => Some(at.saturating_add(*length)),
            Self::Sine { .. } => None,
        }
    }
}

/// How requests are spread within the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// At even distances.
    Even,
    /// Independent of each other, as users arrive: a Poisson process of that rate.
    Poisson,
}

/// When requests are due.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Open loop: the plan does not wait for answers.
    Open {
        /// The rate over time.
        shape: Shape,
        /// How requests are spread within the rate.
        arrivals: Arrivals,
    },
    /// Open loop with the instants given one by one, in nanoseconds from the start, ascending.
    Replay {
        /// Instants in nanoseconds from the start.
        instants: Vec<u64>,
    },
    /// Closed loop: each user waits for the answer, thinks, and asks again.
    Closed {
        /// Number of users, and thus the most requests under way at once.
        users: usize,
        /// Pause between an answer and the next request of the same user.
        think: Duration,
    },
}

impl Schedule {
    /// A constant rate in requests per second with even distances.
    pub fn constant(rate: f64) -> Self {
        Self::Open { shape: Shape::Constant { rate }, arrivals: Arrivals::Even }
    }

    /// A replay of instants counted from the start. They are sorted.
    pub fn replay(instants: impl IntoIterator<Item = Duration>) -> Self {
        let mut instants: Vec<u64> = instants.into_iter().map(nanos).collect();
        instants.sort_unstable();
        Self::Replay { instants }
    }

    /// The highest rate in requests per second that the schedule asks for; `None` for a closed loop,
    /// whose rate depends on the server. A replay counts its fullest second.
    pub fn peak_rate(&self) -> Option<f64> {
        match self {
            Self::Open { shape, .. } => Some(match shape {
                Shape::Constant { rate } => *rate,
                Shape::Ramp { from, to, .. } => from.max(*to),
                Shape::Steps { rates, .. } => rates.iter().copied().fold(0.0, f64::max),
                Shape::Spike { base, peak, .. } => base.max(*peak),
                Shape::Sine { mean, amplitude, .. } => mean + amplitude,
            }),
            Self::Replay { instants } => Some(fullest_second(instants) as f64),
            Self::Closed { .. } => None,
        }
    }

    /// Requests planned within a time from the start, independent arrivals by their mean; `None` for a
    /// closed loop, where they depend on the server.
    pub fn requests(&self, within: Duration) -> Option<f64> {
        match self {
            Self::Open { shape, .. } => Some(Curve::new(shape).level(within.as_secs_f64())),
            Self::Replay { instants } => {
                let end = nanos(within);
                Some(instants.iter().filter(|instant| **instant < end).count() as f64)
            }
            Self::Closed { .. } => None,
        }
    }

    /// The time after which nothing new is planned by itself: the last instant of a replay.
    /// Other schedules go on until they are ended.
    pub fn natural_end(&self) -> Option<Duration> {
        match self {
            Self::Replay { instants } => {
                Some(Duration::from_nanos(instants.last().map_or(0, |last| last + 1)))
            }
            Self::Open { .. } | Self::Closed { .. } => None,
        }
    }

    /// Whether the plan waits for answers.
    pub fn is_closed_loop(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    /// Checks what a parsed text always fulfils but a built value may not: finite rates that are not
    /// negative, at least one rate, one instant or one user, times above zero.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), ScheduleError> {
        parse::check(self)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { shape, arrivals } => {
                if *arrivals == Arrivals::Poisson {
                    f.write_str("poisson:")?;
                }
                shape.fmt(f)
            }
            Self::Replay { instants } => write!(f, "replay of {} instants", instants.len()),
            Self::Closed { users, think } if think.is_zero() => write!(f, "closed:{users}"),
            Self::Closed { users, think } => write!(f, "closed:{users}/{think:?}"),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { rate } => write!(f, "{rate}"),
            Self::Ramp { from, to, over } => write!(f, "{from}..{to}/{over:?}"),
            Self::Steps { rates, each } => {
                for (index, rate) in rates.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{rate}")?;
                }
                if rates.len() == 1 {
                    f.write_str(",")?;
                }
                write!(f, "/{each:?}")
            }
            Self::Spike { base, peak, at, length } => write!(f, "{base}^{peak}@{at:?}/{length:?}"),
            Self::Sine { mean, amplitude, period } => write!(f, "{mean}~{amplitude}/{period:?}"),
        }
    }
}

/// Nanoseconds of a duration, capped at the largest `u64` (584 years).
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn fullest_second(instants: &[u64]) -> usize {
    let mut most = 0;
    let mut first = 0;
    for (last, &instant) in instants.iter().enumerate() {
        while instant - instants[first] >= 1_000_000_000 {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_of_a_replay_is_its_fullest_second() {
        let replay = Schedule::replay([0, 100, 900, 999, 1000, 5000].map(Duration::from_millis));
        assert_eq!(replay.peak_rate(), Some(4.0));
        assert_eq!(replay.natural_end(), Some(Duration::from_nanos(5_000_000_001)));
    }

    #[test]
    fn requests_are_the_area_below_the_shape() {
        for (text, seconds, wanted) in [
            ("100", 30, 3000.0),
            ("poisson:100", 30, 3000.0),
            ("0..100/10s", 20, 500.0 + 1000.0),
            ("100,200/10s", 15, 1000.0 + 1000.0),
            ("10^100@5s/5s", 20, 50.0 + 500.0 + 100.0),
            ("100~50/10s", 10, 1000.0),
        ] {
            let schedule: Schedule = text.parse().unwrap();
            let requests = schedule.requests(Duration::from_secs(seconds)).unwrap();
            assert!((requests - wanted).abs() < 1e-6, "{text}: {requests}");
        }
        let replay = Schedule::replay([0, 500, 1000].map(Duration::from_millis));
        assert_eq!(replay.requests(Duration::from_secs(1)), Some(2.0));
        assert_eq!("closed:5".parse::<Schedule>().unwrap().requests(Duration::from_secs(1)), None);
    }

    #[test]
    fn a_shape_is_over_when_its_rate_stays() {
        let length = |text: &str| match text.parse().unwrap() {
            Schedule::Open { shape, .. } => shape.length(),
            _ => None,
        };
        assert_eq!(length("10..400/60s"), Some(Duration::from_mins(1)));
        assert_eq!(length("1,2,3/10s"), Some(Duration::from_secs(30)));
        assert_eq!(length("1^9@30s/5s"), Some(Duration::from_secs(35)));
        assert_eq!((length("400"), length("4~2/60s")), (Some(Duration::ZERO), None));
    }

    #[test]
    fn shapes_print_as_they_are_parsed() {
        for text in [
            "400",
            "0.5",
            "10..400/60s",
            "100,200,400/10s",
            "100^1000@30s/5s",
            "400~200/60s",
            "poisson:400",
            "poisson:10..400/1.5s",
            "closed:20",
            "closed:20/100ms",
        ] {
            let schedule: Schedule = text.parse().unwrap();
            assert_eq!(schedule.to_string(), text);
        }
    }
}
