use super::*;

#[test]
fn same_seed_same_bytes_other_seed_other_bytes() {
    let spec = SimulateSpec { runs: Some(50), seed: 7, ..SimulateSpec::default() };
    let text = |spec: &SimulateSpec| {
        serde_json::to_string_pretty(&simulate(spec).expect("valid")).expect("plain data")
    };
    assert_eq!(text(&spec), text(&spec));
    let other = SimulateSpec { seed: 8, ..spec.clone() };
    assert_ne!(text(&spec).replace("\"seed\": 7", ""), text(&other).replace("\"seed\": 8", ""));
    let back: SimulateReport = serde_json::from_str(&text(&spec)).expect("own output");
    assert_eq!(back.spec, spec);
}

#[test]
fn each_weight_has_a_row_and_several_have_a_last_one() {
    let spec = SimulateSpec {
        weights: vec![0.05, 0.25],
        step_seconds: 60,
        runs: Some(100),
        compare: true,
        ..SimulateSpec::default()
    };
    let report = simulate(&spec).expect("valid");
    assert_eq!(report.rows.iter().map(|row| row.steps.len()).collect::<Vec<_>>(), [1, 1, 2]);
    for row in &report.rows {
        assert_eq!(row.runs, 100);
        assert!(row.equal.fail_rate <= 0.05, "{row:?}");
        assert!(row.worse.fail_rate > 0.9, "{row:?}");
        assert_eq!(row.rules.len(), ClassicRule::standard().len());
    }
    // More traffic to the canary finds it sooner.
    assert!(report.rows[1].worse.fail_median_seconds < report.rows[0].worse.fail_median_seconds);
}

#[test]
fn number_of_runs_shrinks_for_long_plans() {
    let short = SimulateSpec::default();
    assert_eq!(short.runs(&short.schedules()), 2_000);
    let long = SimulateSpec { weights: vec![0.05, 0.1, 0.25, 0.5, 1.0], ..SimulateSpec::default() };
    assert_eq!(long.runs(&long.schedules()), 400);
}

#[test]
fn slow_canary_is_found_by_latency_alone() {
    let spec = SimulateSpec {
        canary_error: 0.001,
        latency: Some(Latency { factor: 2.0, ..Latency::default() }),
        judge: JudgeConfig::default(),
        runs: Some(200),
        step_seconds: 60,
        ..SimulateSpec::default()
    };
    let row = &simulate(&spec).expect("valid").rows[0];
    assert!(row.worse.fail_rate > 0.99, "{row:?}");
    assert!(row.worse.fail_median_seconds.is_some_and(|seconds| seconds <= 4), "{row:?}");
    assert!(row.equal.fail_rate <= 0.02, "{row:?}");
}

#[test]
fn wrong_fields_are_named() {
    let refused = |change: fn(&mut SimulateSpec)| {
        let mut spec = SimulateSpec::default();
        change(&mut spec);
        simulate(&spec).expect_err("must be refused").to_string()
    };
    assert_eq!(
        refused(|s| s.rate = -1.0),
        "rate is -1, but must be requests per second over 0 and up to 1000000"
    );
    assert_eq!(
        refused(|s| s.weights = vec![10.0]),
        "weights is 10, but must be a list of shares over 0 and up to 1"
    );
    assert!(refused(|s| s.weights.clear()).starts_with("weights is empty"));
    assert!(refused(|s| s.canary_error = 5.0).starts_with("canary_error is 5,"));
    assert!(refused(|s| s.step_seconds = 0).starts_with("step_seconds is 0,"));
    assert!(refused(|s| s.runs = Some(0)).starts_with("runs is 0,"));
    assert!(refused(|s| s.judge.alpha = 0.0).starts_with("alpha is 0,"));
    assert!(refused(|s| s.judge = JudgeConfig::default()).starts_with("judge.indicators is slow50,"));
    assert!(
        refused(|s| s.latency = Some(Latency { factor: 0.0, ..Latency::default() }))
            .starts_with("latency.factor")
    );
}
