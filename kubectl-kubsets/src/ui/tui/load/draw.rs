//! Draws the picture: 80x24 and up, with or without characters beyond ASCII.

use kubsets_load::{Latencies, Percentiles};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::model::{HEAT_MS, HEAT_ROWS, LoadView};
use crate::ui::style::Tone;
use crate::ui::tui::bars::sparkline;
use crate::ui::tui::pen::{Look, Pen, clock};
use crate::ui::units::{millis, percent, percentile};

/// Smallest screen on which everything has its place.
const SMALLEST: (u16, u16) = (80, 24);

/// Columns before the heat strip.
const MARGIN: usize = 10;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, view: &LoadView, look: Look) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text = format!("needs {}x{}, has {}x{}", SMALLEST.0, SMALLEST.1, area.width, area.height);
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let pen = Pen::new(look, area.width);
    let mut lines = pen.load_header(view);
    lines.extend(pen.rate(view));
    lines.extend(pen.latency(view));
    lines.extend(pen.answers(view));
    lines.extend(if view.help { pen.help() } else { pen.heat(view) });
    frame.render_widget(Paragraph::new(lines), area);
    let footer = Rect { y: area.bottom() - 1, height: 1, ..area };
    let keys = "+/- rate   </> half, double   p pause   q end   ? help";
    let left = vec![Span::raw(if view.stopping { "Ctrl-C leaves without a report" } else { keys })];
    frame.render_widget(Paragraph::new(pen.spread(left, "")), footer);
}

