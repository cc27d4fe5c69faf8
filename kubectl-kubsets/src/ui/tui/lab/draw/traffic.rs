//! The traffic: each load second by second, or the canary's own picture.

use ratatui::text::{Line, Span};

use crate::ui::style::Tone;
use crate::ui::tui::bars::sparkline;
use crate::ui::tui::draw::TALL;
use crate::ui::tui::lab::model::{LabView, Traffic};
use crate::ui::tui::pen::Pen;
use crate::ui::units::millis;

/// Rows of one load.
const ROWS: usize = 5;

impl Pen {
    pub(super) fn lab_traffic(&self, view: &LabView, rows: usize) -> Vec<Line<'static>> {
        if let Some(canary) = &view.canary {
            // The name of the run and its time stand above.
            return self.canary(canary, rows as u16 + 1, rows >= usize::from(TALL)).split_off(1);
        }
        if view.loads.is_empty() {
            return vec![self.title("Traffic"), Line::from(self.span(Tone::Dim, "no load yet"))];
        }
        // The newest loads where not all have room.
        let skipped = view.loads.len().saturating_sub(rows / ROWS);
        view.loads.iter().skip(skipped).flat_map(|load| self.lab_load(load)).collect()
    }

    fn lab_load(&self, load: &Traffic) -> Vec<Line<'static>> {
        let sums = format!(
            "in sum {} ok, {} failed, {} never sent; {} in flight",
            load.ok, load.failed, load.never_sent, load.last.in_flight
        );
        let latency = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), millis);
        let figures = format!("  p50 {}, p99 {}", latency(load.last.p50_ms), latency(load.last.p99_ms));
        let mut lines = vec![self.title(&format!("{}, second {}", load.last.load, load.last.second))];
        lines.extend(self.load_history(load));
        lines.push(Line::from(self.cut(&figures)));
        lines.push(Line::from(self.span(Tone::Dim, self.cut(&format!("  {sums}")))));
        lines
    }

    /// What came back well and what failed, second by second.
    pub(super) fn load_history(&self, load: &Traffic) -> [Line<'static>; 2] {
        let failing = if load.last.failed > 0 { self.pick("✘ ", "! ") } else { "  " };
        let tone = if load.last.failed > 0 { Tone::Bad } else { Tone::Plain };
        [
            self.rates("  ok/s", load.last.ok, &load.ok_each, Tone::Hint, Tone::Plain),
            self.rates(&format!("{failing}failed/s"), load.last.failed, &load.failed_each, Tone::Bad, tone),
        ]
    }

    fn rates(
        &self,
        name: &str,
        last: u64,
        each: &std::collections::VecDeque<u64>,
        spark: Tone,
        tone: Tone,
    ) -> Line<'static> {
        let text = format!("{name:<12}{last:>7}  ");
        let values: Vec<Option<f64>> = each.iter().map(|value| Some(*value as f64)).collect();
        let width = self.width.saturating_sub(text.chars().count());
        let line = sparkline(&values, width, 1.0, self.look.unicode);
        Line::from(vec![self.span(tone, text), self.span(spark, line)])
    }

    /// A load in one line.
    pub(super) fn load_line(&self, load: &Traffic) -> Line<'static> {
        let last = &load.last;
        let latency = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), millis);
        let failed = format!("{} failed", last.failed);
        let (mark, tone) =
            if last.failed > 0 { (self.pick("✘ ", "! "), Tone::Bad) } else { ("  ", Tone::Plain) };
        let rest = format!(
            "  p50 {}, p99 {}; in sum {} failed of {}",
            latency(last.p50_ms),
            latency(last.p99_ms),
            load.failed,
            load.ok + load.failed
        );
        let head = format!("{mark}{}: {} ok/s, ", last.load, last.ok);
        let used = head.chars().count() + failed.chars().count();
        Line::from(vec![Span::raw(head), self.span(tone, failed), Span::raw(self.cut_by(&rest, used))])
    }
}
