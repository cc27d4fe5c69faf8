//! Intervals of what was measured once, and of the difference of two of them: a comparison of two runs.
//!
//! They tell what chance in the sampling of requests can do, for one look and requests that are independent of each
//! other. They do not bound false alarms under repeated looks; that is what the [judge](crate::Judge) is for.

use serde::{Deserialize, Serialize};
use statrs::function::factorial::ln_binomial;

use crate::share::Estimate;

/// Confidence of the intervals of a report.
pub const CONFIDENCE: f64 = 0.95;

/// A value with its interval. An end that the data do not bound is infinite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// What was measured.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// A value that is no estimate: a fact of the run.
    pub fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// The share (0 to 1) of `part` in `total`, with Wilson's score interval; `None` of nothing.
    ///
    /// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    /// Statistical Association 22 (1927), 209-212.
    pub fn of_share(part: u64, total: u64) -> Option<Self> {
        let Estimate { share, low, high, .. } = Estimate::with_confidence(part, total, CONFIDENCE);
        (total > 0).then_some(Self { value: share, low, high })
    }

    /// The quantile `share` (0 to 1) of `count` values, of which `at` gives the one with a rank, counted from 1. No
    /// distribution is assumed: its ends are values with the [ranks](quantile_ranks) that bound it. `None` of nothing.
    pub fn of_quantile(count: u64, share: f64, at: impl Fn(u64) -> f64) -> Option<Self> {
        if count == 0 {
            return None;
        }
        let rank = ((share * count as f64).ceil() as u64).clamp(1, count);
        let (low, high) = quantile_ranks(count, share, CONFIDENCE);
        Some(Self {
            value: at(rank),
            low: low.map_or(f64::NEG_INFINITY, &at),
            high: high.map_or(f64::INFINITY, &at),
        })
    }

    /// The same in another unit; `factor` is over 0.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { value: self.value * factor, low: self.low * factor, high: self.high * factor }
    }

    /// How much more `other` is, with the interval of that difference: the distances of the two values to their own
    /// ends, squared and added.
    ///
    /// Of two shares with Wilson intervals this is method 10 of R. G. Newcombe, "Interval estimation for the
    /// difference between independent proportions: comparison of eleven methods", Statistics in Medicine 17 (1998),
    /// 873-890; that it holds for any two independent estimates with intervals of their own is shown by G. Y. Zou and
    /// A. Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in
    /// Medicine 27 (2008), 1693-1702.
    #[must_use]
    pub fn to(&self, other: &Self) -> Self {
        let value = other.value - self.value;
        let low = value - (other.value - other.low).hypot(self.high - self.value);
        let high = value + (other.high - other.value).hypot(self.value - self.low);
        Self { value, low, high }
    }

    /// Whether zero is outside.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Ranks, counted from 1, of the values that bound a quantile with at least this confidence, whatever the
/// distribution; `None` where there are too few values for a bound.
///
/// The number of values up to the quantile is binomial, so that the value with rank l is above it with the probability
/// of fewer than l, and the one with rank u below it with that of u or more; each may be half of what the confidence
/// leaves. H. A. David and H. N. Nagaraja, "Order Statistics", 3rd edition, Wiley 2003, section 7.1.
pub fn quantile_ranks(count: u64, share: f64, confidence: f64) -> (Option<u64>, Option<u64>) {
    let binomial = Binomial { count, share: share.clamp(0.0, 1.0) };
    let left = (1.0 - confidence) / 2.0;
    // The one only grows with the rank, the other only falls.
    let low = last(count, |rank| binomial.below(rank) <= left);
    let high = last(count, |rank| binomial.from(rank) > left) + 1;
    ((low > 0).then_some(low), (high <= count).then_some(high))
}

/// The last rank up to `count` for which something holds that holds for all before it; 0 when it holds for none.
fn last(count: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut held, mut open) = (0, count + 1);
    while open - held > 1 {
        let middle = held + (open - held) / 2;
        if holds(middle) { held = middle } else { open = middle }
    }
    held
}