impl Pen {
    fn load_header(&self, view: &LoadView) -> Vec<Line<'static>> {
        let (word, tone) = match (view.stopping, view.paused_at) {
            (true, _) => ("ending", Tone::Warn),
            (false, Some(_)) => ("paused", Tone::Warn),
            (false, None) => ("running", Tone::Hint),
        };
        let time = match view.facts.duration {
            Some(duration) => format!("{} of {}", clock(view.seconds), clock(duration.as_secs_f64())),
            None => clock(view.seconds),
        };
        // The word and the time keep their places, however long the address is.
        let room = self.width.saturating_sub(time.chars().count() + word.len() + 11);
        let title: String = view.facts.title.chars().take(room).collect();
        let first =
            vec![self.span(Tone::Strong, format!("load {title}")), Span::raw("  "), self.span(tone, word)];
        vec![self.spread(first, &time), self.spread(vec![Span::raw(view.facts.how.clone())], &view.note)]
    }

    fn rate(&self, view: &LoadView) -> Vec<Line<'static>> {
        let last = view.last();
        let wanted = view.wanted.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
        let text = format!("wanted {wanted:>6}/s   achieved {:>6}/s   ", last.answered);
        let rates: Vec<Option<f64>> = view.history.iter().map(|one| Some(one.answered as f64)).collect();
        let width = self.width.saturating_sub(text.len());
        let spark = sparkline(&rates, width, 1.0, self.look.unicode);
        let state = format!(
            "in flight {}, waiting {}, never sent {}; the generator itself was late by {}",
            view.in_flight,
            view.queued,
            view.never_sent,
            millis(view.lag_ms)
        );
        let late = if last.disturbed { Tone::Bad } else { Tone::Plain };
        vec![
            self.title("Rate"),
            Line::from(vec![Span::raw(text), self.span(Tone::Hint, spark)]),
            Line::from(self.span(late, self.cut(&state))),
        ]
    }

    fn latency(&self, view: &LoadView) -> Vec<Line<'static>> {
        let heads = format!(
            "{:<13}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}",
            "", "requests", "p50", "p90", "p99", "p99.9", "max"
        );
        let why = format!(
            "corrected: from the planned instant, {} without an answer; uncorrected: as sent",
            self.at_least()
        );
        let waited = |given_up: &Latencies| {
            let mut bounds = given_up.clone();
            bounds.merge(&view.pending);
            bounds
        };
        let sent = Latencies::default();
        vec![
            self.title("Latency"),
            Line::from(self.span(Tone::Dim, heads)),
            self.percentiles("corrected", (&view.corrected, &waited(&view.given_up)), Tone::Strong),
            self.percentiles("uncorrected", (&view.uncorrected, &sent), Tone::Plain),
            self.percentiles("last second", (&view.newest, &waited(&view.newest_given_up)), Tone::Plain),
            Line::from(self.span(Tone::Dim, self.cut(&why))),
        ]
    }

    fn at_least(&self) -> &'static str {
        if self.look.unicode { "≥" } else { ">=" }
    }

    /// Good answers, and lower bounds of what has none.
    fn percentiles(&self, name: &str, (good, bounds): (&Latencies, &Latencies), tone: Tone) -> Line<'static> {
        let set = Percentiles::of(good, bounds);
        let mut text = format!("{:>11}", set.count);
        for value in [set.p50, set.p90, set.p99, set.p999, set.max] {
            append!(text, "{:>11}", percentile(&set, value, self.at_least()));
        }
        Line::from(vec![self.span(tone, format!("{name:<13}")), Span::raw(text)])
    }

    fn answers(&self, view: &LoadView) -> Vec<Line<'static>> {
        let rate = view.error_rate();
        let tone = match rate {
            Some(rate) if rate >= 0.01 => Tone::Bad,
            Some(rate) if rate > 0.0 => Tone::Warn,
            _ => Tone::Plain,
        };
        let kinds: Vec<String> =
            view.errors.iter().map(|(kind, count)| format!("{} {count}", kind.name())).collect();
        let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
        let counts = vec![
            Span::raw(format!("planned {}   ok {}   ", view.planned, view.ok)),
            self.span(tone, format!("errors {}", rate.map_or_else(|| "-".to_owned(), percent))),
        ];
        let failed = format!("failed {}, timed out {}{kinds}", view.failed, view.timed_out);
        let versions: Vec<String> =
            view.versions.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let versions = if versions.is_empty() { "none named".to_owned() } else { versions.join(", ") };
        vec![
            self.title("Requests"),
            self.spread(counts, &failed),
            Line::from(self.span(Tone::Dim, self.cut(&format!("versions: {versions}")))),
        ]
    }

    /// One column for each second, one row for each range of latencies, the slowest on top.
    fn heat(&self, view: &LoadView) -> Vec<Line<'static>> {
        let mut lines = vec![self.title("Latency of each second")];
        let width = self.width.saturating_sub(MARGIN);
        let skipped = view.history.len().saturating_sub(width);
        for row in (0..HEAT_ROWS).rev() {
            let label = match HEAT_MS.get(row) {
                Some(1000) => "<= 1 s".to_owned(),
                Some(bound) => format!("<= {bound} ms"),
                None => "> 1 s".to_owned(),
            };
            let cells: String = view
                .history
                .iter()
                .skip(skipped)
                .map(|second| shade(second.heat[row], second.heat.iter().sum(), self.look.unicode))
                .collect();
            let tone = if row >= 6 {
                Tone::Bad
            } else if row >= 4 {
                Tone::Warn
            } else {
                Tone::Good
            };
            lines
                .push(Line::from(vec![self.span(Tone::Dim, format!("{label:>9} ")), self.span(tone, cells)]));
        }
        lines
    }

    fn help(&self) -> Vec<Line<'static>> {
        let texts = [
            "+ or up, - or down       a tenth more or less requests per second",
            "> or right, < or left    twice or half as many",
            "p or space               pause, and go on with the same rate",
            "q                        end: requests under way may end, then rules are judged",
            "Ctrl-C                   the same as an interrupt: no verdict, exit code 130",
            "?                        back to the picture",
            "",
            "A changed rate holds until the end: the schedule is given up for it.",
        ];
        let lines = texts.into_iter().map(Line::from);
        std::iter::once(self.title("Keys")).chain(lines).collect()
    }
}

/// A share of a second's answers as a shade.
fn shade(count: u64, of: u64, unicode: bool) -> char {
    let shades = if unicode { ['·', '░', '▒', '▓', '█'] } else { ['.', ':', '+', '*', '#'] };
    if count == 0 {
        return ' ';
    }
    let share = count as f64 / of as f64;
    let level = [0.01, 0.1, 0.33, 0.66].iter().filter(|bound| share >= **bound).count();
    shades[level]
}

#[cfg(test)]
mod tests;
