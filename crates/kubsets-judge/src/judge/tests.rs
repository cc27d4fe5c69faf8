use super::*;

fn block(stable: (u64, u64), canary: (u64, u64)) -> Block {
    Block::new(Counts::new(stable.0, stable.1), Counts::new(canary.0, canary.1))
}

fn tick(stable: (u64, u64), canary: (u64, u64)) -> Tick {
    Tick::errors(0.1, block(stable, canary))
}

fn judge(config: JudgeConfig) -> Judge {
    let mut judge = Judge::new(config).expect("valid");
    for _ in 0..20 {
        judge.warm_up(&tick((100, 0), (0, 0)));
    }
    judge
}

/// Feeds the same tick until the verdict is not open any more.
fn until_closed(judge: &mut Judge, tick: &Tick) -> Decision {
    for _ in 0..10_000 {
        let decision = judge.observe(tick);
        if !decision.verdict().is_open() {
            return decision;
        }
    }
    panic!("no verdict");
}

#[test]
fn bad_canary_fails_with_a_sentence_of_numbers() {
    let mut judge = judge(JudgeConfig::errors_only());
    let mut decision = judge.observe(&tick((90, 0), (10, 0)));
    for _ in 0..3 {
        assert_eq!(decision.verdict(), Verdict::Hold);
        decision = judge.observe(&tick((90, 0), (10, 1)));
    }
    assert_eq!(decision.verdict(), Verdict::Fail, "{decision:?}");
    assert_eq!(decision.evidence().rule, Rule::Worse(Indicator::Error));
    let reason = decision.reason();
    assert!(
        reason.starts_with(
            "canary is worse: 3 of 40 (7.50 %) failed requests against 0 of 360 (0.00 %) of stable, +7.50 points, \
             evidence "
        ),
        "{reason}"
    );
    assert!(
        reason.contains("of 100 needed (2x2 e-process, false alarm in at most 1.00 % of runs"),
        "{reason}"
    );
    // Final: later good ticks do not change it, nor the counts.
    let later = judge.observe(&tick((90, 0), (10, 0)));
    assert_eq!(later, decision);
}

#[test]
fn two_bad_requests_are_never_enough() {
    let mut judge = judge(JudgeConfig { differences: vec![0.4], ..JudgeConfig::errors_only() });
    let decision = judge.observe(&tick((900, 0), (4, 2)));
    assert_eq!(decision.verdict(), Verdict::Hold);
    assert!(decision.evidence().fail > 100.0);
    assert!(
        decision.reason().ends_with("FAIL waits for 3 failed requests of canary"),
        "{}",
        decision.reason()
    );
}

#[test]
fn a_difference_under_the_margin_does_not_fail() {
    // 0.4 points worse with overwhelming evidence.
    let mut judge = judge(JudgeConfig::errors_only());
    let decision = judge.observe(&Tick::errors(0.5, block((100_000, 100), (100_000, 500))));
    assert!(decision.evidence().fail > 100.0);
    assert_ne!(decision.verdict(), Verdict::Fail);
}

#[test]
fn good_canary_passes_after_the_planned_requests() {
    let mut judge = judge(JudgeConfig::default());
    let decision = until_closed(&mut judge, &tick((90, 0), (10, 0)));
    assert_eq!(decision.verdict(), Verdict::Pass);
    assert_eq!(decision.evidence().canary.n, 360, "{decision:?}");
    assert!(
        decision.reason().starts_with("canary's error rate is below 1.00 %: 0 of 360"),
        "{}",
        decision.reason()
    );
}

#[test]
fn pass_can_still_turn_into_fail() {
    let mut judge = judge(JudgeConfig::default());
    until_closed(&mut judge, &tick((90, 0), (10, 0)));
    let decision = until_closed(&mut judge, &tick((90, 0), (10, 4)));
    let decision = if decision.verdict() == Verdict::Pass {
        until_closed(&mut judge, &tick((90, 0), (10, 4)))
    } else {
        decision
    };
    assert_eq!(decision.verdict(), Verdict::Fail);
}

#[test]
fn budget_ends_inconclusive_and_says_what_was_missing() {
    let mut judge = judge(JudgeConfig { budget_seconds: 20.0, ..JudgeConfig::default() });
    let decision = until_closed(&mut judge, &tick((90, 0), (10, 0)));
    assert_eq!(decision.verdict(), Verdict::Inconclusive);
    assert!((decision.evidence().elapsed_seconds - 20.0).abs() < 1e-9);
    assert!(decision.reason().contains("PASS at 1.00 % needs 1"), "{}", decision.reason());
}

