//! Judges the recorded seconds of a canary again, by other rules. Pure.

use kubsets_delivery::{Record, RunEvent, SlowTick};
use kubsets_judge::compare::ClassicRule;
use kubsets_judge::{
    ConfigError, Indicator, Judge, JudgeConfig, LimitTest, Thresholds, Tick, Verdict as Judged,
};
use serde::Serialize;

use crate::ui::percent;

/// Seconds at the begin of the load that the warm-up leaves out, as the run itself did: connections are cold.
const COLD: usize = 2;

/// What a rule says about a recorded run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// The canary is worse.
    Fail,
    /// The canary is below the limit in every step.
    Pass,
    /// The rule, which knows no PASS, did not object.
    NoFail,
    /// Too little evidence for either.
    Inconclusive,
    /// The traffic was not split as ordered.
    Invalid,
}

impl Verdict {
    /// As people say it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fail => "FAIL",
            Self::Pass => "PASS",
            Self::NoFail => "no FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Invalid => "INVALID",
        }
    }
}

/// One rule and what it says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    /// Name with its settings.
    pub(super) rule: String,
    pub(super) verdict: Verdict,
    /// Judged seconds until FAIL.
    pub(super) failed_after_seconds: Option<f64>,
    /// One sentence with the numbers.
    pub(super) reason: String,
}

/// A recorded run under every rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rejudged {
    pub(super) run: String,
    pub(super) judged_seconds: f64,
    /// What the run decided itself; absent when it was killed before.
    pub(super) recorded_decision: Option<String>,
    pub(super) recorded_reason: String,
    /// What our own judge looked at: errors alone where slow answers are not on record.
    pub(super) indicators: Vec<Indicator>,
    /// The judge first, then the rules of other tools.
    pub(super) rules: Vec<Row>,
}

/// Seconds of one run, sorted.
#[derive(Default)]
struct Seconds {
    warm: Vec<Tick>,
    /// Stable's latency in the warm-up; absent in older records.
    baseline: Option<(Thresholds, SlowTick)>,
    /// Of each step.
    judged: Vec<Vec<Tick>>,
    steps: usize,
}

/// Judges a run again. Our own judge takes `config`, the rules of other tools their usual settings.
pub(super) fn rejudge(records: &[Record], config: &JudgeConfig) -> Result<Rejudged, ConfigError> {
    let (mut run, mut decided) = (String::new(), None);
    let mut seconds = Seconds::default();
    let mut before_judging = 0;
    for record in records {
        match &record.event {
            RunEvent::Started { run: name, steps, .. } => {
                name.clone_into(&mut run);
                seconds.steps = steps.len();
            }
            RunEvent::Frozen { thresholds_ms, margins: Some(margins), slow: Some(slow), .. } => {
                seconds.baseline = Some((Thresholds { above: *thresholds_ms, margins: *margins }, *slow));
            }
            RunEvent::StepBegan { .. } => seconds.judged.push(Vec::new()),
            RunEvent::Tick(tick) if tick.judged => match seconds.judged.last_mut() {
                Some(step) => step.push(tick.judge_tick()),
                None => seconds.judged.push(vec![tick.judge_tick()]),
            },
            RunEvent::Tick(tick) if seconds.judged.is_empty() => {
                before_judging += 1;
                if before_judging > COLD && !tick.stalled {
                    seconds.warm.push(tick.judge_tick());
                }
            }
            RunEvent::Decided { decision, reason } => decided = Some((decision.clone(), reason.clone())),
            _ => {}
        }
    }
    let all: Vec<Tick> = seconds.judged.iter().flatten().copied().collect();
    let config = match seconds.baseline {
        Some(_) => config.clone(),
        None => JudgeConfig { indicators: vec![Indicator::Error], ..config.clone() },
    };
    let mut rules = vec![by_evidence(&seconds, &config)?];
    rules.extend(ClassicRule::standard().iter().map(|rule| {
        let said = rule.judge(&all);
        Row {
            rule: said.rule,
            verdict: if said.failed_at_seconds.is_some() { Verdict::Fail } else { Verdict::NoFail },
            failed_after_seconds: said.failed_at_seconds,
            reason: said.reason,
        }
    }));
    let (recorded_decision, recorded_reason) = decided.map_or((None, String::new()), |(d, r)| (Some(d), r));
    let (judged_seconds, indicators) = (all.len() as f64, config.indicators);
    Ok(Rejudged { run, judged_seconds, recorded_decision, recorded_reason, indicators, rules })
}

