//! Sample-ratio test: did the traffic follow the ordered weights?

use crate::config::JudgeConfig;
use crate::eprocess::log_mean_exp;

/// How far beyond the tolerated share the bets lie, in log odds.
const SHIFTS: [f64; 5] = [0.1, 0.25, 0.5, 1.0, 2.0];

/// Running evidence that canary's share of the traffic differs from its weight by more than the tolerance.
///
/// Two one-sided e-processes (too much, too little) are averaged; the weight may change from tick to tick.
#[derive(Debug, Clone)]
pub struct SplitTest {
    tolerance: f64,
    weight: f64,
    bets: Vec<Bet>,
    logs: Vec<f64>,
}

/// Gain of one bet per canary and per stable request, as logarithms.
#[derive(Debug, Clone, Copy)]
struct Bet {
    canary: f64,
    stable: f64,
}

impl SplitTest {
    /// A test with the configured tolerance.
    pub fn new(config: &JudgeConfig) -> Self {
        Self {
            tolerance: config.split_tolerance,
            weight: f64::NAN,
            bets: Vec::new(),
            logs: vec![0.0; 2 * SHIFTS.len()],
        }
    }

    /// Adds one tick in which `canary` of `total` requests reached the canary while `weight` (0 to 1) was ordered.
    /// A weight outside of that range is ignored.
    pub fn observe(&mut self, canary: u64, total: u64, weight: f64) {
        if total == 0 || !(0.0..=1.0).contains(&weight) {
            return;
        }
        if self.weight.to_bits() != weight.to_bits() {
            self.weight = weight;
            self.bets = bets(weight, self.tolerance);
        }
        let canary = canary.min(total);
        for (log, bet) in self.logs.iter_mut().zip(&self.bets) {
            if canary > 0 {
                *log += canary as f64 * bet.canary;
            }
            if total > canary {
                *log += (total - canary) as f64 * bet.stable;
            }
        }
    }

    /// Logarithm of the evidence.
    pub fn log_e(&self) -> f64 {
        log_mean_exp(&self.logs)
    }

    pub(crate) fn log_e_bound(&self) -> f64 {
        self.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Bets above and below the tolerated shares around a weight. Where a side has no room its bets win nothing.
fn bets(weight: f64, tolerance: f64) -> Vec<Bet> {
    let room =
        if weight > 0.0 && weight < 1.0 { (weight / 2.0).min((1.0 - weight) / 2.0) } else { tolerance };
    let tolerance = tolerance.min(room);
    let side = |edge: f64, sign: f64| {
        SHIFTS.map(|shift| {
            if edge <= 0.0 || edge >= 1.0 {
                return Bet { canary: 0.0, stable: 0.0 };
            }
            let log_odds = (edge / (1.0 - edge)).ln() + sign * shift;
            let share = 1.0 / (1.0 + (-log_odds).exp());
            Bet { canary: (share / edge).ln(), stable: ((1.0 - share) / (1.0 - edge)).ln() }
        })
    };
    side(weight + tolerance, 1.0).into_iter().chain(side(weight - tolerance, -1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eprocess::evidence;

    fn run(ticks: u64, canary: u64, total: u64, weight: f64) -> f64 {
        let mut test = SplitTest::new(&JudgeConfig::default());
        for _ in 0..ticks {
            test.observe(canary, total, weight);
        }
        evidence(test.log_e())
    }

    #[test]
    fn right_split_gives_no_evidence() {
        assert!(run(600, 10, 100, 0.1) < 1.0);
        assert!(run(600, 0, 100, 0.0) < 1.0);
        assert!(run(600, 100, 100, 1.0) < 1.0);
    }

    #[test]
    fn split_within_the_tolerance_gives_no_evidence() {
        // 10.5 % where 10 % was ordered, for 200,000 requests.
        assert!(run(1000, 21, 200, 0.1) < 1.0);
    }

    #[test]
    fn wrong_split_is_found_on_both_sides() {
        assert!(run(30, 20, 100, 0.1) > 100.0);
        assert!(run(30, 2, 100, 0.1) > 100.0);
        assert!(run(3, 50, 100, 0.0) > 100.0);
        assert!(run(3, 50, 100, 1.0) > 100.0);
    }

    #[test]
    fn without_tolerance_an_impossible_request_is_not_bet_on() {
        let mut test = SplitTest::new(&JudgeConfig { split_tolerance: 0.0, ..JudgeConfig::default() });
        test.observe(5, 10, 0.0);
        test.observe(5, 10, f64::NAN);
        assert!(test.log_e().is_finite());
    }
}