/// How many of `count` values are up to the quantile `share`.
struct Binomial {
    count: u64,
    share: f64,
}

impl Binomial {
    /// Probability of fewer than `rank`, which is 1 at least.
    fn below(&self, rank: u64) -> f64 {
        if self.is_above_the_middle(rank) { 1.0 - self.tail_from(rank) } else { self.tail_to(rank - 1) }
    }

    /// Probability of `rank` or more.
    fn from(&self, rank: u64) -> f64 {
        if self.is_above_the_middle(rank) { self.tail_from(rank) } else { 1.0 - self.tail_to(rank - 1) }
    }

    fn is_above_the_middle(&self, rank: u64) -> bool {
        rank as f64 > self.share * self.count as f64
    }

    /// Probability of exactly `k`.
    fn of(&self, k: u64) -> f64 {
        if k > self.count {
            return 0.0;
        }
        let log = |times: u64, chance: f64| if times == 0 { 0.0 } else { times as f64 * chance.ln() };
        (ln_binomial(self.count, k) + log(k, self.share) + log(self.count - k, 1.0 - self.share)).exp()
    }

    /// Probability of `k` or fewer, where that is the smaller side: terms fall on the way down.
    fn tail_to(&self, k: u64) -> f64 {
        let ratio = |k: u64| k as f64 / (self.count - k + 1) as f64 * (1.0 - self.share) / self.share;
        sum(self.of(k), (1..=k).rev().map(ratio))
    }

    /// Probability of `k` or more, where that is the smaller side.
    fn tail_from(&self, k: u64) -> f64 {
        let ratio = |k: u64| (self.count - k) as f64 / (k + 1) as f64 * self.share / (1.0 - self.share);
        sum(self.of(k), (k..self.count).map(ratio))
    }
}

