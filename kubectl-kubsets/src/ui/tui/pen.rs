//! Lines of the right width and colour, for every live picture.

use ratatui::style::{Color, Modifier, Style as Paint};
use ratatui::text::{Line, Span};

use crate::ui::style::Tone;

/// How the terminal wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(super) unicode: bool,
    pub(super) color: bool,
}

/// Makes lines of the right width and colour.
pub(super) struct Pen {
    pub(super) look: Look,
    pub(super) width: usize,
}

impl Pen {
    pub(super) fn new(look: Look, width: u16) -> Self {
        Self { look, width: usize::from(width) }
    }

    pub(super) fn paint(&self, tone: Tone) -> Paint {
        let weight = match tone {
            Tone::Strong => Paint::new().add_modifier(Modifier::BOLD),
            Tone::Dim => Paint::new().add_modifier(Modifier::DIM),
            _ => Paint::new(),
        };
        if !self.look.color {
            return weight;
        }
        match tone {
            Tone::Good => weight.fg(Color::Green),
            Tone::Bad => weight.fg(Color::Red),
            Tone::Warn => weight.fg(Color::Yellow),
            Tone::Hint => weight.fg(Color::Cyan),
            Tone::Plain | Tone::Dim | Tone::Strong => weight,
        }
    }

    pub(super) fn span(&self, tone: Tone, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.paint(tone))
    }

    pub(super) fn pick(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.look.unicode { unicode } else { ascii }
    }

    /// Text on the left and on the right of one line.
    pub(super) fn spread(&self, left: Vec<Span<'static>>, right: &str) -> Line<'static> {
        let used: usize = left.iter().map(Span::width).sum();
        let free = self.width.saturating_sub(used + 2);
        let right =
            if right.chars().count() <= free { right.to_owned() } else { cut_to(right, free, self.sign()) };
        let gap = self.width.saturating_sub(used + right.chars().count());
        let mut spans = left;
        spans.push(Span::raw(" ".repeat(gap)));
        spans.push(self.span(Tone::Dim, right));
        Line::from(spans)
    }

    pub(super) fn title(&self, text: &str) -> Line<'static> {
        let rule = self.pick("─", "-");
        let after = self.width.saturating_sub(text.chars().count() + 4);
        Line::from(vec![
            self.span(Tone::Dim, rule.repeat(2)),
            self.span(Tone::Strong, format!(" {text} ")),
            self.span(Tone::Dim, rule.repeat(after)),
        ])
    }

    pub(super) fn cut(&self, text: &str) -> String {
        cut_to(text, self.width, self.sign())
    }

    /// `text` in what the line leaves beside so many columns.
    pub(super) fn cut_by(&self, text: &str, used: usize) -> String {
        cut_to(text, self.width.saturating_sub(used), self.sign())
    }

    /// `text` broken between words, in at most `most` lines; the last is cut.
    pub(super) fn wrap(&self, text: &str, most: usize) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let last = lines.len() - 1;
            let used = lines[last].chars().count();
            if used == 0 {
                lines[last].push_str(word);
            } else if used + 1 + word.chars().count() <= self.width || lines.len() == most {
                lines[last].push(' ');
                lines[last].push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
        lines.iter().map(|line| self.cut(line)).collect()
    }

    pub(super) fn sign(&self) -> &'static str {
        self.pick("…", "...")
    }
}

/// `text` in at most `width` columns, with `sign` where something was left off.
fn cut_to(text: &str, width: usize, sign: &str) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(sign.chars().count())).collect();
    kept + sign
}

/// Minutes and seconds.
pub(super) fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
