//! The traffic that is simulated.

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc_inv;

use super::poisson::Poisson;
use crate::config::ConfigError;
use crate::latency::Thresholds;
use crate::share::upper_tail;
use crate::tick::{Block, Counts, Indicator, Tick};

/// Latencies: log-normal for stable; the canary is slower by a factor, and some of its requests are very slow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Factor by which every canary request is slower (1.2 is 20 % slower).
    pub factor: f64,
    /// Share of the canary's requests that are beyond stable's 99th percentile on top of that, 0 to 1.
    pub tail: f64,
    /// Standard deviation of the logarithm of stable's latencies.
    pub spread: f64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { factor: 1.0, tail: 0.0, spread: 0.5 }
    }
}

impl Latency {
    /// The same service without any slowdown.
    #[must_use]
    pub fn unchanged(self) -> Self {
        Self { factor: 1.0, tail: 0.0, ..self }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = "a finite number over 0";
        if !self.factor.is_finite() || self.factor <= 0.0 {
            return Err(ConfigError::new("latency.factor", self.factor, positive));
        }
        if !(0.0..=1.0).contains(&self.tail) {
            return Err(ConfigError::new("latency.tail", self.tail, "a share from 0 to 1"));
        }
        if !self.spread.is_finite() || self.spread <= 0.0 {
            return Err(ConfigError::new("latency.spread", self.spread, positive));
        }
        Ok(())
    }

    /// Shares of canary's requests above stable's median, 90th and 99th percentile.
    fn shares_above(&self) -> [f64; 3] {
        Indicator::SLOW.map(|slow| {
            let above = 1.0 - slow.quantile().unwrap_or(0.5);
            let moved = upper_tail(deviate(above) - self.factor.ln() / self.spread);
            self.tail + (1.0 - self.tail) * moved
        })
    }

    /// Thresholds as the warm-up would freeze them, with latencies in multiples of stable's median.
    pub(super) fn thresholds(&self, slow_margin: f64) -> Thresholds {
        let slower = Self { factor: 1.0 + slow_margin, tail: 0.0, ..*self }.shares_above();
        let (now, above) = (self.unchanged().shares_above(), Indicator::SLOW);
        Thresholds {
            above: above.map(|slow| (deviate(1.0 - slow.quantile().unwrap_or(0.5)) * self.spread).exp()),
            margins: std::array::from_fn(|at| (slower[at] - now[at]).max(0.005)),
        }
    }
}

/// The `z` that a standard normal exceeds with probability `above`.
fn deviate(above: f64) -> f64 {
    std::f64::consts::SQRT_2 * erfc_inv(2.0 * above)
}

/// Requests of one version in a second: a Poisson count for each class of request.
#[derive(Debug, Clone)]
struct Arm {
    /// Good and bad requests for each latency class, from fast to slow. One class when latency is not simulated.
    classes: Vec<[Poisson; 2]>,
}

impl Arm {
    fn new(rate: f64, error: f64, above: Option<[f64; 3]>) -> Self {
        let shares = match above {
            None => vec![1.0],
            Some([median, ninety, ninety_nine]) => {
                vec![1.0 - median, median - ninety, ninety - ninety_nine, ninety_nine]
            }
        };
        let classes = shares
            .into_iter()
            .map(|share| [Poisson::new(rate * share * (1.0 - error)), Poisson::new(rate * share * error)])
            .collect();
        Self { classes }
    }

    /// Counts for the error indicator and for the three latency indicators.
    fn draw(&self, random: &mut impl Rng) -> [Counts; 4] {
        let mut per_class = [0; 4];
        let mut errors = Counts::default();
        for (requests, [good, bad]) in per_class.iter_mut().zip(&self.classes) {
            let failed = bad.draw(random);
            *requests = good.draw(random) + failed;
            errors += Counts::new(*requests, failed);
        }
        if self.classes.len() == 1 {
            return [errors, Counts::default(), Counts::default(), Counts::default()];
        }
        let [_, over_median, over_ninety, over_ninety_nine] = per_class;
        let slow = |above| Counts::new(errors.n, above);
        [
            errors,
            slow(over_median + over_ninety + over_ninety_nine),
            slow(over_ninety + over_ninety_nine),
            slow(over_ninety_nine),
        ]
    }
}

/// Traffic of both versions at one weight.
#[derive(Debug, Clone)]
pub(super) struct Traffic {
    weight: f64,
    stable: Arm,
    canary: Arm,
}

impl Traffic {
    /// `rate` requests per tick, split by `weight`, with the error rates of both versions.
    pub(super) fn new(rate: f64, weight: f64, errors: [f64; 2], latency: Option<Latency>) -> Self {
        Self {
            weight,
            stable: Arm::new(
                rate * (1.0 - weight),
                errors[0],
                latency.map(|latency| latency.unchanged().shares_above()),
            ),
            canary: Arm::new(rate * weight, errors[1], latency.map(|latency| latency.shares_above())),
        }
    }

    pub(super) fn draw(&self, random: &mut impl Rng) -> Tick {
        let stable = self.stable.draw(random);
        let canary = self.canary.draw(random);
        let block = |at: usize| Block::new(stable[at], canary[at]);
        Tick {
            weight: Some(self.weight),
            error: block(0),
            slow50: block(1),
            slow90: block(2),
            slow99: block(3),
            ..Tick::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn unchanged_latency_has_the_shares_of_its_quantiles() {
        for (share, expected) in Latency::default().shares_above().into_iter().zip([0.5, 0.1, 0.01]) {
            assert!((share - expected).abs() < 1e-6, "{share}");
        }
        let slower = Latency { factor: 1.2, ..Latency::default() }.shares_above();
        // ln 1.2 / 0.5 = 0.3646; the share above the median is that of a normal above -0.3646.
        assert!((slower[0] - 0.6423).abs() < 1e-3, "{slower:?}");
    }

    #[test]
    fn assumed_margins_are_those_of_the_default_spread() {
        let margins = Latency::default().thresholds(0.1).margins;
        for (margin, assumed) in margins.into_iter().zip(Thresholds::ASSUMED_MARGINS) {
            assert!((margin - assumed).abs() < 1e-3, "{margin} {assumed}");
        }
    }

    #[test]
    fn traffic_has_the_ordered_shares() {
        let latency = Some(Latency { factor: 1.5, tail: 0.05, spread: 0.5 });
        let traffic = Traffic::new(1000.0, 0.2, [0.01, 0.1], latency);
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut sum = [Block::default(); 4];
        for _ in 0..500 {
            let tick = traffic.draw(&mut random);
            for (sum, indicator) in sum.iter_mut().zip(Indicator::ALL) {
                *sum += tick.block(indicator);
            }
        }
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 0.01, "{value} {expected}");
        near(sum[0].canary.n as f64 / sum[0].total() as f64, 0.2);
        near(sum[0].stable.rate(), 0.01);
        near(sum[0].canary.rate(), 0.1);
        near(sum[1].stable.rate(), 0.5);
        let expected = Latency { factor: 1.5, tail: 0.05, spread: 0.5 }.shares_above();
        near(sum[2].canary.rate(), expected[1]);
        near(sum[3].canary.rate(), expected[2]);
    }
}