/// A first term and those that come from it by ratios, for as long as they count.
fn sum(first: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut term, mut sum) = (first, first);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        if term <= sum * 1e-16 {
            break;
        }
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn ranks_by_the_book() {
        // Of 100 values the 40th and the 61st bound the median with 96.5 %; J.-Y. Le Boudec, "Performance Evaluation
        // of Computer and Communication Systems", EPFL Press 2010, appendix A.
        assert_eq!(quantile_ranks(100, 0.5, 0.95), (Some(40), Some(61)));
        assert_eq!(quantile_ranks(10, 0.5, 0.95), (Some(2), Some(9)));
        assert_eq!(quantile_ranks(5, 0.5, 0.95), (None, None));
        // 99 of 100 values say nothing above a 99th percentile.
        assert_eq!(quantile_ranks(100, 0.99, 0.95).1, None);
        let (low, high) = quantile_ranks(10_000_000, 0.99, 0.95);
        // 1.96 standard deviations of the binomial: 617.
        assert!((9_899_380..9_899_390).contains(&low.unwrap()), "{low:?}");
        assert!((9_900_614..9_900_622).contains(&high.unwrap()), "{high:?}");
    }

    #[test]
    fn newcombe_by_the_book() {
        // His example (a): 56 of 70 less 48 of 80 is 0.2 with 0.0524 to 0.3339.
        let (first, second) = (Interval::of_share(56, 70).unwrap(), Interval::of_share(48, 80).unwrap());
        let difference = second.to(&first);
        assert!((difference.value - 0.2).abs() < 1e-9, "{difference:?}");
        assert!(
            (difference.low - 0.0524).abs() < 1e-4 && (difference.high - 0.3339).abs() < 1e-4,
            "{difference:?}"
        );
        assert!(difference.excludes_zero());
        // His example (d): 5 of 56 less 0 of 29 is 0.0893 with -0.0381 to 0.1926.
        let (first, second) = (Interval::of_share(5, 56).unwrap(), Interval::of_share(0, 29).unwrap());
        let difference = second.to(&first);
        assert!(
            (difference.low + 0.0381).abs() < 1e-4 && (difference.high - 0.1926).abs() < 1e-4,
            "{difference:?}"
        );
        assert!(!difference.excludes_zero());
    }

    #[test]
    fn facts_differ_when_they_differ_and_open_ends_say_nothing() {
        assert!(Interval::exact(3.0).to(&Interval::exact(2.0)).excludes_zero());
        assert!(!Interval::exact(3.0).to(&Interval::exact(3.0)).excludes_zero());
        let few = Interval::of_quantile(5, 0.99, |rank| rank as f64).unwrap();
        assert!(few.high.is_infinite() && !Interval::exact(4.0).to(&few).excludes_zero());
        assert_eq!((Interval::of_share(0, 0), Interval::of_quantile(0, 0.5, |_| 0.0)), (None, None));
    }

    /// Latencies with a tail: exponential.
    fn latencies(random: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
        let mut all: Vec<f64> =
            (0..count).map(|_| -(1.0 - random.next_u64() as f64 / 2f64.powi(64)).ln()).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn quantile(sorted: &[f64], share: f64) -> Interval {
        Interval::of_quantile(sorted.len() as u64, share, |rank| sorted[rank as usize - 1]).unwrap()
    }

    #[test]
    fn intervals_of_percentiles_hold_the_truth_as_often_as_they_say() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        for (count, share) in [(40, 0.5), (300, 0.9), (2_000, 0.99)] {
            let truth = -(1.0_f64 - share).ln();
            let trials = 2_000;
            let held = (0..trials).filter(|_| {
                let found = quantile(&latencies(&mut random, count), share);
                (found.low..=found.high).contains(&truth)
            });
            let held = held.count() as f64 / f64::from(trials);
            assert!((0.94..=0.985).contains(&held), "{count} {share}: {held}");
        }
    }

    #[test]
    fn equal_runs_are_rarely_told_apart_and_slower_ones_often() {
        let mut random = ChaCha8Rng::seed_from_u64(8);
        let mut told_apart = |factor: f64| {
            let trials = 1_000;
            let apart = (0..trials).filter(|_| {
                let one = quantile(&latencies(&mut random, 1_000), 0.9);
                let other = quantile(&latencies(&mut random, 1_000), 0.9).times(factor);
                one.to(&other).excludes_zero()
            });
            apart.count() as f64 / f64::from(trials)
        };
        let (same, slower) = (told_apart(1.0), told_apart(1.3));
        assert!(same <= 0.055 && same > 0.01 && slower > 0.95, "{same} {slower}");
    }

    proptest! {
        #[test]
        fn ranks_lie_around_the_quantile_and_hold_what_they_promise(
            count in 1_u64..5_000, share in 0.01_f64..0.999, confidence in 0.5_f64..0.999,
        ) {
            let (low, high) = quantile_ranks(count, share, confidence);
            let middle = share * count as f64;
            let binomial = Binomial { count, share };
            let below = low.map_or(0.0, |low| binomial.below(low));
            let above = high.map_or(0.0, |high| binomial.from(high));
            prop_assert!(below + above <= 1.0 - confidence + 1e-9);
            prop_assert!(low.is_none_or(|low| low as f64 <= middle + 1.0));
            prop_assert!(high.is_none_or(|high| high as f64 + 1.0 >= middle));
            // The next ones inside would promise too much.
            prop_assert!(binomial.below(low.unwrap_or(0) + 1) > (1.0 - confidence) / 2.0 - 1e-12);
        }

        #[test]
        fn a_difference_holds_its_value_and_is_the_same_from_both_sides(
            a in (0_u64..500, 1_u64..500), b in (0_u64..500, 1_u64..500),
        ) {
            let share = |(part, rest): (u64, u64)| Interval::of_share(part, part + rest).unwrap();
            let (there, back) = (share(a).to(&share(b)), share(b).to(&share(a)));
            prop_assert!(there.low <= there.value && there.value <= there.high);
            prop_assert!((there.low + back.high).abs() < 1e-12 && (there.high + back.low).abs() < 1e-12);
            prop_assert!(there.low >= -1.0 - 1e-12 && there.high <= 1.0 + 1e-12);
            prop_assert_eq!(there.excludes_zero(), back.excludes_zero());
        }
    }
}
