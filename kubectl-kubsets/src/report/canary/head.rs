//! Title, verdict, reason and the numbers at the top.

use kubsets_delivery::{Outcome, RunEvent, RunVerdict};
use kubsets_report::{Block, Cell, Number, Section, Table, Tone, Unit, Verdict};

use super::latency;
use crate::report::CanaryRecord;
use crate::report::pieces::{count, good_if, number, section, sentence};
use crate::ui::number_of;

/// Exit code of a run without a verdict; a promotion has it when a step was gone past without one.
const INCONCLUSIVE: u8 = 3;

pub(super) fn title(record: &CanaryRecord) -> String {
    let version = |version: Option<&str>| version.unwrap_or("?").to_owned();
    format!(
        "Canary of {}: {} → {}",
        record.plan.spec.deployment,
        version(record.stable_version()),
        version(record.canary_version())
    )
}

pub(super) fn verdict(record: &CanaryRecord) -> Verdict {
    let Some(outcome) = &record.outcome else {
        return Verdict {
            tone: Tone::Warn,
            word: "UNFINISHED".into(),
            meaning: "no outcome on record: it is still under way, or its driver was killed".into(),
        };
    };
    let (tone, word, meaning) = match outcome.verdict {
        RunVerdict::Promoted if outcome.exit_code == INCONCLUSIVE => {
            (Tone::Warn, "INCONCLUSIVE", "promoted all the same, as asked")
        }
        RunVerdict::Promoted => (Tone::Good, "PASS", "promoted"),
        RunVerdict::RolledBack => (Tone::Bad, "FAIL", "rolled back"),
        RunVerdict::Inconclusive => (Tone::Warn, "INCONCLUSIVE", "rolled back for want of a verdict"),
        RunVerdict::Invalid => (Tone::Warn, "INVALID", "rolled back, for what was measured is worth nothing"),
        RunVerdict::Aborted => (Tone::Warn, "ABORTED", "rolled back before a verdict"),
        RunVerdict::Error => (Tone::Bad, "ERROR", "the run could not go on"),
    };
    let mut meaning = meaning.to_owned();
    if outcome.cleanup_command.is_some() {
        meaning.push_str(", and something is not as it was before");
    }
    let expected = !outcome.expectations.is_empty() && outcome.expectations.iter().all(|one| one.held);
    if expected {
        meaning.push_str(", which is what the lab expects");
    }
    Verdict { tone, word: word.to_owned(), meaning }
}

/// One sentence with a capital and a full stop.
pub(super) fn reason(record: &CanaryRecord) -> String {
    let words = record.outcome.as_ref().map_or_else(|| last_words(record), |outcome| outcome.reason.clone());
    sentence(&words)
}

/// What is known of a run without an outcome.
fn last_words(record: &CanaryRecord) -> String {
    let doing = record.events.iter().rev().find_map(|record| match &record.event {
        RunEvent::Doing { what } => Some(what.as_str()),
        _ => None,
    });
    let doing = doing.map(|what| format!("; it was {what}")).unwrap_or_default();
    format!("the record ends after {}{doing}", Unit::Seconds.text(record.seconds()))
}

pub(super) fn numbers(record: &CanaryRecord) -> Vec<Number> {
    let mut numbers = Vec::new();
    if let Some(outcome) = &record.outcome {
        numbers.extend([users(outcome), time(record, outcome), errors(outcome)]);
    }
    numbers.extend(latency::number(record));
    if let Some(outcome) = &record.outcome {
        numbers.extend(share(outcome));
        numbers.push(moves(outcome));
        numbers.extend(way_back(outcome));
        numbers.extend(held(outcome));
    }
    numbers
}

fn users(outcome: &Outcome) -> Number {
    let totals = &outcome.totals;
    let failed = totals.failed_for_users;
    let plural = if failed == 1 { "failed request" } else { "failed requests" };
    number(
        "Users saw",
        format!("{} {plural}", count(failed)),
        format!("of {} planned", count(totals.planned)),
        if failed == 0 { Tone::Good } else { Tone::Plain },
    )
}

