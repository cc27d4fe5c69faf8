//! The steps, the log and the pods.

use kubsets_engine::StepStatus;
use ratatui::text::{Line, Span};

use crate::ui::style::Tone;
use crate::ui::tui::lab::model::{LabView, Mark, PodLine};
use crate::ui::tui::pen::Pen;

/// Columns of a step's name.
const NAME: usize = 32;

impl Pen {
    pub(super) fn lab_mark(&self, mark: Mark) -> (&'static str, Tone) {
        match mark {
            Mark::Waiting | Mark::Ended(StepStatus::NotRun) => (self.pick("·", "."), Tone::Dim),
            Mark::Running => (self.pick("▶", ">"), Tone::Hint),
            Mark::Ended(StepStatus::Passed) => (self.pick("✔", "+"), Tone::Good),
            Mark::Ended(StepStatus::Failed) => (self.pick("✘", "!"), Tone::Bad),
        }
    }

    pub(super) fn lab_steps(&self, view: &LabView, rows: usize) -> Vec<Line<'static>> {
        let heads = format!("{:<5}{:<NAME$}{:>9}  RESULT", "", "STEP", "SECONDS");
        let mut lines = vec![self.title("Steps"), Line::from(self.span(Tone::Dim, heads))];
        let room = rows.saturating_sub(lines.len());
        // The current step stays in sight where not all have room.
        let first = view.current.map_or(0, |at| (at + 3).saturating_sub(room));
        for (at, step) in view.steps.iter().enumerate().skip(first).take(room) {
            let (mark, tone) = self.lab_mark(step.mark);
            let seconds = match step.mark {
                Mark::Waiting | Mark::Ended(StepStatus::NotRun) => "-".to_owned(),
                _ => format!("{:.1}", view.took(step)),
            };
            let message = if step.mark == Mark::Running { &view.doing } else { &step.message };
            let name = self.cut_by(&step.name, self.width.saturating_sub(NAME - 1));
            let front = format!("{:>2} {name:<NAME$}{seconds:>9}  ", at + 1);
            let used = front.chars().count() + 2;
            let message = self.cut_by(message.lines().next().unwrap_or_default(), used);
            lines.push(Line::from(vec![
                self.span(tone, format!("{mark} ")),
                Span::raw(front),
                self.span(if tone == Tone::Bad { tone } else { Tone::Plain }, message),
            ]));
        }
        lines
    }

    pub(super) fn lab_log(&self, view: &LabView, rows: usize) -> Vec<Line<'static>> {
        let title = if view.back > 0 { format!("Log, {} lines back", view.back) } else { "Log".to_owned() };
        let room = rows.saturating_sub(1);
        // Scrolled to the begin, the first lines fill the screen.
        let end = view.log.len().saturating_sub(view.back).max(room.min(view.log.len()));
        let mut lines = vec![self.title(&title)];
        let shown = view.log.iter().take(end).skip(end.saturating_sub(room));
        lines.extend(shown.map(|line| self.log_line(line)));
        lines
    }

    pub(super) fn lab_pods(&self, view: &LabView, rows: usize) -> Vec<Line<'static>> {
        let mut lines = vec![self.title("Pods, every 2 seconds")];
        let Some(pods) = &view.pods else {
            let text = if view.is_replay() { "none on record yet" } else { "not looked at yet" };
            lines.push(Line::from(self.span(Tone::Dim, text)));
            return lines;
        };
        let name_width = self.width.saturating_sub(46);
        let heads =
            format!("  {:<name_width$}{:<7}{:<18}{:>4}{:>9}  ", "NAME", "READY", "STATE", "RES.", "AGE");
        lines.push(Line::from(self.span(Tone::Dim, self.cut(&heads))));
        let room = rows.saturating_sub(lines.len());
        let line = |pod: &PodLine| {
            let seen = &pod.seen;
            let (mark, tone) =
                if seen.is_well() { ("  ", Tone::Plain) } else { (self.pick("✘ ", "! "), Tone::Warn) };
            let name = self.cut_by(&seen.name, self.width - name_width + 1);
            let state = self.cut_by(&seen.state, self.width - 17);
            let ready = format!("{}/{}", seen.ready, seen.containers);
            let text =
                format!("{name:<name_width$}{ready:<7}{state:<18}{:>4}{:>9}", seen.restarts, view.age(pod));
            Line::from(vec![self.span(tone, mark), self.span(tone, text)])
        };
        lines.extend(pods.values().take(room).map(line));
        if pods.len() > room {
            let more = format!("{} pods in all", pods.len());
            lines[0] = self.title(&format!("Pods, every 2 seconds; {more}"));
        }
        lines
    }
}
