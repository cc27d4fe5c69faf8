//! Properties that hold for any input.

use kubsets_judge::share::{Estimate, SplitTest};
use kubsets_judge::{
    Block, Counts, Indicator, Judge, JudgeConfig, LimitTest, Source, Tick, TwoByTwo, Verdict, block_log_e,
};
use proptest::prelude::*;

fn counts(most: u64) -> impl Strategy<Value = Counts> {
    (0..=most).prop_flat_map(|n| (Just(n), 0..=n)).prop_map(|(n, bad)| Counts::new(n, bad))
}

fn block(most: u64) -> impl Strategy<Value = Block> {
    (counts(most), counts(most)).prop_map(|(stable, canary)| Block::new(stable, canary))
}

/// Counts that a broken source may send: more bad than requests, and very large.
fn wild_block() -> impl Strategy<Value = Block> {
    let wild = prop_oneof![0_u64..10, any::<u64>().prop_map(|n| n >> 20)];
    let counts = (wild.clone(), wild).prop_map(|(n, bad)| Counts { n, bad });
    (counts.clone(), counts).prop_map(|(stable, canary)| Block { stable, canary })
}

fn tick() -> impl Strategy<Value = Tick> {
    let seconds = prop_oneof![Just(1.0), Just(0.0), Just(-1.0), Just(f64::NAN), Just(1e9), 0.0..10.0];
    let weight = prop_oneof![Just(None), Just(Some(f64::NAN)), (0.0..=1.0).prop_map(Some)];
    let source = prop_oneof![9 => Just(Source::Up), 1 => Just(Source::Down)];
    (seconds, weight, source, [wild_block(), wild_block(), wild_block(), wild_block()]).prop_map(
        |(seconds, weight, source, [error, slow50, slow90, slow99])| Tick {
            seconds,
            weight,
            source,
            error,
            slow50,
            slow90,
            slow99,
        },
    )
}

fn rate() -> impl Strategy<Value = f64> {
    0.0001..0.9999
}

