//! The loop between the terminal, the keys and the events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kubsets_delivery::Record;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::draw::draw;
use super::model::CanaryView;
use super::pen::Look;
use crate::ui::style::Style;

/// Time between two pictures when nothing happens: the clock goes on.
const PERIOD: Duration = Duration::from_millis(250);

/// Time after the end in which the last picture stays, so that it can be read.
const LAST_LOOK: Duration = Duration::from_secs(3);

/// How the picture was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The run is over.
    Finished,
    /// The user wants to leave at once, without waiting for the undo.
    Left,
}

/// Shows the picture until the events end. `abort` is cancelled when the user asks for it.
///
/// # Errors
/// When the terminal cannot be used; it is as before then.
pub(crate) async fn show(
    mut view: CanaryView,
    mut events: UnboundedReceiver<Record>,
    abort: CancellationToken,
    style: Style,
) -> std::io::Result<End> {
    // Restores the terminal on panic too.
    let mut terminal = ratatui::try_init()?;
    let _restore = Restore;
    let (keys, stop) = read_keys();
    let _stop = stop;
    let mut keys = keys;
    let look = Look { unicode: style.unicode, color: style.color };
    let mut clock = tokio::time::interval(PERIOD);
    let mut over: Option<tokio::time::Instant> = None;
    loop {
        terminal.draw(|frame| draw(frame, &view, look))?;
        if over.is_some_and(|end| tokio::time::Instant::now() >= end) {
            return Ok(End::Finished);
        }
        tokio::select! {
            record = events.recv(), if over.is_none() => match record {
                Some(record) => {
                    view.update(&record);
                    // Events come in groups: take all before the next picture.
                    while let Ok(record) = events.try_recv() {
                        view.update(&record);
                    }
                }
                None => over = Some(tokio::time::Instant::now() + LAST_LOOK),
            },
            Some(key) = keys.recv() => {
                if press(&mut view, key, &abort, over.is_some()) == Some(End::Left) {
                    return Ok(if over.is_some() { End::Finished } else { End::Left });
                }
            }
            _ = clock.tick() => view.pass(PERIOD),
        }
    }
}

/// What a key does.
fn press(view: &mut CanaryView, key: KeyEvent, abort: &CancellationToken, over: bool) -> Option<End> {
    let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    if interrupt {
        if view.aborting || over {
            return Some(End::Left);
        }
        view.begin_abort();
        abort.cancel();
        return None;
    }
    match key.code {
        KeyCode::Char('y') if view.asking => {
            view.begin_abort();
            abort.cancel();
        }
        KeyCode::Char('n') | KeyCode::Esc if view.asking => view.ask(false),
        KeyCode::Char('q') | KeyCode::Esc if over => return Some(End::Left),
        KeyCode::Char('q') => view.ask(true),
        KeyCode::Char('l') => view.toggle_log(),
        _ => {}
    }
    None
}

/// Reads keys on a thread of its own, for reading blocks.
pub(super) fn read_keys() -> (UnboundedReceiver<KeyEvent>, StopOnDrop) {
    let (sender, receiver): (UnboundedSender<KeyEvent>, _) = unbounded_channel();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            if !event::poll(Duration::from_millis(100)).unwrap_or(false) {
                continue;
            }
            match event::read() {
                Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => {
                    if sender.send(key).is_err() {
                        return;
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    (receiver, StopOnDrop(stop))
}

pub(super) struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Gives the terminal back, whichever way the picture is left.
pub(super) struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tui::model::Facts;

    fn key(code: char) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(code), KeyModifiers::NONE)
    }

    #[test]
    fn q_asks_before_it_aborts() {
        let (mut view, abort) = (CanaryView::new(Facts::default()), CancellationToken::new());
        assert_eq!(press(&mut view, key('q'), &abort, false), None);
        assert!(view.asking && !abort.is_cancelled());
        press(&mut view, key('n'), &abort, false);
        assert!(!view.asking && !abort.is_cancelled());
        press(&mut view, key('q'), &abort, false);
        press(&mut view, key('y'), &abort, false);
        assert!(abort.is_cancelled() && view.aborting);
    }

    #[test]
    fn interrupt_aborts_and_the_second_leaves() {
        let (mut view, abort) = (CanaryView::new(Facts::default()), CancellationToken::new());
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(press(&mut view, interrupt, &abort, false), None);
        assert!(abort.is_cancelled());
        assert_eq!(press(&mut view, interrupt, &abort, false), Some(End::Left));
    }

    #[test]
    fn q_leaves_once_the_run_is_over() {
        let (mut view, abort) = (CanaryView::new(Facts::default()), CancellationToken::new());
        assert_eq!(press(&mut view, key('q'), &abort, true), Some(End::Left));
        assert!(!abort.is_cancelled());
    }
}
