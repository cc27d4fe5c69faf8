//! The loop between the terminal, the keys and the events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::backend::Backend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::{Frame, Terminal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

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

/// What a key asks of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Undo everything.
    Abort,
    /// Leave the picture now.
    Leave,
}

/// A picture that events, keys and time change.
pub(crate) trait Picture {
    /// What it is fed with.
    type Event;

    /// Takes an event in.
    fn update(&mut self, event: &Self::Event);

    /// Draws everything.
    fn draw(&self, frame: &mut Frame<'_>, look: Look);

    /// Takes a key; `over` says that no more events come.
    fn press(&mut self, key: KeyEvent, over: bool) -> Option<Wish>;

    /// Lets time pass between events.
    fn pass(&mut self, time: Duration);

    /// Whether the last picture stays until the user leaves.
    fn stays(&self) -> bool;
}

/// Shows the picture until the events end; where it ends before, the rest is still in `events`. `abort` is cancelled
/// when the user asks for it.
///
/// # Errors
/// When the terminal cannot be used; it is as before then.
pub(crate) async fn show<P: Picture>(
    view: P,
    events: &mut UnboundedReceiver<P::Event>,
    abort: CancellationToken,
    style: Style,
) -> std::io::Result<End> {
    let terminal = ratatui::try_init()?;
    let (keys, _stop) = read_keys();
    let look = Look { unicode: style.unicode, color: style.color };
    follow((terminal, ratatui::restore), view, events, keys, abort, look).await
}

/// The loop on a terminal, which `restore` gives back at the end and on panic too.
async fn follow<P: Picture, B: Backend<Error: std::error::Error + Send + Sync + 'static>>(
    (mut terminal, restore): (Terminal<B>, impl FnMut()),
    mut view: P,
    events: &mut UnboundedReceiver<P::Event>,
    mut keys: UnboundedReceiver<KeyEvent>,
    abort: CancellationToken,
    look: Look,
) -> std::io::Result<End> {
    let _restore = Restore(restore);
    let mut clock = tokio::time::interval(PERIOD);
    let mut over = false;
    let mut until: Option<tokio::time::Instant> = None;
    loop {
        terminal.draw(|frame| view.draw(frame, look)).map_err(std::io::Error::other)?;
        if until.is_some_and(|end| tokio::time::Instant::now() >= end) {
            return Ok(End::Finished);
        }
        tokio::select! {
            event = events.recv(), if !over => if let Some(event) = event {
                view.update(&event);
                // Events come in groups: take all before the next picture.
                while let Ok(event) = events.try_recv() {
                    view.update(&event);
                }
            } else {
                over = true;
                until = (!view.stays()).then(|| tokio::time::Instant::now() + LAST_LOOK);
            },
            Some(key) = keys.recv() => match view.press(key, over) {
                Some(Wish::Abort) => abort.cancel(),
                Some(Wish::Leave) => return Ok(if over { End::Finished } else { End::Left }),
                None => {}
            },
            _ = clock.tick() => view.pass(PERIOD),
        }
    }
}

/// Ctrl-C, which a terminal in raw mode hands over as a key.
pub(super) fn is_interrupt(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL)
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
pub(super) struct Restore<F: FnMut()>(pub(super) F);

impl<F: FnMut()> Drop for Restore<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;

    const LOOK: Look = Look { unicode: true, color: false };

    /// A picture that breaks when its first event has come.
    #[derive(Default)]
    struct Broken {
        told: bool,
    }

    impl Picture for Broken {
        type Event = ();

        fn update(&mut self, (): &()) {
            self.told = true;
        }

        fn draw(&self, _frame: &mut Frame<'_>, _look: Look) {
            assert!(!self.told, "this picture cannot be drawn");
        }

        fn press(&mut self, _key: KeyEvent, _over: bool) -> Option<Wish> {
            Some(Wish::Leave)
        }

        fn pass(&mut self, _time: Duration) {}

        fn stays(&self) -> bool {
            true
        }
    }

    /// Shows the picture with an event or a key: how that ended, how often the terminal was given back, and the events
    /// that are left for others.
    async fn shown(event: bool) -> (Result<End, String>, usize, UnboundedReceiver<()>) {
        let restored = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = Arc::clone(&restored);
        let restore = move || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let (feed, mut events) = unbounded_channel();
        let (press, keys) = unbounded_channel();
        if event {
            feed.send(()).unwrap();
        } else {
            press.send(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE)).unwrap();
        }
        let abort = CancellationToken::new();
        let picture = follow((terminal, restore), Broken::default(), &mut events, keys, abort, LOOK);
        let ended = kubsets_undo::caught(picture).await.map(|end| end.unwrap());
        let _ = feed.send(());
        drop(press);
        (ended, restored.load(Ordering::Relaxed), events)
    }

    #[tokio::test]
    async fn the_terminal_is_given_back_when_a_picture_panics() {
        let (ended, restored, mut left) = shown(true).await;
        assert_eq!(ended.unwrap_err(), "this picture cannot be drawn");
        assert_eq!(restored, 1);
        assert_eq!((left.recv().await, left.recv().await), (Some(()), None), "lines go on with the rest");
    }

    #[tokio::test]
    async fn the_terminal_is_given_back_when_the_user_leaves() {
        let (ended, restored, _) = shown(false).await;
        assert_eq!((ended.unwrap(), restored), (End::Left, 1));
    }
}
