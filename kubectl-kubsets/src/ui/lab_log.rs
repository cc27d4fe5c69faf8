//! Events of a lab as lines: the plain log, and the log of the live picture.

use std::collections::BTreeMap;

use kubsets_engine::{LabEvent, LabRecord, LoadTick, PodChanges, PodSeen, StepStatus, UndoReport, Verdict};

use super::canary_log;
use super::style::{Style, Tone};
use super::units::millis;

/// Seconds between two lines of figures.
const FIGURES_EVERY: u64 = 5;
/// The most pods that a line names.
const PODS_NAMED: usize = 12;

/// The plain log. It keeps the seconds of loads between two lines of figures.
#[derive(Debug, Default)]
pub(crate) struct LabLog {
    loads: BTreeMap<String, Figures>,
}

impl LabLog {
    /// A record as lines of the plain log, with their time; none where it says nothing on its own.
    pub(crate) fn timed(&mut self, record: &LabRecord, style: Style) -> Option<String> {
        if let LabEvent::Canary(inner) = &record.event {
            return canary_log::timed_at(record.seconds, &inner.event, style);
        }
        let mut lines = self.figures(&record.event);
        lines.extend(line(&record.event));
        let lines: Vec<String> = lines
            .into_iter()
            .map(|(tone, text)| format!("{:7.1}s  {}", record.seconds, style.paint(tone, &text)))
            .collect();
        if lines.is_empty() { None } else { Some(lines.join("\n")) }
    }