/// Our own judge: FAIL over the whole run, PASS when every step shows the canary below the limit.
fn by_evidence(seconds: &Seconds, config: &JudgeConfig) -> Result<Row, ConfigError> {
    let rule = format!(
        "e-process: false alarms up to {}, error limit {}",
        percent(config.alpha),
        percent(config.error_limit)
    );
    let mut judge = Judge::new(config.clone())?;
    if let Some((thresholds, slow)) = &seconds.baseline {
        judge.freeze(thresholds);
        let [slow50, slow90, slow99] = SlowTick::blocks(*slow, SlowTick::default());
        judge.warm_up(&Tick { slow50, slow90, slow99, ..Tick::default() });
    }
    seconds.warm.iter().for_each(|tick| judge.warm_up(tick));
    let needed = -config.pass_alpha.ln();
    let (mut passed, mut elapsed, mut newest) = (0, 0.0, 0.0_f64);
    for step in &seconds.judged {
        let mut limit = LimitTest::new(config);
        let mut most = f64::NEG_INFINITY;
        for tick in step {
            elapsed += tick.seconds;
            limit.observe(tick.error.canary);
            most = most.max(limit.log_e());
            let decision = judge.observe(tick);
            let verdict = match decision.verdict() {
                Judged::Fail => Verdict::Fail,
                Judged::Invalid => Verdict::Invalid,
                _ => continue,
            };
            let failed_after_seconds = (verdict == Verdict::Fail).then_some(elapsed);
            return Ok(Row { rule, verdict, failed_after_seconds, reason: decision.reason().to_owned() });
        }
        passed += usize::from(most >= needed);
        newest = most.max(0.0).exp();
    }
    let limit = percent(config.error_limit);
    let (verdict, reason) = if passed > 0 && passed >= seconds.steps {
        (Verdict::Pass, format!("each of {passed} steps shows the canary below {limit} errors"))
    } else {
        let reason = format!(
            "{passed} of {} steps show the canary below {limit} errors; the last on record has evidence {newest:.1} \
             of {:.0}",
            seconds.steps,
            1.0 / config.pass_alpha
        );
        (Verdict::Inconclusive, reason)
    };
    Ok(Row { rule, verdict, failed_after_seconds: None, reason })
}

#[cfg(test)]
mod tests {
    use kubsets_delivery::{SideTick, TickEvent};

    use super::*;

    fn tick(stable: (u64, u64), canary: (u64, u64), dropped: u64) -> TickEvent {
        let side = |(requests, failed)| SideTick { requests, failed, ..SideTick::default() };
        TickEvent {
            percent: 10.0,
            judged: true,
            stable: side(stable),
            canary: side(canary),
            dropped,
            ..TickEvent::default()
        }
    }

    /// A run of one step in which every second is the same.
    fn run(seconds: usize, each: &TickEvent) -> Vec<Record> {
        let at = |event| Record { at: String::new(), seconds: 0.0, event };
        let mut records = vec![at(RunEvent::Started {
            run: "r".into(),
            lab: None,
            deployment: "d".into(),
            namespace: "n".into(),
            plan_hash: String::new(),
            url: String::new(),
            rate: 100.0,
            steps: vec![10.0],
        })];
        let warm = TickEvent { judged: false, percent: 0.0, ..tick((100, 0), (0, 0), 0) };
        records.extend((0..20).map(|_| at(RunEvent::Tick(Box::new(warm.clone())))));
        records.push(at(RunEvent::StepBegan {
            step: 1,
            of: 1,
            percent: 10.0,
            replicas: 1,
            budget_seconds: 600.0,
        }));
        records.extend((0..seconds).map(|_| at(RunEvent::Tick(Box::new(each.clone())))));
        records
    }

