//! The overview: what is asked, what is being done, what came out so far.

use ratatui::text::{Line, Span};

use crate::ui::style::Tone;
use crate::ui::tui::bars::bar;
use crate::ui::tui::draw::figure;
use crate::ui::tui::lab::model::{LabView, Mark};
use crate::ui::tui::model::{CanaryView, Gauge};
use crate::ui::tui::pen::Pen;

/// Loads that have a line here; all have one in the view of the traffic.
const LOADS: usize = 3;

impl Pen {
    pub(super) fn lab_overview(&self, view: &LabView, rows: usize) -> Vec<Line<'static>> {
        let mut lines = vec![self.title("Question")];
        let question = if view.question.is_empty() { "-" } else { &view.question };
        lines.extend(self.wrap(question, 3).into_iter().map(Line::from));
        lines.extend(self.lab_step(view));
        lines.extend(self.lab_loads(view));
        let ending = self.lab_ending(view);
        lines.push(self.title("Checked so far"));
        let room = rows.saturating_sub(lines.len() + ending.len());
        lines.extend(self.lab_checks(view, room));
        // The verdict has its place at the bottom, however little stands above.
        let free = rows.saturating_sub(lines.len() + ending.len());
        if free > 1 {
            lines.push(self.title("Log"));
            lines.extend(self.log(&view.log, free - 1));
        }
        lines.resize(rows.saturating_sub(ending.len()).max(lines.len()), Line::default());
        lines.extend(ending);
        lines
    }

    fn lab_step(&self, view: &LabView) -> Vec<Line<'static>> {
        let Some((number, step)) = view.step() else {
            return vec![
                self.title("Step"),
                Line::from(self.cut(&format!("before the first step: {}", view.doing))),
            ];
        };
        let text = format!("step {number} of {}: {} ({})", view.steps.len(), step.name, step.operation);
        let (mark, tone) = self.lab_mark(step.mark);
        let took = view.took(step);
        let mut progress = format!("{took:.0} s");
        if step.mark == Mark::Running && step.timeout > 0.0 {
            let filled = bar(took / step.timeout, 20, self.look.unicode);
            progress = format!("{filled} {took:.0} of at most {:.0} s", step.timeout);
        }
        if !view.doing.is_empty() {
            append!(progress, ", {}", view.doing);
        }
        let mut lines = vec![
            self.title("Step"),
            Line::from(vec![self.span(tone, format!("{mark} ")), Span::raw(self.cut_by(&text, 2))]),
            Line::from(self.cut(&progress)),
        ];
        if !step.question.is_empty() {
            lines.push(Line::from(self.span(Tone::Dim, self.cut(step.question.trim()))));
        }
        lines
    }

    fn lab_loads(&self, view: &LabView) -> Vec<Line<'static>> {
        let mut lines = vec![self.title("Traffic, last second")];
        lines.extend(view.loads.iter().take(LOADS).map(|load| self.load_line(load)));
        if let [only] = view.loads.as_slice() {
            lines.extend(self.load_history(only));
        }
        if let Some(canary) = &view.canary {
            let (stable, new) = (canary.stable.last(), canary.canary.last());
            let text = format!(
                "canary at {} %: stable {}/s, {} failed; canary {}/s, {} failed  (view 2 has all)",
                canary.percent, stable.requests, stable.failed, new.requests, new.failed
            );
            lines.push(Line::from(self.cut(&text)));
            lines.push(Line::from(self.cut(&self.canary_line(canary))));
        }
        if lines.len() == 1 {
            lines.push(Line::from(self.span(Tone::Dim, "no load yet")));
        }
        lines
    }

    /// What a canary has shown so far, in one line.
    fn canary_line(&self, canary: &CanaryView) -> String {
        let share = canary.share.map_or_else(
            || "not measured".to_owned(),
            |share| {
                let half = (share.high - share.low) / 2.0;
                format!("{:.1} {} {half:.1} %", share.percent, self.pick("±", "+/-"))
            },
        );
        let gauge = |gauge: &Gauge| {
            if gauge.needed > 0.0 {
                format!("{} of {:.0}", figure(gauge.value), gauge.needed)
            } else {
                "-".to_owned()
            }
        };
        format!("share {share}; evidence: worse {}, as good {}", gauge(&canary.fail), gauge(&canary.pass))
    }

    fn lab_checks(&self, view: &LabView, room: usize) -> Vec<Line<'static>> {
        if view.checks.is_empty() {
            return vec![Line::from(self.span(Tone::Dim, "nothing; expectations follow the last step"))];
        }
        let skipped = view.checks.len().saturating_sub(room);
        let line = |checked: &kubsets_engine::Checked| {
            let (mark, tone) = if checked.held {
                (self.pick("✔", "+"), Tone::Good)
            } else {
                (self.pick("✘", "!"), Tone::Bad)
            };
            let seen = if checked.seen.is_empty() { String::new() } else { format!(" ({})", checked.seen) };
            let text = self.cut_by(&format!("{}{seen}", checked.expected), 2);
            Line::from(vec![self.span(tone, format!("{mark} ")), Span::raw(text)])
        };
        view.checks.iter().skip(skipped).map(line).collect()
    }

    fn lab_ending(&self, view: &LabView) -> Vec<Line<'static>> {
        let mut lines = vec![self.title("Verdict")];
        match &view.ending {
            None => lines.push(Line::from(self.span(Tone::Dim, "not yet"))),
            Some(ending) => {
                let reason = self.wrap(&format!("{}: {}", ending.word, ending.reason), 2);
                lines.extend(reason.into_iter().map(|text| Line::from(self.span(ending.tone, text))));
            }
        }
        if let Some((tone, text)) = &view.undone {
            lines.push(Line::from(vec![Span::raw("undo   "), self.span(*tone, self.cut_by(text, 7))]));
        }
        if let Some(ending) = &view.ending {
            let again = vec![Span::raw("again  "), self.span(Tone::Hint, self.cut_by(&ending.repeat, 7))];
            lines.push(Line::from(again));
        }
        lines
    }
}
