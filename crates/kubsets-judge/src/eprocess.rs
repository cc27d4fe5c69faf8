//! The two e-processes behind the verdicts.
//!
//! An e-process is a bet against a hypothesis at fair odds: while the hypothesis is true its expected value stays
//! at or below 1, so it ever reaches 1/alpha with probability at most alpha, however often one looks.

use crate::config::JudgeConfig;
use crate::tick::{Block, Counts, Indicator};

/// Highest exponent handed out as a plain number, so that evidence stays finite.
const MOST_NATS: f64 = 690.0;

/// Evidence as a number, from its natural logarithm; finite and never NaN.
pub(crate) fn evidence(log_e: f64) -> f64 {
    log_e.min(MOST_NATS).exp()
}

/// Logarithm of the mean of numbers given by their logarithms; minus infinity for none.
pub(crate) fn log_mean_exp(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return most;
    }
    let sum: f64 = logs.iter().map(|log| (log - most).exp()).sum();
    most + (sum / logs.len() as f64).ln()
}

/// A rate with the logarithms that likelihoods are made of.
#[derive(Debug, Clone, Copy)]
struct Rate {
    value: f64,
    log_bad: f64,
    log_good: f64,
}

impl Rate {
    fn new(value: f64) -> Self {
        Self { value, log_bad: value.ln(), log_good: (1.0 - value).ln() }
    }
}

/// Logarithm of `rate^bad (1-rate)^good`; a rate of 0 or 1 is fine where nothing contradicts it.
fn log_likelihood(counts: Counts, rate: &Rate) -> f64 {
    let bad = counts.bad.min(counts.n);
    let good = counts.n - bad;
    let mut sum = 0.0;
    if bad > 0 {
        sum += bad as f64 * rate.log_bad;
    }
    if good > 0 {
        sum += good as f64 * rate.log_good;
    }
    sum
}

/// Logarithm of the 2x2 e-variable of one block: the bet that stable's rate is `stable_rate` and canary's
/// `canary_rate`, against the hypothesis that both share one rate (or canary has the lower one).
///
/// Its expectation under that hypothesis is at most 1 for any pair of rates strictly between 0 and 1 with
/// `canary_rate >= stable_rate`. It is 0 (a bet of 1) when either version served nothing.
pub fn block_log_e(block: Block, stable_rate: f64, canary_rate: f64) -> f64 {
    if block.stable.n == 0 || block.canary.n == 0 {
        return 0.0;
    }
    let block = block.capped();
    let stable_rate = Rate::new(stable_rate);
    bet(block, &stable_rate, canary_rate, log_likelihood(block.stable, &stable_rate))
}

/// The same, with stable's part given.
fn bet(block: Block, stable_rate: &Rate, canary_rate: f64, stable_part: f64) -> f64 {
    let share = block.canary.n as f64 / (block.stable.n as f64 + block.canary.n as f64);
    let common = stable_rate.value + share * (canary_rate - stable_rate.value);
    // Without bad requests only the logarithms of good ones are needed; this is the usual tick.
    let both = block.stable + block.canary;
    if both.bad == 0 {
        return stable_part + block.canary.n as f64 * (-canary_rate).ln_1p()
            - both.n as f64 * (-common).ln_1p();
    }
    stable_part + log_likelihood(block.canary, &Rate::new(canary_rate))
        - log_likelihood(both, &Rate::new(common))
}

/// Running evidence that canary has a higher rate of bad requests than stable.
#[derive(Debug, Clone)]
pub struct TwoByTwo {
    bad: f64,
    good: f64,
    differences: Vec<f64>,
    logs: Vec<f64>,
}

impl TwoByTwo {
    /// A process for one indicator, with the prior rate of stable and the differences to bet on.
    ///
    /// Errors start from the configured prior; a latency indicator from the share that its quantile implies.
    pub fn new(config: &JudgeConfig, indicator: Indicator) -> Self {
        let mean = indicator.quantile().map_or(config.prior_mean, |quantile| 1.0 - quantile);
        Self {
            bad: mean * config.prior_weight,
            good: (1.0 - mean) * config.prior_weight,
            differences: config.differences.clone(),
            logs: vec![0.0; config.differences.len()],
        }
    }

    /// Stable's rate as estimated from everything seen so far.
    pub fn stable_rate(&self) -> f64 {
        self.bad / (self.bad + self.good)
    }

    /// Learns stable's rate without betting.
    pub fn warm_up(&mut self, stable: Counts) {
        let bad = stable.bad.min(stable.n);
        self.bad += bad as f64;
        self.good += (stable.n - bad) as f64;
    }

    /// Bets on one block, with the rates known before it, and then learns from it.
    pub fn observe(&mut self, block: Block) {
        let block = block.capped();
        if block.canary.n > 0 && block.stable.n > 0 {
            let stable = Rate::new(self.stable_rate());
            let stable_part = log_likelihood(block.stable, &stable);
            // A difference that does not fit below 1 is bent to nine tenths of the room that is left.
            let most = 1.0 - (1.0 - stable.value) / 10.0;
            for (log, difference) in self.logs.iter_mut().zip(&self.differences) {
                *log += bet(block, &stable, (stable.value + difference).min(most), stable_part);
            }
        }
        self.warm_up(block.stable);
    }

    /// Logarithm of the evidence: the mean over the differences.
    pub fn log_e(&self) -> f64 {
        log_mean_exp(&self.logs)
    }

