//! Draws the views: 80x24 and up, with or without characters beyond ASCII.

mod lists;
mod overview;
mod traffic;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::model::{LabView, Page};
use crate::ui::style::Tone;
use crate::ui::tui::draw::SMALLEST;
use crate::ui::tui::pen::{Look, Pen, clock};

/// Rows above each view: what runs, and the names of the views.
const HEAD: u16 = 2;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, view: &LabView, look: Look) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text = format!("needs {}x{}, has {}x{}", SMALLEST.0, SMALLEST.1, area.width, area.height);
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let parts = [Constraint::Length(HEAD), Constraint::Min(0), Constraint::Length(1)];
    let [head, body, footer] = Layout::vertical(parts).areas(area);
    let pen = Pen::new(look, area.width);
    let rows = usize::from(body.height);
    let lines = match view.page() {
        Page::Overview => pen.lab_overview(view, rows),
        Page::Traffic => pen.lab_traffic(view, rows),
        Page::Steps => pen.lab_steps(view, rows),
        Page::Log => pen.lab_log(view, rows),
        Page::Help => pen.lab_help(),
        Page::Pods => pen.lab_pods(view, rows),
    };
    frame.render_widget(Paragraph::new(vec![pen.lab_head(view), pen.lab_pages(view)]), head);
    frame.render_widget(Paragraph::new(lines), body);
    frame.render_widget(Paragraph::new(pen.lab_keys(view)), footer);
}

impl Pen {
    fn lab_head(&self, view: &LabView) -> Line<'static> {
        let (tone, word) = match (&view.ending, view.aborting) {
            (Some(ending), _) => (ending.tone, ending.word),
            (None, true) => (Tone::Warn, "aborting: undoing everything"),
            (None, false) => (Tone::Hint, "running"),
        };
        let replay = match view.replay {
            Some(speed) if speed > 0.0 => format!("replay x{speed}, "),
            Some(_) => "replay, ".to_owned(),
            None => String::new(),
        };
        let time = if view.longest > 0.0 && view.ending.is_none() {
            format!("{replay}{} of at most {}", clock(view.seconds), clock(view.longest))
        } else {
            format!("{replay}{}", clock(view.seconds))
        };
        let name = self.span(Tone::Strong, format!("lab {}", view.lab));
        self.spread(vec![name, Span::raw("  "), self.span(tone, word)], &time)
    }

    fn lab_pages(&self, view: &LabView) -> Line<'static> {
        let mut spans = Vec::new();
        for (number, page) in (1..).zip(Page::ALL) {
            let text = format!("{number} {}", page.name());
            // Brackets, so that the page is known without colour.
            if page == view.page() {
                spans.push(self.span(Tone::Strong, format!("[{text}]")));
            } else {
                spans.push(self.span(Tone::Dim, format!(" {text} ")));
            }
        }
        let place = match (view.namespace.as_str(), view.facts.context.as_str()) {
            ("", _) => String::new(),
            (namespace, "") => namespace.to_owned(),
            (namespace, context) => format!("{namespace}, {context}"),
        };
        self.spread(spans, &place)
    }

    fn lab_keys(&self, view: &LabView) -> Line<'static> {
        let text = match (view.ending.is_some() || view.is_replay(), view.aborting) {
            (true, _) => "q leave   1-6 Tab views   ? help",
            (false, true) => "aborting; q again leaves it to the watchdog",
            (false, false) => "q abort and undo   1-6 Tab views   ? help",
        };
        let text = if view.page() == Page::Log {
            format!("{text}   arrows PgUp PgDn scroll")
        } else {
            text.to_owned()
        };
        self.spread(vec![Span::raw(text)], &view.run)
    }

    fn lab_help(&self) -> Vec<Line<'static>> {
        let keys = [
            ("1 to 6", "overview, traffic, steps, log, help, pods"),
            ("Tab, Shift-Tab", "next view, view before"),
            ("arrows, PgUp, PgDn", "scroll the log; Home is its begin, End its newest line"),
            ("?", "this help"),
            ("q, Ctrl-C", "abort and undo everything; once more leaves it to the watchdog"),
            ("q, once it is over", "leave"),
        ];
        let mut lines = vec![self.title("Keys")];
        for (key, what) in keys {
            lines.push(Line::from(vec![self.span(Tone::Strong, format!("{key:<20}")), Span::raw(what)]));
        }
        let marks = [
            (self.pick("✔", "+"), "done, or as expected"),
            (self.pick("✘", "!"), "failed, or not as expected"),
            (self.pick("▶", ">"), "under way"),
            (self.pick("·", "."), "not reached"),
        ];
        lines.push(self.title("Marks"));
        for (mark, what) in marks {
            lines.push(Line::from(vec![self.span(Tone::Strong, format!("{mark:<20}")), Span::raw(what)]));
        }
        lines.push(self.title("Afterwards"));
        lines.push(Line::from("`kubectl kubsets lab replay RUN` shows a run again, without a cluster."));
        lines
    }
}

#[cfg(test)]
mod tests;