    /// Lines of figures that are due: every few seconds, and what is left when a load has ended.
    fn figures(&mut self, event: &LabEvent) -> Vec<(Tone, String)> {
        match event {
            LabEvent::Load(tick) => {
                let figures = self.loads.entry(tick.load.clone()).or_default();
                figures.take(tick);
                if figures.seconds < FIGURES_EVERY {
                    return Vec::new();
                }
                let due = self.loads.remove_entry(&tick.load);
                due.map(|(load, figures)| figures.line(&load)).into_iter().collect()
            }
            // The report of a load is the result of its step, or of the one that waits for its end.
            LabEvent::StepEnded { result, .. } if result.get("planned").is_none() => Vec::new(),
            LabEvent::StepEnded { .. } | LabEvent::Undone(_) => {
                std::mem::take(&mut self.loads).iter().map(|(load, figures)| figures.line(load)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Seconds of a load since its last line.
#[derive(Debug, Default)]
struct Figures {
    seconds: u64,
    planned: u64,
    ok: u64,
    failed: u64,
    never_sent: u64,
    in_flight: u64,
    /// Latencies of the slowest second, in milliseconds: a tick has no histogram that could be added up.
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Figures {
    fn take(&mut self, tick: &LoadTick) {
        let slower = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
        self.seconds += 1;
        self.planned += tick.planned;
        self.ok += tick.ok;
        self.failed += tick.failed;
        self.never_sent += tick.never_sent;
        self.in_flight = tick.in_flight;
        self.p50_ms = slower(self.p50_ms, tick.p50_ms);
        self.p99_ms = slower(self.p99_ms, tick.p99_ms);
    }

    fn line(&self, load: &str) -> (Tone, String) {
        let lost =
            if self.never_sent > 0 { format!(", {} never sent", self.never_sent) } else { String::new() };
        let latency = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), millis);
        let text = format!(
            "{load}: in {} s {} planned, {} ok, {} failed{lost}, p50 up to {} p99 up to {}, {} in flight",
            self.seconds,
            self.planned,
            self.ok,
            self.failed,
            latency(self.p50_ms),
            latency(self.p99_ms),
            self.in_flight,
        );
        (if self.failed + self.never_sent > 0 { Tone::Warn } else { Tone::Plain }, text)
    }
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
        LabEvent::Load(_) => return None,
        LabEvent::Pods(changes) => pods(changes),
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
            (if undo.equal { Tone::Good } else { Tone::Bad }, format!("undo: {}", undone(undo)))
        }
        LabEvent::Finished(outcome) => {
            let tone = if outcome.verdict == Verdict::Pass { Tone::Good } else { Tone::Bad };
            (tone, format!("{}: {}", outcome.verdict.word(), outcome.reason))
        }
    })
}

/// Pods that have changed, each as in the live picture.
fn pods(changes: &PodChanges) -> (Tone, String) {
    let one = |pod: &PodSeen| {
        let node = if pod.node.is_empty() { String::new() } else { format!(" on {}", pod.node) };
        let restarts = if pod.restarts > 0 { format!(", {} restarts", pod.restarts) } else { String::new() };
        format!("{} {}/{} {}{node}{restarts}", pod.name, pod.ready, pod.containers, pod.state)
    };
    let gone = changes.gone.iter().map(|name| format!("{name} is gone"));
    let all: Vec<String> = changes.changed.iter().map(one).chain(gone).collect();
    let (named, rest) = all.split_at(all.len().min(PODS_NAMED));
    let more = if rest.is_empty() { String::new() } else { format!("; and {} more", rest.len()) };
    let tone = if changes.changed.iter().all(PodSeen::is_well) { Tone::Dim } else { Tone::Warn };
    (tone, format!("pods: {}{more}", named.join("; ")))
}

fn with_detail(text: String, detail: &str) -> String {
    if detail.is_empty() { text } else { format!("{text} ({detail})") }
}

/// What the undo of a run came to.
pub(crate) fn undone(undo: &UndoReport) -> String {
    let all = undo.comparisons.len();
    if all == 0 && undo.equal {
        return "nothing to undo".to_owned();
    }
    let equal = all - undo.different().count();
    format!("{equal} of {all} objects as before, in {:.1} s", undo.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::ColorChoice;

    fn record(seconds: f64, event: LabEvent) -> LabRecord {
        LabRecord { at: String::new(), seconds, event }
    }

    fn tick(second: u64, failed: u64, never_sent: u64, p99_ms: f64) -> LabEvent {
        LabEvent::Load(LoadTick {
            load: "users".into(),
            second,
            planned: 10,
            ok: 10 - failed - never_sent,
            failed,
            never_sent,
            in_flight: 1,
            p50_ms: Some(2.0),
            p99_ms: Some(p99_ms),
            spread: kubsets_load::Spread::default(),
        })
    }

    #[test]
    fn pods_are_told_as_in_the_picture() {
        let pod = |name: String, ready, restarts| PodSeen {
            name,
            ready,
            containers: 1,
            state: "Running".into(),
            restarts,
            node: "worker-1".into(),
            created: None,
        };
        let changes = PodChanges {
            changed: vec![pod("a".into(), 1, 0), pod("b".into(), 0, 2)],
            gone: vec!["c".into()],
        };
        let (tone, text) = line(&LabEvent::Pods(changes)).expect("is told");
        assert_eq!(tone, Tone::Warn);
        assert_eq!(text, "pods: a 1/1 Running on worker-1; b 0/1 Running on worker-1, 2 restarts; c is gone");
        let many = (0..20).map(|number| pod(format!("p{number}"), 1, 0)).collect();
        let (tone, text) =
            line(&LabEvent::Pods(PodChanges { changed: many, gone: Vec::new() })).expect("is told");
        assert!(tone == Tone::Dim && text.contains("p11 ") && text.ends_with("; and 8 more"), "{text}");
    }

    #[test]
    fn an_outage_between_two_lines_is_in_the_next_one() {
        let (mut log, style) = (LabLog::default(), Style::stdout(ColorChoice::Never));
        for (second, event) in
            [tick(0, 0, 0, 5.0), tick(1, 10, 0, 90.0), tick(2, 7, 3, 5.0), tick(3, 0, 0, 5.0)]
                .into_iter()
                .enumerate()
        {
            assert_eq!(log.timed(&record(second as f64, event), style), None);
        }
        assert_eq!(
            log.timed(&record(5.0, tick(4, 0, 0, 5.0)), style).as_deref(),
            Some(
                "    5.0s  users: in 5 s 50 planned, 30 ok, 17 failed, 3 never sent, p50 up to 2.00 ms p99 up to 90.0 ms, \
                 1 in flight"
            )
        );
        // What is left is told when the load has ended.
        assert_eq!(log.timed(&record(6.0, tick(5, 1, 0, 5.0)), style), None);
        let ended = |result| LabEvent::StepEnded {
            step: 1,
            status: StepStatus::Passed,
            seconds: 1.0,
            message: String::new(),
            result,
        };
        let text = log.timed(&record(6.5, ended(serde_json::Value::Null)), style).expect("is told");
        assert!(!text.contains("users"), "{text}");
        let text =
            log.timed(&record(7.0, ended(serde_json::json!({"planned": 60}))), style).expect("is told");
        assert!(text.contains("users: in 1 s 10 planned, 9 ok, 1 failed"), "{text}");
        assert!(text.lines().nth(1).is_some_and(|line| line.contains("step 1 done")), "{text}");
    }
}
