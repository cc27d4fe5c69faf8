//! A record as a film: every picture that a terminal would have shown, as an SVG that moves.

mod svg;

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};

use super::draw::SMALLEST;
use super::pen::Look;
use super::terminal::Picture;

/// Seconds of the record between two looks at the picture.
const PERIOD: f64 = 0.5;
/// Seconds in which the last picture stays.
const HOLD: f64 = 5.0;
/// A film is played as many times as fast as keeps it within these seconds.
const LONGEST: f64 = 22.0;

/// The film of a run.
pub(crate) struct Film {
    /// Pictures, each other than the one before.
    frames: Vec<Frame>,
}

/// One picture.
struct Frame {
    /// Seconds since the film began.
    at: f64,
    lines: Vec<Line>,
}

/// One row of the screen: pieces of one style each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Line(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Piece {
    column: u16,
    columns: u16,
    text: String,
    /// Names of its styles, separated by a blank.
    class: String,
}

/// The speed at which the film of so many seconds has a good length.
pub(crate) fn speed_for(seconds: f64) -> f64 {
    (seconds / (LONGEST - HOLD)).ceil().max(1.0)
}

impl Film {
    /// Makes the film of events with their seconds; `view` is the picture before the first, told of the speed.
    pub(crate) fn of<P: Picture>(mut view: P, events: &[(f64, P::Event)], speed: f64) -> Self {
        let look = Look { unicode: true, color: true };
        let Ok(mut terminal) = Terminal::new(TestBackend::new(SMALLEST.0, SMALLEST.1));
        let end = events.last().map_or(0.0, |(seconds, _)| *seconds);
        let (mut frames, mut now, mut next) = (Vec::<Frame>::new(), 0.0, 0);
        loop {
            while let Some((_, event)) = events.get(next).filter(|(seconds, _)| *seconds <= now) {
                view.update(event);
                next += 1;
            }
            let Ok(picture) = terminal.draw(|frame| view.draw(frame, look));
            let lines = lines(picture.buffer);
            if frames.last().is_none_or(|frame| frame.lines != lines) {
                frames.push(Frame { at: now / speed, lines });
            }
            if now >= end {
                return Self { frames };
            }
            view.pass(Duration::from_secs_f64(PERIOD / speed));
            now = (now + PERIOD).min(end);
        }
    }

    /// The film as an SVG; `title` says what it shows.
    pub(crate) fn svg(&self, title: &str) -> String {
        svg::render(self, title)
    }

    /// Seconds that it takes.
    fn seconds(&self) -> f64 {
        self.frames.last().map_or(0.0, |frame| frame.at) + HOLD
    }
}

fn lines(buffer: &Buffer) -> Vec<Line> {
    let width = usize::from(buffer.area.width);
    buffer.content.chunks(width).map(line).collect()
}

/// Cells as pieces, without blanks at the ends of a piece.
fn line(cells: &[Cell]) -> Line {
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < cells.len() {
        let style = (cells[from].fg, cells[from].modifier);
        let same = cells[from..].iter().take_while(|cell| (cell.fg, cell.modifier) == style).count();
        let piece = &cells[from..from + same];
        let blank = |cell: &&Cell| cell.symbol() == " ";
        let before = piece.iter().take_while(blank).count();
        if before < same {
            let after = piece.iter().rev().take_while(blank).count();
            let text = &piece[before..same - after];
            pieces.push(Piece {
                column: (from + before) as u16,
                columns: text.len() as u16,
                text: text.iter().map(Cell::symbol).collect(),
                class: svg::class(style.0, style.1),
            });
        }
        from += same;
    }
    Line(pieces)
}

#[cfg(test)]
mod tests;
