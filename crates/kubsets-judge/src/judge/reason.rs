//! The sentence that explains a verdict.

use crate::judge::{Evidence, IndicatorEvidence, Judge, Rule, Verdict};
use crate::tick::{Counts, Indicator};

/// A share as percent, with the digits that it needs.
fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn points(difference: f64) -> String {
    format!("{:+.2} points", difference * 100.0)
}

/// Evidence as a short number.
fn short(evidence: f64) -> String {
    if evidence >= 1e6 {
        format!("{evidence:.1e}")
    } else if evidence >= 10.0 {
        format!("{evidence:.0}")
    } else if evidence >= 0.01 {
        format!("{evidence:.2}")
    } else {
        "under 0.01".to_owned()
    }
}

fn counted(counts: Counts) -> String {
    format!("{} of {} ({})", counts.bad, counts.n, percent(counts.rate()))
}

fn noun(indicator: Indicator) -> &'static str {
    match indicator {
        Indicator::Error => "failed requests",
        Indicator::Slow50 => "requests over the limit from stable's median",
        Indicator::Slow90 => "requests over the limit from stable's 90th percentile",
        Indicator::Slow99 => "requests over the limit from stable's 99th percentile",
    }
}

fn leading(found: &Evidence) -> Option<&IndicatorEvidence> {
    found.per_indicator.iter().max_by(|one, other| one.evidence.total_cmp(&other.evidence))
}

pub(super) fn sentence(judge: &Judge, found: &Evidence) -> String {
    match judge.verdict {
        Verdict::Fail => fail(judge, found),
        Verdict::Pass => format!(
            "canary's error rate is below {}: {} failed in {:.0} s, evidence {} of {} needed (one-sample e-process, \
             wrong in at most {} of runs)",
            percent(judge.config.error_limit),
            counted(found.canary),
            found.elapsed_seconds,
            short(found.pass),
            short(found.pass_needed),
            percent(judge.config.pass_alpha),
        ),
        Verdict::Invalid => format!(
            "traffic was not split as ordered: canary got {} of {} requests ({}) where {} was ordered, evidence {} \
             of {} needed (sample-ratio e-process, tolerance {})",
            found.share.canary,
            found.share.total,
            percent(found.share.share),
            found.weight.map_or_else(|| "another share".to_owned(), percent),
            short(found.split),
            short(found.split_needed),
            points(judge.config.split_tolerance),
        ),
        Verdict::Inconclusive => format!(
            "{:.0} s are over without verdict: {}; {}",
            judge.config.budget_seconds,
            gauges(found),
            missing(judge, found)
        ),
        Verdict::SourceDown => {
            format!(
                "the source of the counts has not answered for {:.0} s; {}",
                judge.down_seconds,
                gauges(found)
            )
        }
        Verdict::NoData => {
            format!("the canary has had no request for {:.0} s; {}", judge.quiet_seconds, gauges(found))
        }
        Verdict::Hold => format!("{}; {}", gauges(found), missing(judge, found)),
    }
}

fn fail(judge: &Judge, found: &Evidence) -> String {
    if let (Rule::Burn, Some(burn)) = (judge.rule, &judge.burn) {
        let window = burn.window();
        return format!(
            "{} of the latest canary requests failed, stable {} at the same time (emergency stop: at least {} \
             of at least {} requests)",
            counted(window.canary),
            counted(window.stable),
            percent(burn.share()),
            burn.requests(),
        );
    }
    let Some(led) = found
        .per_indicator
        .iter()
        .find(|one| judge.rule == Rule::Worse(one.indicator))
        .or_else(|| leading(found))
    else {
        return "canary is worse".to_owned();
    };
    format!(
        "canary is worse: {} {} against {} of stable, {}, evidence {} of {} needed (2x2 e-process, false alarm in \
         at most {} of runs; margin {})",
        counted(led.canary),
        noun(led.indicator),
        counted(led.stable),
        points(led.effect),
        short(found.fail),
        short(found.fail_needed),
        percent(judge.config.alpha),
        points(led.margin),
    )
}

fn gauges(found: &Evidence) -> String {
    format!(
        "evidence for FAIL {} of {}, for PASS {} of {}, after {} canary requests with {} failed",
        short(found.fail),
        short(found.fail_needed),
        short(found.pass),
        short(found.pass_needed),
        found.canary.n,
        found.canary.bad,
    )
}

/// What still keeps a verdict away.
fn missing(judge: &Judge, found: &Evidence) -> String {
    if found.fail >= found.fail_needed
        && let Some(led) = leading(found)
    {
        return if led.canary.bad < judge.config.min_bad {
            format!("FAIL waits for {} {} of canary", judge.config.min_bad, noun(led.indicator))
        } else {
            format!(
                "the difference of {} in {} is under the margin of {}",
                points(led.effect),
                noun(led.indicator),
                points(led.margin)
            )
        };
    }
    let level = found.pass_needed.ln();
    match judge.limit.requests_needed(found.canary.bad, level) {
        Some(needed) if needed > found.canary.n => format!(
            "PASS at {} needs {} more canary requests if none of them fails",
            percent(judge.config.error_limit),
            needed - found.canary.n
        ),
        _ => format!("PASS needs an error rate clearly below {}", percent(judge.config.error_limit)),
    }
}
