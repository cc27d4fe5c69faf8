//! Events of a lab as lines: the plain log, and the log of the live picture.

use kubsets_engine::{LabEvent, LabRecord, LoadTick, StepStatus, Verdict};

use super::canary_log;
use super::style::{Style, Tone};

/// Seconds between two lines of figures.
const FIGURES_EVERY: u64 = 5;

/// A record as a line of the plain log, with its time; none where it says nothing on its own.
pub(crate) fn timed(record: &LabRecord, style: Style) -> Option<String> {
    if let LabEvent::Canary(inner) = &record.event {
        return canary_log::timed_at(record.seconds, &inner.event, style);
    }
    let (tone, text) = line(&record.event)?;
    Some(format!("{:7.1}s  {}", record.seconds, style.paint(tone, &text)))
}

/// An event as a line; none where it says nothing on its own.
pub(crate) fn line(event: &LabEvent) -> Option<(Tone, String)> {
    Some(match event {
        LabEvent::Started { run, lab, namespace, .. } => {
            (Tone::Plain, format!("run {run}: {lab} in {namespace}"))
        }
        LabEvent::Need { need, met: true, detail } => (Tone::Dim, format!("need: {need} ({detail})")),
        LabEvent::Need { need, met: false, detail } => (Tone::Warn, format!("missing: {need}: {detail}")),
        LabEvent::Steady { checked, .. } => {
            let tone = if checked.held { Tone::Dim } else { Tone::Bad };
            let word = if checked.held { "steady" } else { "NOT steady" };
            (tone, with_detail(format!("{word}: {}", checked.expected), &checked.seen))
        }
        LabEvent::StepBegan { step, name, question, .. } => {
            let question = question.as_ref().map(|question| format!("  {question}")).unwrap_or_default();
            (Tone::Hint, format!("step {step}: {name}{question}"))
        }
        LabEvent::Doing { what } => (Tone::Dim, what.clone()),
        LabEvent::Object { change, object } => (Tone::Dim, format!("{change} {object}")),
        LabEvent::Load(tick) if tick.second.is_multiple_of(FIGURES_EVERY) => (Tone::Plain, figures(tick)),
        LabEvent::Load(_) => return None,
        LabEvent::Canary(record) => return canary_log::line(&record.event),
        LabEvent::StepEnded { step, status, seconds, message, .. } => {
            let (tone, word) = match status {
                StepStatus::Passed => (Tone::Good, "done"),
                StepStatus::Failed => (Tone::Bad, "failed"),
                StepStatus::NotRun => (Tone::Dim, "not run"),
            };
            (tone, with_detail(format!("step {step} {word} after {seconds:.1} s"), message))
        }
        LabEvent::Expected(checked) => {
            let (tone, word) =
                if checked.held { (Tone::Good, "as expected") } else { (Tone::Bad, "NOT as expected") };
            (tone, with_detail(format!("{word}: {}", checked.expected), &checked.seen))
        }
        LabEvent::Evidence { title, text } => (Tone::Warn, format!("{title}:\n{text}")),
        LabEvent::Warning { message } => (Tone::Warn, format!("warning: {message}")),
        LabEvent::Undone(undo) => {
            let (tone, word) =
                if undo.equal { (Tone::Good, "everything is") } else { (Tone::Bad, "NOT everything is") };
            let count = undo.comparisons.len();
            (tone, format!("undone in {:.1} s: {word} as before ({count} objects compared)", undo.seconds))
        }
        LabEvent::Finished(outcome) => {
            let tone = if outcome.verdict == Verdict::Pass { Tone::Good } else { Tone::Bad };
            (tone, format!("{}: {}", outcome.verdict.word(), outcome.reason))
        }
    })
}

fn figures(tick: &LoadTick) -> String {
    let p99 = tick.p99_ms.map(|ms| format!(", p99 {ms:.1} ms")).unwrap_or_default();
    format!("{}: {}/s, {} failed, {} in flight{p99}", tick.load, tick.ok, tick.failed, tick.in_flight)
}

fn with_detail(text: String, detail: &str) -> String {
    if detail.is_empty() { text } else { format!("{text} ({detail})") }
}