fn time(record: &CanaryRecord, outcome: &Outcome) -> Number {
    let took = Unit::Seconds.text(outcome.seconds);
    match (outcome.seconds_to_verdict, outcome.verdict) {
        (
            Some(seconds),
            RunVerdict::RolledBack | RunVerdict::Inconclusive | RunVerdict::Invalid | RunVerdict::Promoted,
        ) => {
            let step = outcome.steps.len();
            let of = record.plan.steps.len();
            let note = format!("from the first shift, in step {step} of {of}; {took} in all");
            number("Verdict after", Unit::Seconds.text(seconds), note, Tone::Plain)
        }
        (Some(seconds), _) => {
            let note = format!("with traffic on the canary; {took} in all");
            number("Ended after", Unit::Seconds.text(seconds), note, Tone::Plain)
        }
        (None, _) => number("Ended after", took, "before any traffic was moved".to_owned(), Tone::Plain),
    }
}

fn rate(failed: u64, all: u64) -> String {
    if all == 0 { "-".to_owned() } else { Unit::Percent.text(failed as f64 / all as f64 * 100.0) }
}

fn errors(outcome: &Outcome) -> Number {
    let totals = &outcome.totals;
    let note = format!(
        "{} of {}; stable {} of {}",
        count(totals.canary_failed),
        count(totals.canary),
        count(totals.stable_failed),
        count(totals.stable)
    );
    number("Canary errors", rate(totals.canary_failed, totals.canary), note, Tone::Plain)
}

fn share(outcome: &Outcome) -> Option<Number> {
    let step = outcome.steps.iter().rev().find(|step| step.share.total > 0)?;
    let share = &step.share;
    let inside = (share.low_percent..=share.high_percent).contains(&share.target_percent);
    Some(number(
        "Measured share",
        format!("{:.1} ± {:.1} %", share.percent, share.half_width()),
        format!("{} % ordered in the last step", Unit::Count.text(share.target_percent)),
        if inside { Tone::Good } else { Tone::Warn },
    ))
}

fn moves(outcome: &Outcome) -> Number {
    let requests: u64 = outcome.switches.iter().map(|switch| switch.requests).sum();
    let dropped = outcome.dropped_by_switching;
    let moves = number_of(outcome.switches.len(), "move");
    number(
        "Dropped by moving",
        format!("{} of {}", count(dropped), count(requests)),
        format!("requests around {moves} of traffic"),
        if requests == 0 { Tone::Plain } else { good_if(dropped == 0) },
    )
}

fn way_back(outcome: &Outcome) -> Option<Number> {
    let undo = outcome.undo.as_ref()?;
    let equal = undo.comparisons.iter().filter(|one| one.equal).count();
    let label = if outcome.verdict == RunVerdict::Promoted { "Clean-up" } else { "Way back" };
    let (value, what) = match undo.wire_ms {
        _ if outcome.switches.is_empty() => (undo.total_ms, "until all was removed"),
        Some(wire) => (wire.max(undo.api_ms), "to the canary's last answer"),
        None => (undo.api_ms, "until the weights were back"),
    };
    Some(number(
        label,
        Unit::Milliseconds.text(value),
        format!("{what}; {equal} of {} objects as before", undo.comparisons.len()),
        good_if(undo.equal),
    ))
}

fn held(outcome: &Outcome) -> Option<Number> {
    let all = outcome.expectations.len();
    let held = outcome.expectations.iter().filter(|one| one.held).count();
    (all > 0).then(|| {
        number("Expectations", format!("{held} of {all} held"), "of the lab".to_owned(), good_if(held == all))
    })
}

/// What the lab expects and whether it held; none without expectations.
pub(super) fn expectations(record: &CanaryRecord) -> Option<Section> {
    let checked = &record.outcome.as_ref()?.expectations;
    if checked.is_empty() {
        return None;
    }
    let mut table = Table::with_heads("", ["expected", "seen", "held"]);
    for one in checked {
        let held = if one.held { Cell::new(Tone::Good, "yes") } else { Cell::new(Tone::Bad, "no") };
        table.row([one.expected.clone().into(), one.seen.clone().into(), held]);
    }
    Some(section("What the lab expects", "", vec![Block::Table(table)]))
}
