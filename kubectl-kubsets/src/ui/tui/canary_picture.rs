//! The canary's picture and its keys, for the terminal loop.

use std::time::Duration;

use kubsets_delivery::Record;
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::draw::draw;
use super::model::CanaryView;
use super::pen::Look;
use super::terminal::{Picture, Wish, is_interrupt};

impl Picture for CanaryView {
    type Event = Record;

    fn update(&mut self, record: &Record) {
        CanaryView::update(self, record);
    }

    fn draw(&self, frame: &mut Frame<'_>, look: Look) {
        draw(frame, self, look);
    }

    fn press(&mut self, key: KeyEvent, over: bool) -> Option<Wish> {
        // What is only shown again cannot be aborted.
        let over = over || self.is_replay();
        if is_interrupt(key) {
            if self.aborting || over {
                return Some(Wish::Leave);
            }
            self.begin_abort();
            return Some(Wish::Abort);
        }
        match key.code {
            KeyCode::Char('y') if self.asking => {
                self.begin_abort();
                return Some(Wish::Abort);
            }
            KeyCode::Char('n') | KeyCode::Esc if self.asking => self.ask(false),
            KeyCode::Char('q') | KeyCode::Esc if over => return Some(Wish::Leave),
            KeyCode::Char('q') => self.ask(true),
            KeyCode::Char('l') => self.toggle_log(),
            _ => {}
        }
        None
    }

    fn pass(&mut self, time: Duration) {
        CanaryView::pass(self, time);
    }

    fn stays(&self) -> bool {
        self.is_replay()
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyModifiers;

    use super::*;
    use crate::ui::tui::model::Facts;

    fn key(code: char) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(code), KeyModifiers::NONE)
    }

    fn view() -> CanaryView {
        CanaryView::new(Facts::default())
    }

    #[test]
    fn q_asks_before_it_aborts() {
        let mut view = view();
        assert_eq!(view.press(key('q'), false), None);
        assert!(view.asking);
        assert_eq!(view.press(key('n'), false), None);
        assert!(!view.asking && !view.aborting);
        view.press(key('q'), false);
        assert_eq!(view.press(key('y'), false), Some(Wish::Abort));
        assert!(view.aborting);
    }

    #[test]
    fn interrupt_aborts_and_the_second_leaves() {
        let mut view = view();
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(view.press(interrupt, false), Some(Wish::Abort));
        assert_eq!(view.press(interrupt, false), Some(Wish::Leave));
    }

    #[test]
    fn q_leaves_once_the_run_is_over() {
        assert_eq!(view().press(key('q'), true), Some(Wish::Leave));
    }

    #[test]
    fn q_leaves_a_replay_at_once() {
        let mut view = view().replayed(10.0);
        assert_eq!(view.press(key('q'), false), Some(Wish::Leave));
        assert!(view.stays());
    }
}