fn two_by_two(blocks: &[Block]) -> f64 {
    let mut test = TwoByTwo::new(&JudgeConfig::default(), Indicator::Error);
    for block in blocks {
        test.observe(*block);
    }
    test.log_e()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_more_bad_canary_request_never_lowers_the_evidence(
        before in prop::collection::vec(block(50), 0..20),
        (n, bad) in (1_u64..50).prop_flat_map(|n| (Just(n), 0..n)),
        stable in counts(50),
    ) {
        let with = |bad| {
            let mut blocks = before.clone();
            blocks.push(Block::new(stable, Counts::new(n, bad)));
            two_by_two(&blocks)
        };
        prop_assert!(with(bad + 1) >= with(bad) - 1e-9);
    }

    #[test]
    fn one_more_bad_stable_request_never_raises_the_evidence_of_a_block(
        (n, bad) in (1_u64..50).prop_flat_map(|n| (Just(n), 0..n)),
        canary in counts(50),
        low in rate(),
        high in rate(),
    ) {
        let (low, high) = (low.min(high), low.max(high));
        let with = |bad| block_log_e(Block::new(Counts::new(n, bad), canary), low, high);
        prop_assert!(with(bad + 1) <= with(bad) + 1e-9);
    }

    #[test]
    fn swapping_versions_and_rates_changes_nothing(block in block(100), one in rate(), other in rate()) {
        let swapped = Block::new(block.canary, block.stable);
        let (a, b) = (block_log_e(block, one, other), block_log_e(swapped, other, one));
        prop_assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{a} {b}");
    }

    #[test]
    fn swapping_good_and_bad_changes_nothing(block in block(100), one in rate(), other in rate()) {
        let turn = |counts: Counts| Counts::new(counts.n, counts.n - counts.bad);
        let turned = Block::new(turn(block.stable), turn(block.canary));
        let (a, b) = (block_log_e(block, one, other), block_log_e(turned, 1.0 - one, 1.0 - other));
        prop_assert!((a - b).abs() <= 1e-7 * (1.0 + a.abs()), "{a} {b}");
    }

    #[test]
    fn order_of_requests_inside_a_block_is_irrelevant(
        requests in prop::collection::vec((any::<bool>(), any::<bool>()), 0..60).prop_shuffle(),
        one in rate(),
        other in rate(),
    ) {
        // A block is a multiset of requests: summing it in any order gives the same evidence.
        let sum = |requests: &[(bool, bool)]| {
            let mut block = Block::default();
            for &(canary, bad) in requests {
                let request = Counts::new(1, u64::from(bad));
                block += if canary {
                    Block::new(Counts::default(), request)
                } else {
                    Block::new(request, Counts::default())
                };
            }
            block_log_e(block, one, other)
        };
        let mut sorted = requests.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sum(&requests).to_bits(), sum(&sorted).to_bits());
    }

    #[test]
    fn evidence_is_never_nan_or_infinite(ticks in prop::collection::vec(tick(), 1..40)) {
        let mut judge = Judge::new(JudgeConfig::default()).expect("valid");
        for tick in &ticks {
            judge.warm_up(tick);
            let decision = judge.observe(tick);
            let evidence = decision.evidence();
            for value in [evidence.fail, evidence.pass, evidence.split] {
                prop_assert!(value.is_finite() && value >= 0.0, "{value}");
            }
            for one in &evidence.per_indicator {
                prop_assert!(one.evidence.is_finite() && one.effect.is_finite());
            }
            prop_assert!(!decision.reason().is_empty());
            prop_assert!(!decision.reason().contains("NaN"), "{}", decision.reason());
            let text = serde_json::to_string(&decision).expect("plain data");
            prop_assert!(!text.contains("null") || evidence.weight.is_none(), "{text}");
        }
    }

    #[test]
    fn fail_and_invalid_are_final(ticks in prop::collection::vec(tick(), 1..40)) {
        let mut judge = Judge::new(JudgeConfig::default()).expect("valid");
        let mut end = None;
        for tick in &ticks {
            let verdict = judge.observe(tick).verdict();
            if let Some(end) = end {
                prop_assert_eq!(verdict, end);
            } else if matches!(verdict, Verdict::Fail | Verdict::Invalid) {
                end = Some(verdict);
            }
        }
    }

    #[test]
    fn fail_by_evidence_keeps_its_conditions(ticks in prop::collection::vec(block(30), 1..60)) {
        let mut judge = Judge::new(JudgeConfig { burn: None, ..JudgeConfig::errors_only() }).expect("valid");
        for error in ticks {
            let decision = judge.observe(&Tick { error, ..Tick::default() });
            if decision.verdict() == Verdict::Fail {
                let evidence = decision.evidence();
                prop_assert!(evidence.fail >= evidence.fail_needed * (1.0 - 1e-9));
                prop_assert!(evidence.canary.bad >= 3);
                prop_assert!(evidence.per_indicator[0].effect >= 0.005);
                break;
            }
        }
    }

    #[test]
    fn pass_evidence_falls_with_failures_and_rises_with_successes(n in 1_u64..5000, bad in 0_u64..5) {
        let evidence = |n: u64, bad: u64| {
            let mut test = LimitTest::new(&JudgeConfig::default());
            test.observe(Counts::new(n, bad));
            test.log_e()
        };
        let bad = bad.min(n);
        prop_assert!(evidence(n + 1, bad) >= evidence(n, bad) - 1e-9);
        prop_assert!(evidence(n + 1, bad + 1) <= evidence(n + 1, bad) + 1e-9);
    }

    #[test]
    fn share_interval_holds_its_estimate_and_narrows(canary in 0_u64..500, more in 0_u64..500) {
        let total = canary + more;
        let estimate = Estimate::new(canary, total);
        prop_assert!(0.0 <= estimate.low && estimate.high <= 1.0);
        prop_assert!(total == 0 || estimate.contains(estimate.share));
        let larger = Estimate::new(canary * 10, total * 10);
        prop_assert!(larger.half_width() <= estimate.half_width() + 1e-12);
        let mirrored = Estimate::new(more, total);
        prop_assert!(total == 0 || (mirrored.low - (1.0 - estimate.high)).abs() < 1e-9);
    }

    #[test]
    fn split_test_sees_both_versions_alike(canary in 0_u64..200, more in 0_u64..200, weight in 0.01..0.99_f64) {
        let run = |canary, weight| {
            let mut test = SplitTest::new(&JudgeConfig::default());
            for _ in 0..5 {
                test.observe(canary, canary + more, weight);
            }
            test.log_e()
        };
        let mirrored = {
            let mut test = SplitTest::new(&JudgeConfig::default());
            for _ in 0..5 {
                test.observe(more, canary + more, 1.0 - weight);
            }
            test.log_e()
        };
        let direct = run(canary, weight);
        prop_assert!((direct - mirrored).abs() <= 1e-6 * (1.0 + direct.abs()), "{direct} {mirrored}");
    }
}