#[test]
fn half_of_the_requests_failing_stops_at_once() {
    let mut judge = judge(JudgeConfig::default());
    let decision = judge.observe(&tick((90, 0), (10, 6)));
    assert_eq!(decision.verdict(), Verdict::Fail);
    assert_eq!(decision.evidence().rule, Rule::Burn);
    assert!(
        decision.reason().starts_with("6 of 10 (60.00 %) of the latest canary requests"),
        "{}",
        decision.reason()
    );
}

#[test]
fn no_data_and_source_down_are_told_apart() {
    let mut judge = judge(JudgeConfig::default());
    let tick = |stable, canary| Tick { weight: None, ..tick(stable, canary) };
    for second in 1..=9 {
        assert_eq!(judge.observe(&tick((100, 0), (0, 0))).verdict(), Verdict::Hold, "second {second}");
    }
    let quiet = judge.observe(&tick((0, 0), (0, 0)));
    assert_eq!(quiet.verdict(), Verdict::NoData);
    let down = judge.observe(&Tick::down(1.0));
    assert_eq!(down.verdict(), Verdict::SourceDown);
    assert!(
        down.reason().starts_with("the source of the counts has not answered for 1 s"),
        "{}",
        down.reason()
    );
    assert_eq!(judge.observe(&tick((90, 0), (10, 0))).verdict(), Verdict::Hold);
    let mut end = judge.observe(&Tick::down(1.0));
    for _ in 0..400 {
        end = judge.observe(&Tick::down(1.0));
    }
    assert_eq!(end.verdict(), Verdict::Inconclusive);
    assert!((end.evidence().pass - 1.0).abs() < 0.2);
}

#[test]
fn wrong_split_is_invalid_and_final() {
    let mut judge = judge(JudgeConfig::default());
    let decision = until_closed(&mut judge, &tick((70, 0), (30, 0)));
    assert_eq!(decision.verdict(), Verdict::Invalid);
    assert!(decision.evidence().elapsed_seconds > 5.0, "the first seconds of a weight are not judged");
    assert!(decision.reason().contains("where 10.00 % was ordered"), "{}", decision.reason());
    assert_eq!(judge.observe(&tick((90, 0), (10, 0))).verdict(), Verdict::Invalid);
    // Without an ordered weight the split is not judged.
    let mut free = Judge::new(JudgeConfig::default()).expect("valid");
    let unknown = Tick { weight: None, ..tick((70, 0), (30, 0)) };
    assert_eq!(until_closed(&mut free, &unknown).verdict(), Verdict::Pass);
}

#[test]
fn slower_canary_fails_on_a_latency_indicator() {
    let mut judge = judge(JudgeConfig::default());
    judge.freeze(&Thresholds { above: [10.0, 20.0, 40.0], margins: [0.05, 0.03, 0.01] });
    let slow = Tick {
        slow50: block((90, 45), (10, 9)),
        slow90: block((90, 9), (10, 3)),
        slow99: block((90, 1), (10, 1)),
        ..tick((90, 0), (10, 0))
    };
    let decision = until_closed(&mut judge, &slow);
    assert_eq!(decision.verdict(), Verdict::Fail);
    assert!(matches!(
        decision.evidence().rule,
        Rule::Worse(Indicator::Slow50 | Indicator::Slow90 | Indicator::Slow99)
    ));
    assert!(decision.reason().contains("requests over the limit from stable's"), "{}", decision.reason());
}

#[test]
fn late_trouble_shows_in_the_effect_of_the_current_weight() {
    let mut judge = judge(JudgeConfig { budget_seconds: 1e6, ..JudgeConfig::errors_only() });
    for _ in 0..2000 {
        judge.observe(&tick((90, 0), (10, 0)));
    }
    let late = Tick::errors(0.5, block((50, 0), (50, 2)));
    let decision =
        (0..200).map(|_| judge.observe(&late)).find(|decision| decision.verdict() == Verdict::Fail);
    let evidence = decision.expect("found").evidence().clone();
    assert!(evidence.per_indicator[0].effect > 0.03, "{evidence:?}");
}

#[test]
fn decision_survives_json() {
    let mut judge = judge(JudgeConfig::default());
    let decision = judge.observe(&tick((90, 1), (10, 0)));
    let text = serde_json::to_string(&decision).expect("plain data");
    assert!(text.starts_with(r#"{"verdict":"hold","evidence":{"fail":"#), "{text}");
    let back: Decision = serde_json::from_str(&text).expect("own output");
    assert_eq!(back.verdict(), Verdict::Hold);
    assert_eq!(back.reason(), decision.reason());
}
