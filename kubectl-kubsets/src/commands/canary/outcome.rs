//! The summary at the end of a run.

mod evidence;

use kubsets_delivery::{Outcome, RunVerdict, UndoReport};

use crate::ui::canary_log::share_text;
use crate::ui::{Cell, Style, Table, Tone, millis, number_of};

/// The outcome for people.
pub(super) fn describe(outcome: &Outcome, style: Style) -> String {
    let (tone, word) = verdict(outcome.verdict);
    let mut text = format!("{} {}: {}\n", style.icon(tone), style.paint(tone, word), outcome.reason);
    let mut table = Table::new([]).indent(2);
    let mut fact = |name: &str, value: String| table.row([Cell::new(Tone::Dim, name), value.into()]);

    let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "?".to_owned());
    fact(
        "versions",
        format!(
            "{} {} {}",
            version(&outcome.stable_version),
            style.arrow(),
            version(&outcome.canary_version)
        ),
    );
    if let Some(step) = outcome.steps.last() {
        fact("share", ascii(&format!("{}, {} % ordered", share_text(&step.share), step.percent), style));
    }
    if let Some(evidence) = evidence::describe(outcome) {
        fact("evidence", evidence);
    }
    let totals = &outcome.totals;
    fact(
        "requests",
        format!(
            "{} planned: stable {} ({} failed), canary {} ({} failed), {} dropped, {} never sent",
            totals.planned,
            totals.stable,
            totals.stable_failed,
            totals.canary,
            totals.canary_failed,
            totals.dropped,
            totals.never_sent
        ),
    );
    fact("users saw", format!("{} failed requests", totals.failed_for_users));
    fact(
        "switching",
        format!(
            "{} requests dropped in {}",
            outcome.dropped_by_switching,
            number_of(outcome.switches.len(), "move")
        ),
    );
    if let Some(seconds) = outcome.seconds_to_verdict {
        let in_step =
            outcome.seconds_in_step.map(|s| format!(", {s:.1} s after its step began")).unwrap_or_default();
        fact("verdict", format!("after {seconds:.1} s of exposure{in_step}"));
    }
    if let Some(undo) = &outcome.undo {
        fact(
            if outcome.verdict == RunVerdict::Promoted { "clean-up" } else { "way back" },
            way_back(undo, !outcome.switches.is_empty()),
        );
    }
    fact("took", format!("{:.0} s, run {}", outcome.seconds, outcome.run));
    text.push_str(&table.render(Style { width: None, ..style }));
    if !outcome.steps.is_empty() {
        text.push_str(&steps(outcome, style));
    }
    for checked in &outcome.expectations {
        let (tone, word) =
            if checked.held { (Tone::Good, "as expected") } else { (Tone::Bad, "NOT as expected") };
        append!(
            text,
            "{} {}: {} ({})\n",
            style.icon(tone),
            style.paint(tone, word),
            checked.expected,
            checked.seen
        );
    }
    text
}

fn verdict(verdict: RunVerdict) -> (Tone, &'static str) {
    match verdict {
        RunVerdict::Promoted => (Tone::Good, "PASS, promoted"),
        RunVerdict::RolledBack => (Tone::Bad, "FAIL, rolled back"),
        RunVerdict::Inconclusive => (Tone::Warn, "INCONCLUSIVE, stable version serves everything"),
        RunVerdict::Invalid => {
            (Tone::Warn, "INVALID, nothing was measured; stable version serves everything")
        }
        RunVerdict::Aborted => (Tone::Warn, "ABORTED, stable version serves everything"),
        RunVerdict::Error => (Tone::Bad, "ERROR"),
    }
}

fn way_back(undo: &UndoReport, moved: bool) -> String {
    let wire = match undo.wire_ms {
        Some(ms) => format!(", last canary answer after {}", millis(ms)),
        None if moved => ", last canary answer not measured".to_owned(),
        None => String::new(),
    };
    let equal = undo.comparisons.iter().filter(|one| one.equal).count();
    format!(
        "weights in {}{wire}; {equal} of {} objects as before after {}",
        millis(undo.api_ms),
        undo.comparisons.len(),
        millis(undo.total_ms)
    )
}

fn steps(outcome: &Outcome, style: Style) -> String {
    let heads = ["STEP", "MEASURED", "REQUESTS", "CANARY FAILS", "STABLE FAILS", "TOOK", "PASSED"];
    let mut table = Table::new(heads).right(0..6).indent(2);
    for step in &outcome.steps {
        let passed = if step.passed { Cell::new(Tone::Good, "yes") } else { Cell::new(Tone::Bad, "no") };
        table.row([
            format!("{} %", step.percent).into(),
            format!("{:.1} {} {:.1} %", step.share.percent, style.plus_minus(), step.share.half_width())
                .into(),
            step.share.total.to_string().into(),
            step.canary_failed.to_string().into(),
            step.stable_failed.to_string().into(),
            format!("{:.0} s", step.seconds).into(),
            passed,
        ]);
    }
    table.render(style)
}

fn ascii(text: &str, style: Style) -> String {
    if style.unicode { text.to_owned() } else { text.replace('±', "+/-") }
}
