//! Numbers and paths as SVG writes them.

use std::fmt::Write as _;

/// A coordinate with one decimal at most.
pub(super) fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// The `d` of a path.
#[derive(Debug, Default)]
pub(super) struct Path {
    text: String,
}

impl Path {
    pub(super) fn command(&mut self, command: char, numbers: &[f64]) -> &mut Self {
        self.text.push(command);
        for (place, number) in numbers.iter().enumerate() {
            let gap = if place == 0 { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(self.text, "{gap}{}", n(*number));
        }
        self
    }

    /// A closed rectangle.
    pub(super) fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64) {
        self.command('M', &[x, y]).command('h', &[width]).command('v', &[height]).command('h', &[-width]);
        self.text.push('z');
    }

    pub(super) fn close(&mut self) {
        self.text.push('z');
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}
