//! The keys of the picture of a lab, and the picture for the terminal loop.

use std::time::Duration;

use kubsets_engine::LabRecord;
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::draw::draw;
use super::model::{LabView, Page};
use crate::ui::style::Tone;
use crate::ui::tui::pen::Look;
use crate::ui::tui::terminal::{Picture, Wish, is_interrupt};

/// Lines that `PgUp` and `PgDn` scroll the log by.
const LEAP: usize = 15;

impl Picture for LabView {
    type Event = LabRecord;

    fn update(&mut self, record: &LabRecord) {
        self.take(record);
    }

    fn draw(&self, frame: &mut Frame<'_>, look: Look) {
        draw(frame, self, look);
    }

    fn press(&mut self, key: KeyEvent, over: bool) -> Option<Wish> {
        if key.code == KeyCode::Char('q') || is_interrupt(key) {
            if over || self.aborting || self.is_replay() {
                return Some(Wish::Leave);
            }
            self.aborting = true;
            self.note(Tone::Warn, "abort asked for: undoing everything");
            return Some(Wish::Abort);
        }
        match key.code {
            KeyCode::Tab => self.chosen = Some(self.page().further(1)),
            KeyCode::BackTab => self.chosen = Some(self.page().further(Page::ALL.len() - 1)),
            KeyCode::Char(figure @ '1'..='6') => {
                self.chosen = Some(Page::ALL[usize::from(figure as u8 - b'1')]);
            }
            KeyCode::Char('?' | 'h') => self.chosen = Some(Page::Help),
            KeyCode::Up => self.scroll(1, true),
            KeyCode::PageUp => self.scroll(LEAP, true),
            KeyCode::Home => self.scroll(usize::MAX, true),
            KeyCode::Down => self.scroll(1, false),
            KeyCode::PageDown => self.scroll(LEAP, false),
            KeyCode::End => self.scroll(usize::MAX, false),
            _ => {}
        }
        None
    }

    fn pass(&mut self, time: Duration) {
        self.wait(time);
    }

    fn stays(&self) -> bool {
        self.is_replay()
    }
}

impl LabView {
    /// Moves the log, where it is shown.
    fn scroll(&mut self, lines: usize, older: bool) {
        if self.page() == Page::Log {
            let to = if older { self.back.saturating_add(lines) } else { self.back.saturating_sub(lines) };
            self.back = to.min(self.log.len().saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyModifiers;

    use super::*;
    use crate::ui::tui::lab::LabFacts;

    fn press(view: &mut LabView, code: KeyCode) -> Option<Wish> {
        view.press(KeyEvent::new(code, KeyModifiers::NONE), false)
    }

    #[test]
    fn q_or_interrupt_undoes_and_once_more_leaves() {
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        for key in [KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE), interrupt] {
            let mut view = LabView::new(LabFacts::default());
            assert_eq!(view.press(key, false), Some(Wish::Abort));
            assert!(view.aborting && view.log.len() == 1);
            assert_eq!(view.press(key, false), Some(Wish::Leave));
            assert_eq!(LabView::new(LabFacts::default()).press(key, true), Some(Wish::Leave));
            let replayed = &mut LabView::new(LabFacts::default()).replayed(1.0);
            assert_eq!(replayed.press(key, false), Some(Wish::Leave));
        }
    }

    #[test]
    fn keys_reach_every_page() {
        let mut view = LabView::new(LabFacts::default());
        for (at, page) in Page::ALL.into_iter().enumerate() {
            press(&mut view, KeyCode::Char(char::from(b'1' + at as u8)));
            assert_eq!(view.page(), page);
        }
        press(&mut view, KeyCode::Tab);
        assert_eq!(view.page(), Page::Overview);
        press(&mut view, KeyCode::BackTab);
        assert_eq!(view.page(), Page::Pods);
    }

    #[test]
    fn the_log_scrolls_and_keeps_its_place() {
        let mut view = LabView::new(LabFacts::default());
        for number in 0..50 {
            view.note(Tone::Plain, &format!("line {number}"));
        }
        press(&mut view, KeyCode::PageUp);
        assert_eq!(view.back, 0, "only the log scrolls");
        press(&mut view, KeyCode::Char('4'));
        press(&mut view, KeyCode::PageUp);
        view.note(Tone::Plain, "one more");
        assert_eq!(view.back, LEAP + 1);
        press(&mut view, KeyCode::Home);
        assert_eq!(view.back, 50);
        press(&mut view, KeyCode::End);
        assert_eq!(view.back, 0);
    }
}
