use super::*;

fn steps(weights: &[f64], seconds: u32) -> Vec<Step> {
    weights.iter().map(|&weight| Step { weight, seconds }).collect()
}

#[test]
fn default_plan_tells_requests_seconds_and_chances() {
    let plan = plan(&PlanSpec::default()).expect("possible");
    assert!((plan.seconds - 150.0).abs() < 1e-9);
    assert_eq!(plan.steps[1].canary_requests, 300);
    assert_eq!(plan.steps[4].canary_requests_so_far, 5700);
    // 150 in the first 30 s at 5 rps, the rest at 10 rps.
    let clean = plan.pass_clean;
    assert!(clean.requests > 299 && clean.requests < 400, "{clean:?}");
    let expected = 30.0 + (clean.requests - 150) as f64 / 10.0;
    assert!(clean.seconds.is_some_and(|seconds| (seconds - expected).abs() < 1e-9), "{clean:?}");
    assert!(plan.pass_one_failure.is_some_and(|need| need.requests > clean.requests));
    assert!(plan.good.pass_rate > 0.95, "{plan:?}");
    assert!(plan.good.fail_rate <= 0.02, "{plan:?}");
    assert!(plan.bad.fail_rate > 0.99, "{plan:?}");
    assert!(plan.bad.fail_median_seconds.is_some_and(|seconds| seconds < 30), "{plan:?}");
    assert_eq!(plan.warnings, Vec::<String>::new());
}

#[test]
fn too_short_a_plan_is_refused_with_numbers_and_hint() {
    let spec = PlanSpec { rate: 20.0, steps: steps(&[0.05], 60), ..PlanSpec::default() };
    let error = plan(&spec).expect_err("60 requests are too few");
    assert!(
        error.to_string().starts_with("PASS at an error rate under 1 % needs 3")
            && error.to_string().ends_with("canary requests, but this plan sends 60 in 60 s"),
        "{error}"
    );
    let PlanError::TooFewRequests { factor, .. } = error else { panic!("{error}") };
    assert!((5.0..7.0).contains(&factor));
    assert!(
        error.hint().starts_with(&format!("raise the rate or the weights {factor:.1} times")),
        "{}",
        error.hint()
    );
}

#[test]
fn time_budget_counts_too() {
    let judge = JudgeConfig { budget_seconds: 20.0, ..JudgeConfig::default() };
    let error = plan(&PlanSpec { judge, ..PlanSpec::default() }).expect_err("100 requests in 20 s");
    assert!(matches!(error, PlanError::TooFewRequests { available: 100, .. }), "{error}");
}

#[test]
fn a_limit_that_stable_misses_is_refused() {
    let error = plan(&PlanSpec { base_error: 0.02, ..PlanSpec::default() }).expect_err("base over limit");
    assert_eq!(
        error.to_string(),
        "stable fails 2 % of its requests, so a canary as good cannot pass a limit of 1 %"
    );
    assert_eq!(error.hint(), "set the error limit well above 2 %, or repair stable first");
    let close = PlanSpec { base_error: 0.0095, steps: steps(&[0.1], 60), ..PlanSpec::default() };
    assert!(matches!(plan(&close), Err(PlanError::Hopeless { .. })));
}

#[test]
fn weak_plans_come_with_warnings() {
    let spec = PlanSpec { rate: 20.0, steps: steps(&[0.1], 200), bad_error: 0.01, ..PlanSpec::default() };
    let plan = plan(&spec).expect("possible");
    assert!(
        plan.warnings.iter().any(|text| text.starts_with("a canary with 1 % errors is found in ")),
        "{plan:?}"
    );
    assert!(
        plan.warnings.iter().any(|text| text.starts_with("a canary as good as stable passes in ")),
        "{plan:?}"
    );
    let whole = PlanSpec { steps: steps(&[1.0], 60), ..PlanSpec::default() };
    let plan = super::plan(&whole).expect("possible");
    assert!(plan.warnings.iter().any(|text| text.contains("nothing is compared")), "{plan:?}");
}

#[test]
fn wrong_fields_are_named() {
    let error = plan(&PlanSpec { steps: steps(&[0.0], 30), ..PlanSpec::default() }).expect_err("weight 0");
    assert_eq!(error.to_string(), "weights is 0, but must be a list of shares over 0 and up to 1");
    assert_eq!(error.hint(), "set weights to a list of shares over 0 and up to 1");
    assert!(plan(&PlanSpec { steps: vec![], ..PlanSpec::default() }).is_err());
    assert!(plan(&PlanSpec { rate: f64::INFINITY, ..PlanSpec::default() }).is_err());
}
