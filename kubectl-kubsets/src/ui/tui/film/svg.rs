//! The SVG of a film. Each line is drawn once; each row of the screen is a strip of its lines, one below the other, of which
//! a window shows one at a time. Where nothing moves, the last picture is there.

use std::collections::HashMap;

use ratatui::style::{Color, Modifier};

use super::{Film, Line, Piece};

/// Size of a cell, and of the border around all.
const CELL: (usize, usize) = (10, 21);
const MARGIN: usize = 16;
/// Distance between the lines of a strip: letters and blocks reach over the edges of their cell.
const PITCH: usize = 2 * CELL.1;
/// Where letters stand in a cell.
const BASELINE: usize = 16;

/// Colours that are read well on the dark ground.
const STYLE: &str = "text{white-space:pre}.d{opacity:.65}.b{font-weight:700}\
    .g{fill:#98c379}.r{fill:#f0808a}.y{fill:#e5c07b}.c{fill:#5fc4d3}";

/// The names of a cell's styles.
pub(super) fn class(color: Color, modifier: Modifier) -> String {
    let color = match color {
        Color::Green => "g",
        Color::Red => "r",
        Color::Yellow => "y",
        Color::Cyan => "c",
        _ => "",
    };
    let weight = match modifier {
        m if m.contains(Modifier::BOLD) => "b",
        m if m.contains(Modifier::DIM) => "d",
        _ => "",
    };
    [color, weight].into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ")
}

pub(super) fn render(film: &Film, title: &str) -> String {
    let mut lines = Lines::default();
    let strips: Vec<Strip> = (0..rows(film)).map(|row| Strip::of(film, row, &mut lines)).collect();
    let (width, height) = (80 * CELL.0 + 2 * MARGIN, strips.len() * CELL.1 + 2 * MARGIN);
    let title = escape(title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"16.5\" \
         fill=\"#d7dae0\">\n<title>{title}</title>\n<style>\n{STYLE}\n\
         @media (prefers-reduced-motion:no-preference){{\n.m{{animation:{:.1}s step-end infinite}}\n",
        film.seconds()
    );
    for strip in &strips {
        svg.push_str(&strip.motion(film.seconds()));
    }
    append!(svg, "}}\n</style>\n<defs>\n{}</defs>\n", lines.drawn);
    append!(svg, "<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#1b1e24\"/>\n");
    for strip in &strips {
        svg.push_str(&strip.draw());
    }
    svg.push_str("</svg>\n");
    svg
}

fn rows(film: &Film) -> usize {
    film.frames.iter().map(|frame| frame.lines.len()).max().unwrap_or(0)
}

/// Lines that are drawn, by number; blank ones have none.
#[derive(Default)]
struct Lines<'a> {
    numbers: HashMap<&'a Line, usize>,
    drawn: String,
}

impl<'a> Lines<'a> {
    fn number(&mut self, line: &'a Line) -> Option<usize> {
        if line.0.is_empty() {
            return None;
        }
        let next = self.numbers.len();
        Some(*self.numbers.entry(line).or_insert_with(|| {
            append!(self.drawn, "<g id=\"l{next}\">");
            for piece in &line.0 {
                draw(&mut self.drawn, piece);
            }
            self.drawn.push_str("</g>\n");
            next
        }))
    }
}

fn draw(svg: &mut String, piece: &Piece) {
    let class = if piece.class.is_empty() { String::new() } else { format!(" class=\"{}\"", piece.class) };
    let (x, width) = (usize::from(piece.column) * CELL.0, usize::from(piece.columns) * CELL.0);
    // blanks inside a text are kept by every viewer when they are not ordinary ones
    let text = escape(&piece.text).replace(' ', "\u{a0}");
    append!(
        svg,
        "<text x=\"{x}\" y=\"{BASELINE}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\"{class}>{text}</text>"
    );
}

/// The lines that one row of the screen shows, in the order in which they first came.
struct Strip {
    row: usize,
    lines: Vec<Option<usize>>,
    /// When which of them comes.
    turns: Vec<(f64, usize)>,
}

impl Strip {
    fn of<'a>(film: &'a Film, row: usize, drawn: &mut Lines<'a>) -> Self {
        let mut strip = Self { row, lines: Vec::new(), turns: Vec::new() };
        for frame in &film.frames {
            let line = frame.lines.get(row).and_then(|line| drawn.number(line));
            let place = strip.lines.iter().position(|known| *known == line).unwrap_or_else(|| {
                strip.lines.push(line);
                strip.lines.len() - 1
            });
            if strip.turns.last().is_none_or(|(_, last)| *last != place) {
                strip.turns.push((frame.at, place));
            }
        }
        strip
    }

    fn is_still(&self) -> bool {
        self.turns.len() < 2
    }

    /// The rules that move it.
    fn motion(&self, seconds: f64) -> String {
        if self.is_still() {
            return String::new();
        }
        let row = self.row;
        let mut css = format!("#r{row}{{animation-name:m{row}}}@keyframes m{row}{{");
        for (at, place) in &self.turns {
            append!(css, "{}%{{transform:translateY(-{}px)}}", percent(at / seconds), place * PITCH);
        }
        css.push_str("}\n");
        css
    }

    fn draw(&self) -> String {
        let (row, y) = (self.row, MARGIN + self.row * CELL.1);
        let shown = self.turns.last().map_or(0, |(_, place)| *place);
        let mut lines = String::new();
        for (place, line) in self.lines.iter().enumerate() {
            if let Some(number) = line {
                append!(lines, "<use href=\"#l{number}\" y=\"{}\"/>", place * PITCH);
            }
        }
        let class = if self.is_still() { "" } else { " class=\"m\"" };
        let (width, height) = (80 * CELL.0, CELL.1);
        format!(
            "<svg x=\"{MARGIN}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"><g id=\"r{row}\"{class} \
             transform=\"translate(0 -{})\">{lines}</g></svg>\n",
            shown * PITCH
        )
    }
}

/// A share as percent, as short as it can be.
fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
