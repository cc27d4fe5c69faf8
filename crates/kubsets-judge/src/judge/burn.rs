//! The emergency stop.

use std::collections::VecDeque;

use statrs::function::beta::beta_reg;

use crate::config::Burn;
use crate::tick::Block;

/// The latest ticks that together hold enough canary requests.
#[derive(Debug, Clone)]
pub(super) struct BurnWindow {
    burn: Burn,
    ticks: VecDeque<Block>,
    sum: Block,
}

impl BurnWindow {
    pub(super) fn new(burn: Burn) -> Self {
        Self { burn, ticks: VecDeque::new(), sum: Block::default() }
    }

    pub(super) fn observe(&mut self, block: Block) {
        self.ticks.push_back(block);
        self.sum += block;
        while let Some(&oldest) = self.ticks.front()
            && self.sum.canary.n - oldest.canary.n >= self.burn.requests
        {
            self.ticks.pop_front();
            self.sum.canary.n -= oldest.canary.n;
            self.sum.canary.bad -= oldest.canary.bad;
            self.sum.stable.n -= oldest.stable.n;
            self.sum.stable.bad -= oldest.stable.bad;
        }
    }

    pub(super) fn share(&self) -> f64 {
        self.burn.share
    }

    pub(super) fn requests(&self) -> u64 {
        self.burn.requests
    }

    /// What the window holds.
    pub(super) fn window(&self) -> Block {
        self.sum
    }

    /// Whether canary burns, given stable's rate over the run.
    pub(super) fn burns(&self, stable_rate: f64) -> bool {
        let canary = self.sum.canary;
        if canary.n < self.burn.requests || canary.rate() < self.burn.share || canary.bad == 0 {
            return false;
        }
        // An outage that hits both versions shows in stable's latest requests.
        let now = if self.sum.stable.n == 0 {
            0.0
        } else {
            (self.sum.stable.bad as f64 + 1.0) / (self.sum.stable.n as f64 + 2.0)
        };
        let now = if self.sum.stable.rate() > stable_rate { now } else { 0.0 };
        chance_of_at_least(canary.bad, canary.n, stable_rate.max(now)) < self.burn.chance
    }
}

/// Probability of at least `bad` (over 0) bad ones in `n` requests at `rate`.
fn chance_of_at_least(bad: u64, n: u64, rate: f64) -> f64 {
    if rate <= 0.0 {
        return 0.0;
    }
    if rate >= 1.0 {
        return 1.0;
    }
    beta_reg(bad as f64, (n - bad) as f64 + 1.0, rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Counts;

    type Pair = (u64, u64);

    fn window(blocks: &[(Pair, Pair)]) -> BurnWindow {
        let mut window = BurnWindow::new(Burn::default());
        for &(stable, canary) in blocks {
            window.observe(Block::new(Counts::new(stable.0, stable.1), Counts::new(canary.0, canary.1)));
        }
        window
    }

    #[test]
    fn half_of_ten_burns_nine_do_not() {
        assert!(window(&[((90, 0), (5, 2)), ((90, 0), (5, 3))]).burns(0.001));
        assert!(!window(&[((90, 0), (5, 2)), ((90, 0), (4, 3))]).burns(0.001));
        assert!(!window(&[((90, 0), (10, 4))]).burns(0.001));
    }

    #[test]
    fn an_outage_of_both_versions_does_not_burn() {
        assert!(!window(&[((90, 88), (10, 10))]).burns(0.001));
    }

    #[test]
    fn many_errors_of_stable_ask_for_more() {
        assert!(!window(&[((90, 9), (10, 5))]).burns(0.1));
        assert!(window(&[((90, 9), (10, 9))]).burns(0.1));
    }

    #[test]
    fn old_ticks_leave_the_window() {
        let mut window = window(&[((0, 0), (30, 0)), ((0, 0), (30, 0))]);
        window.observe(Block::new(Counts::default(), Counts::new(12, 12)));
        assert_eq!(window.window().canary, Counts::new(12, 12));
        assert!(window.burns(0.001));
    }

    #[test]
    fn chance_matches_a_sum_by_hand() {
        // At least 2 of 3 at 0.1: 3 * 0.01 * 0.9 + 0.001.
        assert!((chance_of_at_least(2, 3, 0.1) - 0.028).abs() < 1e-9);
        assert!((chance_of_at_least(3, 3, 0.5) - 0.125).abs() < 1e-9);
    }
}
