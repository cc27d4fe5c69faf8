//! Draws the picture: 80x24 and up, with or without characters beyond ASCII.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::bars::{bar, evidence_share, share_scale, sparkline};
use super::model::{CanaryView, Gauge, Line as LogLine, Side};
use super::pen::{Look, Pen, clock};
use crate::ui::style::Tone;
use crate::ui::units::{millis, percent};

/// Smallest screen on which everything has its place.
pub(super) const SMALLEST: (u16, u16) = (80, 24);

/// From this height on sparklines of errors and latency have lines of their own.
pub(super) const TALL: u16 = 30;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, view: &CanaryView, look: Look) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text = format!("needs {}x{}, has {}x{}", SMALLEST.0, SMALLEST.1, area.width, area.height);
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let [body, footer] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(area);
    let pen = Pen::new(look, area.width);
    let lines = pen.canary(view, body.height, area.height >= TALL);
    frame.render_widget(Paragraph::new(lines), body);
    frame.render_widget(Paragraph::new(pen.keys(view)), Rect { height: 1, ..footer });
}

impl Pen {
    /// The picture in so many rows, without the line of keys.
    pub(super) fn canary(&self, view: &CanaryView, rows: u16, tall: bool) -> Vec<Line<'static>> {
        let mut lines = self.header(view);
        if !view.log_only {
            lines.extend(self.steps(view));
            lines.extend(self.share(view));
            lines.extend(self.requests(view, tall));
            lines.extend(self.evidence(view));
        }
        lines.push(self.title("Events"));
        let free = usize::from(rows).saturating_sub(lines.len());
        lines.extend(self.log(&view.log, free));
        lines
    }

    fn header(&self, view: &CanaryView) -> Vec<Line<'static>> {
        let (word, tone) = match (&view.decision, view.aborting) {
            (Some((tone, text)), _) => (text.clone(), *tone),
            (None, true) => ("aborting: undoing everything".to_owned(), Tone::Warn),
            (None, false) => ("running".to_owned(), Tone::Hint),
        };
        let first = vec![
            self.span(Tone::Strong, format!("canary {}", view.facts.title)),
            Span::raw("  "),
            self.span(tone, word),
        ];
        let place = format!("{} in {}", view.deployment, view.namespace);
        // what is cut off where there is no room is less than that it is a replay
        let place = match view.replay {
            Some(speed) if speed > 0.0 => format!("replay x{speed}, {place}"),
            Some(_) => format!("replay, {place}"),
            None => format!("{place}, context {}", view.facts.context),
        };
        if view.run.is_empty() {
            return vec![self.spread(first, &clock(view.seconds)), Line::default()];
        }
        let address = view.url.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let versions = vec![
            Span::raw(or_dash(&view.stable.version)),
            self.span(Tone::Dim, self.pick(" → ", " -> ")),
            self.span(Tone::Strong, or_dash(&view.canary.version)),
            self.span(Tone::Dim, format!("  {} req/s, {address}", view.rate)),
        ];
        vec![self.spread(first, &clock(view.seconds)), self.spread(versions, &place)]
    }

    fn steps(&self, view: &CanaryView) -> Vec<Line<'static>> {
        let mut spans = Vec::new();
        for (position, step) in view.steps.iter().enumerate() {
            let number = position + 1;
            let over = number < view.step || (number == view.step && view.finished && is_good(view));
            let (tone, mark) = match number.cmp(&view.step) {
                _ if over => (Tone::Good, self.pick("✔", "+")),
                std::cmp::Ordering::Equal => (Tone::Hint, self.pick("▶", ">")),
                _ => (Tone::Dim, self.pick("·", ".")),
            };
            spans.push(self.span(tone, format!("{mark} {step} %")));
            if number < view.steps.len() {
                spans.push(self.span(Tone::Dim, self.pick("  ─  ", "  -  ")));
            }
        }
        let left =
            view.longest_left().map(|left| format!("at most {} left", clock(left))).unwrap_or_default();
        let bar_line = if view.step > 0 && view.step_budget > 0.0 {
            let share = view.step_seconds() / view.step_budget;
            format!(
                "{} {} of {} s, {}",
                bar(share, 20, self.look.unicode),
                view.step_seconds().round(),
                view.step_budget.round(),
                view.doing
            )
        } else {
            view.doing.clone()
        };
        vec![self.title("Steps"), self.spread(spans, &left), Line::from(self.cut(&bar_line))]
    }

    fn share(&self, view: &CanaryView) -> Vec<Line<'static>> {
        let measured = view.share.map(|share| (share.percent, share.low, share.high));
        let text = match view.share {
            Some(share) => {
                let half = (share.high - share.low) / 2.0;
                let sign = self.pick("±", "+/-");
                format!("measured {:.1} {sign} {half:.1} %  of {} requests", share.percent, share.total)
            }
            None => "not measured yet".to_owned(),
        };
        let scale =
            share_scale(view.percent, measured, self.width.saturating_sub(64).max(16), self.look.unicode);
        let line = Line::from(vec![
            Span::raw(format!("{:<16}", format!("target {} %", view.percent))),
            self.span(Tone::Hint, scale),
            Span::raw(format!("  {text}")),
        ]);
        vec![self.title("Share of the canary, on the wire"), line]
    }

    fn requests(&self, view: &CanaryView, tall: bool) -> Vec<Line<'static>> {
        let heads = format!(
            "{:<8}{:>7}  {}{:>8}  {:>9}  {:>9}",
            "",
            "req/s",
            " ".repeat(self.spark_width() + 2),
            "errors",
            "p50",
            "p99"
        );
        let mut lines = vec![self.title("Requests"), Line::from(self.span(Tone::Dim, heads))];
        for (name, side) in [("stable", &view.stable), ("canary", &view.canary)] {
            lines.push(self.side(name, side));
            if tall {
                lines.push(self.history("  errors", side, |sample| Some(sample.failed as f64), 1.0));
                lines.push(self.history("  p99", side, |sample| sample.p99_ms, 1.0));
            }
        }
        let users = format!(
            "users saw {} failed requests ({} without an answer); {} under way, {} never sent",
            view.failed_for_users(),
            view.dropped,
            view.in_flight,
            view.never_sent
        );
        lines.push(Line::from(self.span(Tone::Dim, self.cut(&users))));
        lines
    }

    fn spark_width(&self) -> usize {
        self.width.saturating_sub(49).max(16)
    }

    fn side(&self, name: &str, side: &Side) -> Line<'static> {
        let last = side.last();
        let rates: Vec<Option<f64>> =
            side.history.iter().map(|sample| Some(sample.requests as f64)).collect();
        let error_tone = match side.error_rate() {
            Some(rate) if rate >= 0.01 => Tone::Bad,
            Some(rate) if rate > 0.0 => Tone::Warn,
            _ => Tone::Plain,
        };
        let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), millis);
        Line::from(vec![
            self.span(Tone::Strong, format!("{name:<8}")),
            Span::raw(format!("{:>7}  ", last.requests)),
            self.span(Tone::Hint, sparkline(&rates, self.spark_width(), 1.0, self.look.unicode)),
            self.span(
                error_tone,
                format!("  {:>8}", side.error_rate().map_or_else(|| "-".to_owned(), percent)),
            ),
            Span::raw(format!("  {:>9}  {:>9}", figure(last.p50_ms), figure(last.p99_ms))),
        ])
    }

    fn history(
        &self,
        name: &str,
        side: &Side,
        value: fn(&super::model::Sample) -> Option<f64>,
        least: f64,
    ) -> Line<'static> {
        let values: Vec<Option<f64>> = side.history.iter().map(value).collect();
        let line = sparkline(&values, self.spark_width(), least, self.look.unicode);
        Line::from(self.span(Tone::Dim, format!("{name:<17}{line}")))
    }

    fn evidence(&self, view: &CanaryView) -> Vec<Line<'static>> {
        vec![
            self.title("Evidence (looking at it as often as you like is allowed)"),
            self.gauge("FAIL canary is worse", view.fail, Tone::Bad),
            self.gauge("PASS under the limit", view.pass, Tone::Good),
            Line::from(self.span(Tone::Dim, self.cut(&view.reason))),
        ]
    }

    fn gauge(&self, name: &str, gauge: Gauge, tone: Tone) -> Line<'static> {
        let width = self.width.saturating_sub(46).max(16);
        let text = if gauge.needed > 0.0 {
            format!("{} of {:.0}", figure(gauge.value), gauge.needed)
        } else {
            "-".to_owned()
        };
        let filled = bar(evidence_share(gauge.value, gauge.needed), width, self.look.unicode);
        Line::from(vec![
            Span::raw(format!("{name}  ")),
            self.span(tone, filled),
            Span::raw(format!("  {text}")),
        ])
    }

    /// The newest lines of a log, as many as there are rows.
    pub(super) fn log(&self, log: &VecDeque<LogLine>, rows: usize) -> Vec<Line<'static>> {
        log.iter().skip(log.len().saturating_sub(rows)).map(|line| self.log_line(line)).collect()
    }

    pub(super) fn log_line(&self, line: &LogLine) -> Line<'static> {
        let text = if self.look.unicode { line.text.clone() } else { line.text.replace('±', "+/-") };
        let text = self.cut(&format!("{}  {text}", clock(line.seconds)));
        let (time, rest) = text.split_at(text.find("  ").map_or(0, |at| at + 2));
        Line::from(vec![self.span(Tone::Dim, time.to_owned()), self.span(line.tone, rest.to_owned())])
    }

    fn keys(&self, view: &CanaryView) -> Line<'static> {
        if view.asking {
            let question = "Abort and give all traffic back to the stable version?  y yes   n no, go on";
            return Line::from(self.span(Tone::Warn, question));
        }
        let text = match (view.finished || view.is_replay(), view.aborting) {
            (true, _) => "q leave   l events".to_owned(),
            (false, true) => "aborting; Ctrl-C again leaves it to the watchdog".to_owned(),
            (false, false) => "q abort and undo   l events   Ctrl-C abort at once".to_owned(),
        };
        self.spread(vec![Span::raw(text)], &view.run)
    }
}

fn is_good(view: &CanaryView) -> bool {
    matches!(view.decision, Some((Tone::Good, _)))
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// A figure of evidence: large ones need no decimals.
pub(super) fn figure(value: f64) -> String {
    match value {
        v if !v.is_finite() || v >= 1e6 => "over a million".to_owned(),
        v if v >= 100.0 => format!("{v:.0}"),
        v => format!("{v:.1}"),
    }
}

#[cfg(test)]
mod tests;
