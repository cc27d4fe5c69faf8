//! The outcome of a run for people.

use kubsets_engine::{Outcome, StepStatus, Verdict};

use crate::ui::{Style, Table, Tone, duration, lab_log};

/// Verdict, reason, steps, expectations, undo.
pub(super) fn describe(outcome: &Outcome, style: Style) -> String {
    let tone = match outcome.verdict {
        Verdict::Pass => Tone::Good,
        Verdict::Skipped | Verdict::Inconclusive => Tone::Warn,
        Verdict::Fail | Verdict::Aborted | Verdict::Error => Tone::Bad,
    };
    let mut text = format!("{}  {}\n", style.paint(tone, outcome.verdict.word()), outcome.lab);
    append!(text, "  {}\n  {}\n", outcome.question.trim(), style.paint(Tone::Strong, &outcome.reason));
    let mut steps = Table::new(["STEP", "TOOK", "RESULT"]).right([1]).indent(2);
    for step in outcome.steps.iter().filter(|step| step.status != StepStatus::NotRun) {
        let took = duration(std::time::Duration::from_secs_f64(step.seconds.max(0.0)));
        steps.row([step.name.clone().into(), took.into(), step.message.clone().into()]);
    }
    if !steps.is_empty() {
        append!(text, "\n{}", steps.render(style));
    }
    if !outcome.expectations.is_empty() {
        text.push('\n');
    }
    for checked in &outcome.expectations {
        let mark = style.icon(if checked.held { Tone::Good } else { Tone::Bad });
        let seen = if checked.seen.is_empty() { String::new() } else { format!("  ({})", checked.seen) };
        append!(text, "  {mark} {}{}\n", checked.expected, style.paint(Tone::Dim, &seen));
    }
    if let Some(undo) = &outcome.undo {
        append!(text, "\n  undo   {}\n", lab_log::undone(undo));
        for object in undo.different() {
            append!(text, "  {} {object} is not as before\n", style.icon(Tone::Bad));
        }
    }
    append!(
        text,
        "  took   {:.0} s, run {}\n  again  {}\n",
        outcome.seconds,
        outcome.run,
        outcome.repeat_command
    );
    text
}