/// Probability of `bad` in `n` at `rate`.
fn binomial(n: u64, bad: u64, rate: f64) -> f64 {
    let ways = (0..bad).fold(1.0, |ways, k| ways * (n - k) as f64 / (k + 1) as f64);
    ways * rate.powi(bad as i32) * (1.0 - rate).powi((n - bad) as i32)
}

/// Expected value of something over all outcomes of a block.
fn expectation(n: [u64; 2], rates: [f64; 2], value: impl Fn(Block) -> f64) -> f64 {
    let mut sum = 0.0;
    for stable in 0..=n[0] {
        for canary in 0..=n[1] {
            let block = Block::new(Counts::new(n[0], stable), Counts::new(n[1], canary));
            sum += binomial(n[0], stable, rates[0]) * binomial(n[1], canary, rates[1]) * value(block);
        }
    }
    sum
}

const RATES: [f64; 6] = [0.001, 0.01, 0.1, 0.3, 0.6, 0.95];

#[test]
fn expected_block_evidence_is_at_most_one_under_the_null() {
    let mut greatest: f64 = 0.0;
    for n in [[1, 1], [3, 2], [9, 1], [6, 6], [2, 12]] {
        for (at, &stable) in RATES.iter().enumerate() {
            // Canary as good as stable, or better.
            for &canary in &RATES[..=at] {
                for (bet, &low) in RATES.iter().enumerate() {
                    for &high in &RATES[bet..] {
                        let mean =
                            expectation(n, [stable, canary], |block| block_log_e(block, low, high).exp());
                        assert!(mean <= 1.0 + 1e-9, "{n:?} {stable} {canary} bet {low} {high}: {mean}");
                        greatest = greatest.max(mean);
                    }
                }
            }
        }
    }
    assert!(greatest > 0.999, "the bets are fair, not timid: {greatest}");
}

#[test]
fn expected_evidence_grows_when_the_bet_is_right() {
    for n in [[3, 2], [9, 1], [6, 6]] {
        let gain = expectation(n, [0.01, 0.3], |block| block_log_e(block, 0.01, 0.3));
        assert!(gain > 0.0, "{n:?}: {gain}");
    }
}

#[test]
fn expected_process_evidence_is_at_most_one_after_two_ticks() {
    // The second bet depends on what the first tick taught; the product must still be fair.
    for rate in [0.01, 0.2, 0.5] {
        let mean = expectation([4, 2], [rate, rate], |first| {
            expectation([2, 3], [rate, rate], |second| two_by_two(&[first, second]).exp())
        });
        assert!(mean <= 1.0 + 1e-9, "{rate}: {mean}");
    }
}

#[test]
fn expected_pass_evidence_is_at_most_one_at_and_above_the_limit() {
    for rate in [0.01, 0.02, 0.1, 0.5] {
        let mean = expectation([0, 12], [0.5, rate], |block| {
            let mut test = LimitTest::new(&JudgeConfig::default());
            test.observe(block.canary);
            test.log_e().exp()
        });
        assert!(mean <= 1.0 + 1e-9, "{rate}: {mean}");
    }
}

#[test]
fn expected_split_evidence_is_at_most_one_within_the_tolerance() {
    for (weight, share) in [(0.1, 0.1), (0.1, 0.11), (0.1, 0.09), (0.5, 0.505), (0.01, 0.005), (1.0, 0.99)] {
        let mean = expectation([0, 14], [0.5, share], |block| {
            let mut test = SplitTest::new(&JudgeConfig::default());
            test.observe(block.canary.bad, block.canary.n, weight);
            test.log_e().exp()
        });
        assert!(mean <= 1.0 + 1e-9, "weight {weight}, share {share}: {mean}");
    }
}
