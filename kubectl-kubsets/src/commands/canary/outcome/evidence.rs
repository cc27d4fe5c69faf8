//! What a verdict rests on, in one line of at most 66 characters as a rule.

use kubsets_delivery::{Outcome, RunVerdict};
use kubsets_judge::{Counts, Evidence, Indicator, Rule};

/// None where nothing was judged.
pub(super) fn describe(outcome: &Outcome) -> Option<String> {
    // Older records do not say what each step showed.
    if outcome.verdict == RunVerdict::Promoted
        && let Some((step, shown)) = outcome.weakest_step()
    {
        let evidence = of(shown.pass, shown.needed);
        let counts = sides(shown.errors.canary, shown.errors.stable);
        return Some(format!("at {} % (least): {evidence}; {counts} failed", step.percent));
    }
    outcome.evidence.as_ref().map(found)
}

fn found(evidence: &Evidence) -> String {
    let of_indicator = |wanted: Indicator| evidence.per_indicator.iter().find(|one| one.indicator == wanted);
    let fail = of(evidence.fail, evidence.fail_needed);
    match evidence.rule {
        Rule::Worse(indicator) => {
            let counts = of_indicator(indicator).map(|one| sides(one.canary, one.stable)).unwrap_or_default();
            format!("{}: {fail}; {counts}", name(indicator))
        }
        Rule::Burn => {
            let counts = of_indicator(Indicator::Error).map(|one| sides(one.canary, one.stable));
            format!("emergency stop: {} failed", counts.unwrap_or_default())
        }
        Rule::Split => {
            let share = &evidence.share;
            let split = of(evidence.split, evidence.split_needed);
            format!("split: {split}; canary got {} of {}", share.canary, share.total)
        }
        Rule::None | Rule::Limit | Rule::Budget => {
            let pass = of(evidence.pass, evidence.pass_needed);
            format!("FAIL {fail}, PASS {pass}; canary {} failed", counted(evidence.canary))
        }
    }
}

/// `E 132 of 100`.
fn of(evidence: f64, needed: f64) -> String {
    let evidence = match evidence {
        value if value >= 1e6 => format!("{value:.0e}"),
        value if value >= 10.0 => format!("{value:.0}"),
        value => format!("{value:.1}"),
    };
    format!("E {evidence} of {needed:.0}")
}

fn sides(canary: Counts, stable: Counts) -> String {
    format!("canary {}, stable {}", counted(canary), counted(stable))
}

fn counted(counts: Counts) -> String {
    format!("{}/{}", counts.bad, counts.n)
}

fn name(indicator: Indicator) -> &'static str {
    match indicator {
        Indicator::Error => "errors",
        Indicator::Slow50 => "slower than p50",
        Indicator::Slow90 => "slower than p90",
        Indicator::Slow99 => "slower than p99",
    }
}

#[cfg(test)]
mod tests {
    use kubsets_delivery::StepEvidence;
    use kubsets_judge::Block;

    use super::*;

    /// A recorded run of the fixtures.
    fn recorded(run: &str) -> Outcome {
        let path = format!("{}/tests/fixtures/runs/{run}/run.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).expect("is there")).expect("is an outcome")
    }

    /// Characters of a line of 80 that are left beside its name.
    const ROOM: usize = 66;

    #[test]
    fn a_rollback_names_what_it_rests_on() {
        let mut outcome = recorded("261120-163148-d80d");
        let told = describe(&outcome).unwrap();
        assert_eq!(told, "errors: E 1419 of 100; canary 4/60, stable 0/540");
        let evidence = outcome.evidence.as_mut().unwrap();
        evidence.rule = Rule::Burn;
        assert_eq!(describe(&outcome).unwrap(), "emergency stop: canary 4/60, stable 0/540 failed");
    }

    #[test]
    fn a_promotion_rests_on_its_weakest_step() {
        let mut outcome = recorded("261120-163001-d4fb");
        assert_eq!(describe(&outcome).unwrap(), "FAIL E 0.4 of 100, PASS E 5e8 of 20; canary 0/2122 failed");
        for (step, pass) in outcome.steps.iter_mut().zip([25.0, 21.0, 30.0, 9e9, 40.0]) {
            let errors = Block::new(Counts::new(2745, 1), Counts::new(305, 0));
            step.evidence = Some(StepEvidence { pass, needed: 20.0, errors });
        }
        let told = describe(&outcome).unwrap();
        assert!(told.len() <= ROOM);
        assert_eq!(told, "at 10 % (least): E 21 of 20; canary 0/305, stable 1/2745 failed");
    }

    #[test]
    fn without_a_verdict_both_gauges_are_told_and_a_wrong_split_is_named() {
        let mut outcome = recorded("261120-163148-d80d");
        outcome.verdict = RunVerdict::Inconclusive;
        let evidence = outcome.evidence.as_mut().unwrap();
        (evidence.rule, evidence.fail) = (Rule::None, 12_345.0);
        let told = describe(&outcome).unwrap();
        assert_eq!(told, "FAIL E 12345 of 100, PASS E 0.0 of 20; canary 4/60 failed");
        assert!(told.len() <= ROOM);
        outcome.evidence.as_mut().unwrap().rule = Rule::Split;
        assert_eq!(describe(&outcome).unwrap(), "split: E 0.3 of 100; canary got 10 of 100");
        outcome.evidence = None;
        assert_eq!(describe(&outcome), None);
    }
}