    fn own(records: &[Record], config: &JudgeConfig) -> Row {
        rejudge(records, config).expect("the settings work").rules.swap_remove(0)
    }

    #[test]
    fn a_bad_canary_fails_under_each_rule_that_had_its_look() {
        let said =
            rejudge(&run(400, &tick((90, 0), (10, 1), 0)), &JudgeConfig::errors_only()).expect("works");
        assert_eq!((said.rules.len(), said.judged_seconds as u64), (7, 400));
        assert!(said.rules.iter().all(|row| row.verdict == Verdict::Fail), "{said:?}");
        let own = said.rules[0].failed_after_seconds.expect("fails");
        assert!(own < 20.0, "{own}");
        assert_eq!(said.rules[1].failed_after_seconds, Some(60.0));
    }

    /// The seconds of a run with their slow answers, in which the canary takes longer than stable's 99th percentile.
    fn slow_run(canary_above: u64) -> Vec<Record> {
        let slow = |answers, above| Some(SlowTick { answers, above: [above; 3] });
        let mut each = tick((90, 0), (10, 0), 0);
        (each.stable.slow, each.canary.slow) = (slow(90, 0), slow(10, canary_above));
        let mut records = run(60, &each);
        let begin = records.iter().position(|one| matches!(one.event, RunEvent::StepBegan { .. }));
        let event = RunEvent::Frozen {
            requests: 2000,
            thresholds_ms: [15.0, 16.0, 17.0],
            margins: Some([0.02; 3]),
            slow: slow(2000, 0),
        };
        records.insert(begin.expect("begins"), Record { at: String::new(), seconds: 0.0, event });
        records
    }

    #[test]
    fn a_slow_canary_fails_where_slow_answers_are_on_record() {
        let config = JudgeConfig::default();
        let slow = own(&slow_run(10), &config);
        assert_eq!(slow.verdict, Verdict::Fail, "{slow:?}");
        assert!(slow.failed_after_seconds.is_some_and(|after| after < 30.0), "{slow:?}");
        assert_eq!(own(&slow_run(0), &config).verdict, Verdict::Pass);
        assert_eq!(own(&slow_run(10), &JudgeConfig::errors_only()).verdict, Verdict::Pass);
        // As in records of older plugins: errors are all that is left to judge.
        let old = rejudge(&run(60, &tick((90, 0), (10, 0), 0)), &config).expect("works");
        assert_eq!((old.rules[0].verdict, old.indicators), (Verdict::Pass, vec![Indicator::Error]));
        assert_eq!(rejudge(&slow_run(0), &config).expect("works").indicators, Indicator::ALL);
    }

    #[test]
    fn a_stalled_second_says_nothing() {
        let mut each = tick((0, 0), (100, 100), 0);
        each.stalled = true;
        assert_eq!(own(&run(60, &each), &JudgeConfig::errors_only()).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn the_limit_decides_between_pass_and_too_little() {
        let good = run(60, &tick((90, 0), (10, 0), 0));
        assert_eq!(own(&good, &JudgeConfig::errors_only()).verdict, Verdict::Pass);
        let strict = JudgeConfig { error_limit: 0.001, ..JudgeConfig::errors_only() };
        assert_eq!(own(&good, &strict).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn fewer_false_alarms_take_longer() {
        let bad = run(60, &tick((90, 0), (10, 1), 0));
        let of = |alpha| JudgeConfig { alpha, burn: None, ..JudgeConfig::errors_only() };
        let (quick, slow) = (own(&bad, &of(0.1)), own(&bad, &of(1e-6)));
        assert!(quick.failed_after_seconds < slow.failed_after_seconds, "{quick:?} {slow:?}");
        let none = JudgeConfig { alpha: 0.0, ..JudgeConfig::errors_only() };
        assert!(rejudge(&bad, &none).is_err());
    }
}