    /// An upper bound of [`Self::log_e`] that costs no exponentials.
    pub(crate) fn log_e_bound(&self) -> f64 {
        self.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Running evidence that canary's error rate is below a stated limit.
#[derive(Debug, Clone)]
pub struct LimitTest {
    limit: Rate,
    rates: Vec<Rate>,
    seen: Counts,
}

impl LimitTest {
    /// A process against the limit of the configuration.
    pub fn new(config: &JudgeConfig) -> Self {
        let limit = config.error_limit;
        Self {
            limit: Rate::new(limit),
            rates: config.pass_alternatives.iter().map(|multiple| Rate::new(multiple * limit)).collect(),
            seen: Counts::default(),
        }
    }

    /// Adds canary's requests of one tick.
    pub fn observe(&mut self, canary: Counts) {
        self.seen += Counts::new(canary.n, canary.bad);
    }

    /// Logarithm of the evidence: the mean over the alternative rates. Minus infinity when no alternative
    /// can explain a failure.
    pub fn log_e(&self) -> f64 {
        let at_limit = log_likelihood(self.seen, &self.limit);
        let most = self.log_e_bound();
        if !most.is_finite() {
            return most;
        }
        let sum: f64 =
            self.rates.iter().map(|rate| (log_likelihood(self.seen, rate) - at_limit - most).exp()).sum();
        most + (sum / self.rates.len() as f64).ln()
    }

    /// An upper bound of [`Self::log_e`].
    pub(crate) fn log_e_bound(&self) -> f64 {
        let at_limit = log_likelihood(self.seen, &self.limit);
        self.rates
            .iter()
            .map(|rate| log_likelihood(self.seen, rate) - at_limit)
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// Requests seen so far.
    pub fn seen(&self) -> Counts {
        self.seen
    }

    /// Fewest requests that reach evidence of `exp(log_level)` when `bad` of them are bad; `None` when no number
    /// up to 10^12 does.
    pub fn requests_needed(&self, bad: u64, log_level: f64) -> Option<u64> {
        let reaches = |n: u64| {
            let fresh = Self { seen: Counts::new(n, bad), ..self.clone() };
            n >= bad && fresh.log_e() >= log_level
        };
        let mut high = bad.max(1);
        while !reaches(high) {
            high = high.checked_mul(2).filter(|&n| n <= 1_000_000_000_000)?;
        }
        let mut low = high / 2;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if reaches(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(stable: (u64, u64), canary: (u64, u64)) -> Block {
        Block::new(Counts::new(stable.0, stable.1), Counts::new(canary.0, canary.1))
    }

    #[test]
    fn log_mean_exp_handles_extremes() {
        assert!((log_mean_exp(&[0.0, 0.0]) - 0.0).abs() < 1e-12);
        assert!((log_mean_exp(&[1000.0, f64::NEG_INFINITY]) - (1000.0 - 2f64.ln())).abs() < 1e-9);
        assert!(log_mean_exp(&[f64::NEG_INFINITY; 2]).is_infinite());
        assert!(log_mean_exp(&[]).is_infinite());
    }

    #[test]
    fn one_sided_block_bets_nothing() {
        assert!(block_log_e(block((0, 0), (10, 10)), 0.01, 0.5).abs() < f64::EPSILON);
        assert!(block_log_e(block((10, 1), (0, 0)), 0.01, 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn block_by_hand() {
        // One request each, the canary's failed: (1-s) c / ((1-m) m) with m the mean rate.
        let (s, c, m) = (0.1_f64, 0.5, 0.3);
        let expected = ((1.0 - s) * c / ((1.0 - m) * m)).ln();
        assert!((block_log_e(block((1, 0), (1, 1)), s, c) - expected).abs() < 1e-12);
    }

    #[test]
    fn evidence_grows_against_a_bad_canary_and_not_against_a_good_one() {
        let config = JudgeConfig::default();
        let mut bad = TwoByTwo::new(&config, Indicator::Error);
        let mut good = bad.clone();
        for _ in 0..20 {
            bad.observe(block((90, 0), (10, 1)));
            good.observe(block((90, 0), (10, 0)));
        }
        assert!(evidence(bad.log_e()) > 1e6);
        assert!(good.log_e() < 0.0);
        assert!(bad.log_e() <= bad.log_e_bound());
    }

    #[test]
    fn warm_up_moves_the_rate_only() {
        let mut process = TwoByTwo::new(&JudgeConfig::default(), Indicator::Slow90);
        assert!((process.stable_rate() - 0.1).abs() < 1e-9);
        process.warm_up(Counts::new(200, 60));
        assert!((process.stable_rate() - 0.2).abs() < 1e-9);
        assert!(process.log_e().abs() < f64::EPSILON);
    }

    #[test]
    fn limit_needs_the_known_number_of_clean_requests() {
        let level = 20f64.ln();
        let only_zero =
            LimitTest::new(&JudgeConfig { pass_alternatives: vec![0.0], ..JudgeConfig::default() });
        // ln 20 / -ln(0.99) = 298.07
        assert_eq!(only_zero.requests_needed(0, level), Some(299));
        assert_eq!(only_zero.requests_needed(1, level), None);
        let default = LimitTest::new(&JudgeConfig::default());
        assert_eq!(default.requests_needed(0, level), Some(360));
        let with_one = default.requests_needed(1, level).expect("one failure can be outweighed");
        assert!(with_one > 450, "{with_one}");
    }

    #[test]
    fn limit_evidence_falls_with_failures() {
        let mut test = LimitTest::new(&JudgeConfig::default());
        test.observe(Counts::new(400, 0));
        assert!(evidence(test.log_e()) >= 20.0);
        test.observe(Counts::new(10, 5));
        assert!(evidence(test.log_e()) < 1.0);
        assert_eq!(test.seen(), Counts::new(410, 5));
    }
}
