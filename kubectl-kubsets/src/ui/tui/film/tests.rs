//! The SVG of a film, read back as a viewer reads it.

use std::time::Duration;

use ratatui::Frame as Screen;
use ratatui::crossterm::event::KeyEvent;
use ratatui::style::Stylize as _;
use ratatui::text::Line as Text;
use roxmltree::{Document, Node};

use super::*;
use crate::ui::tui::terminal::Wish;

/// Shows the text of the last event and how many seconds have passed.
#[derive(Default)]
struct Saying {
    text: &'static str,
    passed: f64,
}

impl Picture for Saying {
    type Event = &'static str;

    fn update(&mut self, event: &&'static str) {
        self.text = event;
    }

    fn draw(&self, frame: &mut Screen<'_>, _look: Look) {
        let (area, clock) = (frame.area(), format!("{} s", self.passed.floor()));
        frame.render_widget(Text::from(vec![clock.into(), "  ".into(), self.text.red()]), area);
    }

    fn press(&mut self, _key: KeyEvent, _over: bool) -> Option<Wish> {
        None
    }

    fn pass(&mut self, time: Duration) {
        self.passed += time.as_secs_f64() * 2.0;
    }

    fn stays(&self) -> bool {
        true
    }
}

const EVENTS: [(f64, &str); 3] = [(0.0, "<first>"), (4.0, "second & \"last\""), (10.0, "<first>")];

fn film() -> Film {
    Film::of(Saying::default(), &EVENTS, 2.0)
}

fn id<'a>(document: &'a Document<'_>, id: &str) -> Node<'a, 'a> {
    document.descendants().find(|node| node.attribute("id") == Some(id)).expect("is there")
}

/// The texts of the first row, in the order of its strip, and the place that is shown where nothing moves.
fn first_row(document: &Document<'_>) -> (Vec<String>, usize) {
    let strip = id(document, "r0");
    let shown = strip.attribute("transform").expect("is placed");
    let shown: usize =
        shown.trim_start_matches("translate(0 -").trim_end_matches(')').parse().expect("is a number");
    let texts = strip.children().map(|line| {
        let line = id(document, line.attribute("href").expect("is a line").trim_start_matches('#'));
        let pieces = line.children().filter_map(|piece| piece.text());
        pieces.collect::<Vec<_>>().join("|").replace('\u{a0}', " ")
    });
    (texts.collect(), shown / 42)
}

#[test]
fn frames_come_when_the_picture_changes() {
    let film = film();
    assert_eq!(film.frames.len(), 11, "the clock of each second of ten");
    assert!((film.seconds() - 10.0).abs() < 1e-9, "ten seconds at twice the speed and the last look");
    assert!((speed_for(30.0) - 2.0).abs() < 1e-9 && (speed_for(3.0) - 1.0).abs() < 1e-9);
}

#[test]
fn the_svg_is_well_formed_and_each_line_is_drawn_once() {
    let svg = film().svg("a <run>");
    let document = Document::parse(&svg).expect("is XML");
    let title = document.descendants().find(|node| node.has_tag_name("title")).and_then(|node| node.text());
    assert_eq!(title, Some("a <run>"));
    let (texts, shown) = first_row(&document);
    assert_eq!(texts.len(), 11, "{texts:?}");
    assert_eq!(texts[0], "0 s|<first>");
    assert!(texts.contains(&"4 s|second & \"last\"".to_owned()), "{texts:?}");
    assert_eq!(texts[shown], "10 s|<first>", "where nothing moves the last picture is there");
    let drawn =
        document.descendants().filter(|node| node.attribute("id").is_some_and(|id| id.starts_with('l')));
    assert_eq!(drawn.count(), texts.len());
    assert_eq!(svg.matches("<use").count(), texts.len(), "the other rows are empty");
}

#[test]
fn only_rows_that_change_move_and_none_for_those_who_want_no_motion() {
    let svg = film().svg("a run");
    let (before, moving) = svg.split_once("@media (prefers-reduced-motion:no-preference){").expect("asks");
    assert!(!before.contains("animation"));
    assert_eq!(moving.matches("@keyframes").count(), 1, "{moving}");
    assert!(
        moving.contains("@keyframes m0{0%{transform:translateY(-0px)}5%{transform:translateY(-42px)}"),
        "{moving}"
    );
}
