//! How news change the picture.

use std::time::Duration;

use kubsets_engine::{LabEvent, LabRecord, PodChanges, Verdict};

use super::model::{Ending, LabView, Mark, PodLine, StepLine, Traffic};
use crate::ui::lab_log;
use crate::ui::style::Tone;
use crate::ui::tui::model::{CanaryView, Facts};

impl LabView {
    /// Takes an event in.
    pub(super) fn take(&mut self, record: &LabRecord) {
        self.seconds = self.seconds.max(record.seconds);
        match &record.event {
            LabEvent::Started { run, lab, question, namespace, steps, longest_seconds, .. } => {
                run.clone_into(&mut self.run);
                lab.clone_into(&mut self.lab);
                question.trim().clone_into(&mut self.question);
                namespace.clone_into(&mut self.namespace);
                self.longest = *longest_seconds;
                let step = |name: &String| StepLine { name: name.clone(), ..StepLine::default() };
                self.steps = steps.iter().map(step).collect();
            }
            LabEvent::StepBegan { step, name, operation, question, timeout_seconds } => {
                self.begin(*step, record.seconds, *timeout_seconds);
                if let Some(line) = self.steps.get_mut(step.saturating_sub(1)) {
                    name.clone_into(&mut line.name);
                    operation.clone_into(&mut line.operation);
                    line.question = question.clone().unwrap_or_default();
                }
            }
            LabEvent::Doing { what } => what.clone_into(&mut self.doing),
            LabEvent::Load(tick) => {
                if let Some(load) = self.loads.iter_mut().find(|one| one.last.load == tick.load) {
                    load.add(tick);
                } else {
                    let mut load = Traffic::default();
                    load.add(tick);
                    self.loads.push(load);
                }
            }
            LabEvent::Pods(changes) => self.look(record, changes),
            LabEvent::Canary(inner) => {
                let title = self.lab.strip_prefix("canary/").unwrap_or(&self.lab).to_owned();
                let facts = Facts { context: self.facts.context.clone(), title };
                self.canary.get_or_insert_with(|| Box::new(CanaryView::new(facts))).update(inner);
            }
            LabEvent::StepEnded { step, status, seconds, message, .. } => {
                if let Some(line) = self.steps.get_mut(step.saturating_sub(1)) {
                    line.mark = Mark::Ended(*status);
                    line.seconds = *seconds;
                    message.clone_into(&mut line.message);
                }
            }
            LabEvent::Steady { checked, .. } | LabEvent::Expected(checked) => {
                self.checks.push(checked.clone());
            }
            LabEvent::Undone(undo) => {
                let tone = if undo.equal { Tone::Good } else { Tone::Bad };
                self.undone = Some((tone, lab_log::undone(undo)));
            }
            LabEvent::Finished(outcome) => {
                "the run has ended".clone_into(&mut self.doing);
                let tone = match outcome.verdict {
                    Verdict::Pass => Tone::Good,
                    Verdict::Skipped | Verdict::Inconclusive | Verdict::Aborted => Tone::Warn,
                    Verdict::Fail | Verdict::Error => Tone::Bad,
                };
                self.ending = Some(Ending {
                    tone,
                    word: outcome.verdict.word(),
                    reason: outcome.reason.clone(),
                    repeat: outcome.repeat_command.clone(),
                });
            }
            LabEvent::Need { .. }
            | LabEvent::Object { .. }
            | LabEvent::Evidence { .. }
            | LabEvent::Warning { .. } => {}
        }
        // Every second of a load would push the rest out of the log; its figures have a view of their own.
        if !matches!(record.event, LabEvent::Load(_))
            && let Some((tone, text)) = lab_log::line(&record.event)
        {
            self.note(tone, &text);
        }
    }

    fn look(&mut self, record: &LabRecord, changes: &PodChanges) {
        let pods = self.pods.get_or_insert_default();
        for name in &changes.gone {
            pods.remove(name);
        }
        let now = record.at.parse::<jiff::Timestamp>().ok();
        for seen in &changes.changed {
            let created = seen.created.as_ref().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            let age = now.zip(created).map(|(now, created)| now.duration_since(created).as_secs_f64());
            let line = PodLine { seen: seen.clone(), made: age.map(|age| record.seconds - age) };
            pods.insert(seen.name.clone(), line);
        }
    }

    fn begin(&mut self, step: usize, now: f64, timeout: f64) {
        // A record may name more steps than its beginning did.
        if step > self.steps.len() {
            self.steps.resize(step, StepLine::default());
        }
        self.current = step.checked_sub(1);
        self.doing.clear();
        if let Some(line) = self.current.and_then(|at| self.steps.get_mut(at)) {
            line.mark = Mark::Running;
            line.began = now;
            line.timeout = timeout;
            if line.operation != "canary" {
                self.canary = None;
            }
        }
    }

    /// Lets time pass between events.
    pub(super) fn wait(&mut self, time: Duration) {
        if self.ending.is_none() && !self.run.is_empty() {
            self.seconds += time.as_secs_f64() * self.replay.unwrap_or(1.0);
        }
    }
}
