//! What the judge sees: counts of one interval for both versions.

use std::fmt;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// Requests of one version, and how many of them were bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests.
    pub n: u64,
    /// Bad requests among them; more than `n` is read as `n`.
    pub bad: u64,
}

impl Counts {
    /// `n` requests of which `bad` were bad; `bad` is capped at `n`.
    pub fn new(n: u64, bad: u64) -> Self {
        Self { n, bad: bad.min(n) }
    }

    /// Share of bad requests, 0 without requests.
    pub fn rate(self) -> f64 {
        if self.n == 0 { 0.0 } else { self.bad.min(self.n) as f64 / self.n as f64 }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { n: self.n.saturating_add(other.n), bad: self.bad.saturating_add(other.bad) }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Counts of both versions in the same interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The version that serves today (or a fresh baseline of it).
    pub stable: Counts,
    /// The new version.
    pub canary: Counts,
}

impl Block {
    /// A block of these counts.
    pub fn new(stable: Counts, canary: Counts) -> Self {
        Self { stable, canary }
    }

    /// The same block with `bad` at most `n` on both sides.
    pub(crate) fn capped(self) -> Self {
        let cap = |counts: Counts| Counts::new(counts.n, counts.bad);
        Self { stable: cap(self.stable), canary: cap(self.canary) }
    }

    /// Requests of both versions.
    pub fn total(self) -> u64 {
        self.stable.n.saturating_add(self.canary.n)
    }

    /// Canary's rate of bad requests less that of stable; 0 unless both served requests.
    pub fn effect(self) -> f64 {
        if self.stable.n == 0 || self.canary.n == 0 {
            return 0.0;
        }
        self.canary.rate() - self.stable.rate()
    }
}

impl AddAssign for Block {
    fn add_assign(&mut self, other: Self) {
        self.stable += other.stable;
        self.canary += other.canary;
    }
}

/// What counts as a bad request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Indicator {
    /// The request failed.
    Error,
    /// Slower than the median that stable had in the warm-up.
    Slow50,
    /// Slower than the 90th percentile that stable had in the warm-up.
    Slow90,
    /// Slower than the 99th percentile that stable had in the warm-up.
    Slow99,
}

impl Indicator {
    /// All indicators, in the order of a [`Tick`]'s fields.
    pub const ALL: [Self; 4] = [Self::Error, Self::Slow50, Self::Slow90, Self::Slow99];
    /// The latency indicators, in the order of [`crate::Thresholds`].
    pub const SLOW: [Self; 3] = [Self::Slow50, Self::Slow90, Self::Slow99];

    /// Name as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Slow50 => "slow50",
            Self::Slow90 => "slow90",
            Self::Slow99 => "slow99",
        }
    }

    /// Quantile whose threshold makes a request slow; `None` for errors.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::Error => None,
            Self::Slow50 => Some(0.5),
            Self::Slow90 => Some(0.9),
            Self::Slow99 => Some(0.99),
        }
    }
}

impl fmt::Display for Indicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the source of the counts answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// It answered; empty counts mean that there was no traffic.
    #[default]
    Up,
    /// It did not answer; empty counts mean nothing.
    Down,
}

/// One interval of the run, a second as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tick {
    /// Length of the interval in seconds.
    pub seconds: f64,
    /// Share of the traffic ordered for the canary, 0 to 1; `None` (or a value outside) leaves the split unjudged.
    pub weight: Option<f64>,
    /// Whether the source of the counts answered.
    pub source: Source,
    /// Failed requests.
    pub error: Block,
    /// Requests above the frozen median.
    pub slow50: Block,
    /// Requests above the frozen 90th percentile.
    pub slow90: Block,
    /// Requests above the frozen 99th percentile.
    pub slow99: Block,
}

impl Default for Tick {
    fn default() -> Self {
        Self {
            seconds: 1.0,
            weight: None,
            source: Source::Up,
            error: Block::default(),
            slow50: Block::default(),
            slow90: Block::default(),
            slow99: Block::default(),
        }
    }
}

impl Tick {
    /// A second with error counts only.
    pub fn errors(weight: f64, error: Block) -> Self {
        Self { weight: Some(weight), error, ..Self::default() }
    }

    /// An interval of `seconds` in which the source of the counts did not answer.
    pub fn down(seconds: f64) -> Self {
        Self { seconds, source: Source::Down, ..Self::default() }
    }

    /// The block of one indicator.
    pub fn block(&self, indicator: Indicator) -> Block {
        match indicator {
            Indicator::Error => self.error,
            Indicator::Slow50 => self.slow50,
            Indicator::Slow90 => self.slow90,
            Indicator::Slow99 => self.slow99,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_of_nothing_is_zero_and_bad_is_capped() {
        assert!(Counts::default().rate().abs() < f64::EPSILON);
        assert_eq!(Counts::new(3, 9), Counts { n: 3, bad: 3 });
        assert!((Counts { n: 2, bad: 9 }.rate() - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn effect_needs_both_versions() {
        let lone = Block::new(Counts::default(), Counts::new(10, 5));
        assert!(lone.effect().abs() < f64::EPSILON);
        let both = Block::new(Counts::new(100, 10), Counts::new(10, 5));
        assert!((both.effect() - 0.4).abs() < 1e-12);
    }

    #[test]
    fn tick_survives_json_and_takes_missing_fields_as_empty() {
        let tick: Tick = serde_json::from_str(
            r#"{"weight":0.1,"error":{"stable":{"n":9,"bad":0},"canary":{"n":1,"bad":1}}}"#,
        )
        .expect("valid tick");
        assert_eq!(tick, Tick::errors(0.1, Block::new(Counts::new(9, 0), Counts::new(1, 1))));
        let text = serde_json::to_string(&tick).expect("plain data");
        assert_eq!(serde_json::from_str::<Tick>(&text).expect("own output"), tick);
    }
}
