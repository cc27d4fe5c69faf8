//! What the keys do: pure, so that it is tested without a terminal.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::LoadView;

/// Steps of the rate: small ones by `+` and `-`, large ones by `>` and `<`.
const SMALL: f64 = 1.1;
const LARGE: f64 = 2.0;

/// What the user wants of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wish {
    /// This rate from now on.
    Rate(f64),
    /// Nothing new; requests under way may end.
    Stop,
    /// Leave at once, without a report.
    Leave,
}

/// Takes a key.
pub(super) fn press(view: &mut LoadView, key: KeyEvent) -> Option<Wish> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if control => Some(interrupt(view)),
        KeyCode::Char('q') if !view.stopping => Some(stop(view)),
        KeyCode::Char('?' | 'h') => {
            view.help = !view.help;
            None
        }
        KeyCode::Char('p' | ' ') => pause(view),
        KeyCode::Char('+' | '=') | KeyCode::Up => steer(view, SMALL),
        KeyCode::Char('-') | KeyCode::Down => steer(view, 1.0 / SMALL),
        KeyCode::Char('>' | '.') | KeyCode::Right => steer(view, LARGE),
        KeyCode::Char('<' | ',') | KeyCode::Left => steer(view, 1.0 / LARGE),
        _ => None,
    }
}

/// Takes Ctrl-C, or a signal: the first ends the run, the second leaves.
pub(super) fn interrupt(view: &mut LoadView) -> Wish {
    if view.stopping {
        return Wish::Leave;
    }
    view.interrupted = true;
    stop(view)
}

fn stop(view: &mut LoadView) -> Wish {
    view.stopping = true;
    "ending: requests under way may end".clone_into(&mut view.note);
    Wish::Stop
}

fn steer(view: &mut LoadView, factor: f64) -> Option<Wish> {
    let before = view.paused_at.or(view.wanted).filter(|_| can_steer(view))?;
    // Whole requests per second where that is more than nothing.
    let rate = before * factor;
    let rate = if rate >= 10.0 { rate.round() } else { rate.max(0.1) };
    view.paused_at = None;
    view.wanted = Some(rate);
    view.note = format!("{before:.1} to {rate:.1} requests/s from now on");
    Some(Wish::Rate(rate))
}

fn pause(view: &mut LoadView) -> Option<Wish> {
    if !can_steer(view) {
        return None;
    }
    if let Some(rate) = view.paused_at.take() {
        view.wanted = Some(rate);
        view.note = format!("going on with {rate:.1} requests/s");
        return Some(Wish::Rate(rate));
    }
    view.paused_at = Some(view.wanted?);
    view.wanted = Some(0.0);
    "paused: p goes on".clone_into(&mut view.note);
    Some(Wish::Rate(0.0))
}

fn can_steer(view: &mut LoadView) -> bool {
    if !view.facts.steerable {
        "a closed loop has no rate to steer".clone_into(&mut view.note);
    }
    view.facts.steerable && !view.stopping
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tui::load::model::LoadFacts;

    fn view(steerable: bool) -> LoadView {
        let mut view = LoadView::new(LoadFacts { steerable, ..LoadFacts::default() });
        view.wanted = Some(400.0);
        view
    }

    fn key(code: char) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(code), KeyModifiers::NONE)
    }

    #[test]
    fn the_rate_follows_the_keys() {
        let mut view = view(true);
        assert_eq!(press(&mut view, key('+')), Some(Wish::Rate(440.0)));
        assert_eq!(press(&mut view, key('>')), Some(Wish::Rate(880.0)));
        assert_eq!(press(&mut view, key('<')), Some(Wish::Rate(440.0)));
        assert_eq!(press(&mut view, key('-')), Some(Wish::Rate(400.0)));
    }

    #[test]
    fn a_pause_remembers_the_rate() {
        let mut view = view(true);
        assert_eq!(press(&mut view, key('p')), Some(Wish::Rate(0.0)));
        assert_eq!(press(&mut view, key('p')), Some(Wish::Rate(400.0)));
        press(&mut view, key('p'));
        assert_eq!(press(&mut view, key('>')), Some(Wish::Rate(800.0)));
        assert_eq!(view.paused_at, None);
    }

    #[test]
    fn a_closed_loop_says_why_not() {
        let mut view = view(false);
        assert_eq!(press(&mut view, key('+')), None);
        assert!(view.note.contains("closed loop"));
        assert_eq!(press(&mut view, key('p')), None);
    }

    #[test]
    fn q_is_an_end_and_an_interrupt_is_none() {
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        for (key, interrupted) in [(key('q'), false), (interrupt, true)] {
            let mut view = view(true);
            assert_eq!(press(&mut view, key), Some(Wish::Stop));
            assert_eq!((view.stopping, view.interrupted), (true, interrupted));
        }
    }

    #[test]
    fn q_ends_and_a_second_interrupt_leaves() {
        let mut view = view(true);
        assert_eq!(press(&mut view, key('q')), Some(Wish::Stop));
        assert_eq!(press(&mut view, key('q')), None);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(press(&mut view, interrupt), Some(Wish::Leave));
        assert_eq!(press(&mut view, key('+')), None);
    }

    #[test]
    fn a_signal_does_what_the_keys_of_an_interrupt_do() {
        let mut view = view(true);
        assert_eq!(interrupt(&mut view), Wish::Stop);
        assert!(view.stopping);
        assert_eq!(interrupt(&mut view), Wish::Leave);
    }
}
