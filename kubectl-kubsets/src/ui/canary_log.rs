//! Events of a canary as lines: the plain log, and the log of the live picture.

use kubsets_delivery::{Record, RunEvent, RunVerdict, ShareReport, SideTick, TickEvent};

use super::style::{Style, Tone};
use super::units::{millis, number_of, percent};

/// Seconds between two lines of figures in the plain log.
const FIGURES_EVERY: u64 = 5;

/// A record as a line of the plain log, with its time: an event, or figures now and then.
pub(crate) fn timed(record: &Record, style: Style) -> Option<String> {
    timed_at(record.seconds, &record.event, style)
}

/// An event as a line of the plain log, at this second.
pub(super) fn timed_at(seconds: f64, event: &RunEvent, style: Style) -> Option<String> {
    let text = match event {
        RunEvent::Tick(tick) if tick.second.is_multiple_of(FIGURES_EVERY) => tick_line(tick),
        _ => {
            let (tone, text) = line(event)?;
            style.paint(tone, &text)
        }
    };
    Some(format!("{seconds:7.1}s  {text}"))
}

/// An event as a line; none where it says nothing on its own (ticks).
pub(super) fn line(event: &RunEvent) -> Option<(Tone, String)> {
    Some(match event {
        RunEvent::Started { run, deployment, namespace, url, rate, steps, .. } => {
            let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
            let plan = format!("{} % at {rate} requests/s through {url}", steps.join(", "));
            (Tone::Plain, format!("run {run}: {deployment} in {namespace}, {plan}"))
        }
        RunEvent::Doing { what } => (Tone::Dim, what.clone()),
        RunEvent::Object { change, object } => (Tone::Dim, format!("{change} {object}")),
        RunEvent::Warning { message } => (Tone::Warn, format!("warning: {message}")),
        RunEvent::Ready { stable, canary } => {
            (Tone::Plain, format!("both versions answer: stable {}, canary {canary}", stable.join(", ")))
        }
        RunEvent::Frozen { requests, thresholds_ms: [p50, p90, p99], .. } => {
            let over = [p50, p90, p99].map(|limit| millis(*limit)).join(", ");
            (Tone::Plain, format!("stable measured on {requests} requests; slow is over {over}"))
        }
        RunEvent::StepBegan { step, of, percent, replicas, budget_seconds } => (
            Tone::Hint,
            format!(
                "step {step} of {of}: {percent} % to the canary ({}), up to {budget_seconds} s",
                number_of(*replicas as usize, "pod")
            ),
        ),
        RunEvent::Tick(_) => return None,
        RunEvent::Switched(switch) => {
            let tone = if switch.dropped == 0 { Tone::Dim } else { Tone::Bad };
            let (from, to, dropped, requests) =
                (switch.from_percent, switch.to_percent, switch.dropped, switch.requests);
            let took = millis(switch.api_ms);
            (
                tone,
                format!("{from} % to {to} % in {took}: {dropped} of {requests} requests around it dropped"),
            )
        }
        RunEvent::StepEnded { step, passed, seconds, share } => {
            let (tone, word) = if *passed { (Tone::Good, "passed") } else { (Tone::Bad, "ended") };
            (tone, format!("step {step} {word} after {seconds:.0} s, {}", share_text(share)))
        }
        RunEvent::Decided { decision, reason } => {
            let tone = if decision == "promote" { Tone::Good } else { Tone::Bad };
            (tone, format!("decision: {decision}: {reason}"))
        }
        RunEvent::Undone(undo) => {
            let word = if undo.equal { "everything is as before" } else { "NOT everything is as before" };
            let tone = if undo.equal { Tone::Good } else { Tone::Bad };
            (
                tone,
                format!(
                    "stable weights back in {}, {word} after {}",
                    millis(undo.api_ms),
                    millis(undo.total_ms)
                ),
            )
        }
        RunEvent::Finished(outcome) => {
            let tone = if outcome.verdict == RunVerdict::Promoted { Tone::Good } else { Tone::Bad };
            (tone, format!("finished: {}", outcome.reason))
        }
    })
}

/// A second as a line, for the plain log.
fn tick_line(tick: &TickEvent) -> String {
    let share = tick
        .share
        .as_ref()
        .filter(|share| share.total > 0)
        .map(|share| format!(", {}", share_text(share)))
        .unwrap_or_default();
    let evidence = if tick.judged {
        format!(
            "; FAIL {:.1} of {:.0}, PASS {:.1} of {:.0}",
            tick.fail_evidence, tick.fail_needed, tick.pass_evidence, tick.pass_needed
        )
    } else {
        String::new()
    };
    format!(
        "{} % target{share}; stable {}, canary {}{evidence}",
        tick.percent,
        side_text(&tick.stable),
        side_text(&tick.canary)
    )
}

/// `90/s 1.1 % errors p50 2.10 ms p99 5.30 ms`.
fn side_text(side: &SideTick) -> String {
    let rate = if side.requests == 0 { 0.0 } else { side.failed as f64 / side.requests as f64 };
    let latency =
        |name: &str, ms: Option<f64>| ms.map_or_else(String::new, |ms| format!(" {name} {}", millis(ms)));
    let (p50, p99) = (latency("p50", side.p50_ms), latency("p99", side.p99_ms));
    format!("{}/s {} errors{p50}{p99}", side.requests, percent(rate))
}

/// `measured 9.8 ± 1.2 % of 1234 requests`.
pub(crate) fn share_text(share: &ShareReport) -> String {
    format!("measured {:.1} ± {:.1} % of {} requests", share.percent, share.half_width(), share.total)
}
