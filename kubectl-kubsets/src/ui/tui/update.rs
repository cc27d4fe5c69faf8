//! How events change the picture.

use std::time::Duration;

use kubsets_delivery::{Record, RunEvent, RunVerdict, SideTick, TickEvent};

use super::model::{CanaryView, Gauge, Sample, Share};
use crate::ui::canary_log;
use crate::ui::style::Tone;

impl CanaryView {
    /// Takes an event in.
    pub(crate) fn update(&mut self, record: &Record) {
        self.seconds = self.seconds.max(record.seconds);
        match &record.event {
            RunEvent::Started { run, deployment, namespace, url, rate, steps, .. } => {
                run.clone_into(&mut self.run);
                deployment.clone_into(&mut self.deployment);
                namespace.clone_into(&mut self.namespace);
                url.clone_into(&mut self.url);
                self.rate = *rate;
                self.steps.clone_from(steps);
            }
            RunEvent::Doing { what } => what.clone_into(&mut self.doing),
            RunEvent::Ready { stable, canary } => {
                self.stable.version = stable.join(", ");
                canary.clone_into(&mut self.canary.version);
            }
            RunEvent::StepBegan { step, percent, budget_seconds, .. } => {
                self.step = *step;
                self.step_began = record.seconds;
                self.step_budget = *budget_seconds;
                self.percent = *percent;
                self.share = None;
                "judging every second".clone_into(&mut self.doing);
                self.pass = Gauge { value: 0.0, ..self.pass };
            }
            RunEvent::Tick(tick) => self.tick(tick),
            RunEvent::Decided { decision, reason } => {
                let tone = if decision == "promote" { Tone::Good } else { Tone::Bad };
                self.decision = Some((tone, decision.clone()));
                reason.clone_into(&mut self.reason);
            }
            RunEvent::Finished(outcome) => {
                self.finished = true;
                let (tone, word) = match outcome.verdict {
                    RunVerdict::Promoted => (Tone::Good, "promoted"),
                    RunVerdict::RolledBack => (Tone::Bad, "rolled back"),
                    RunVerdict::Inconclusive => (Tone::Warn, "inconclusive"),
                    RunVerdict::Invalid => (Tone::Warn, "invalid"),
                    RunVerdict::Aborted => (Tone::Warn, "aborted"),
                    RunVerdict::Error => (Tone::Bad, "ended by an error"),
                };
                self.decision = Some((tone, word.to_owned()));
                outcome.reason.clone_into(&mut self.reason);
                "the run has ended".clone_into(&mut self.doing);
            }
            _ => {}
        }
        if let Some((tone, text)) = canary_log::line(&record.event) {
            self.note(tone, text);
        }
    }

    fn tick(&mut self, tick: &TickEvent) {
        self.percent = tick.percent;
        self.stable.add(sample(&tick.stable));
        self.canary.add(sample(&tick.canary));
        // Seconds that are not judged, those of the way back too, leave the evidence as it was.
        let keep = |gauge: Gauge, value| if tick.judged { value } else { gauge.value };
        self.fail = Gauge { value: keep(self.fail, tick.fail_evidence), needed: tick.fail_needed };
        self.pass = Gauge { value: keep(self.pass, tick.pass_evidence), needed: tick.pass_needed };
        if let Some(share) = tick.share.as_ref().filter(|share| share.total > 0) {
            self.share = Some(Share {
                percent: share.percent,
                low: share.low_percent,
                high: share.high_percent,
                total: share.total,
            });
        }
        self.dropped += tick.dropped;
        self.never_sent += tick.never_sent;
        self.in_flight = tick.in_flight;
        if self.decision.is_none() {
            tick.reason.clone_into(&mut self.reason);
        }
    }

    /// Lets time pass between events.
    pub(super) fn pass(&mut self, time: Duration) {
        if !self.finished && !self.run.is_empty() {
            self.seconds += time.as_secs_f64() * self.replay.unwrap_or(1.0);
        }
    }

    /// Opens or closes the question whether to abort.
    pub(super) fn ask(&mut self, open: bool) {
        self.asking = open && !self.finished && !self.aborting;
    }

    /// Abort was asked for.
    pub(super) fn begin_abort(&mut self) {
        self.asking = false;
        self.aborting = true;
        self.note(Tone::Warn, "abort asked for: undoing everything");
    }

    /// Gives the log the whole screen, or takes it back.
    pub(super) fn toggle_log(&mut self) {
        self.log_only = !self.log_only;
    }
}

fn sample(side: &SideTick) -> Sample {
    Sample { requests: side.requests, failed: side.failed, p50_ms: side.p50_ms, p99_ms: side.p99_ms }
}
