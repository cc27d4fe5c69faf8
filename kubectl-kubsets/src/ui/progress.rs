//! Progress of one thing that takes time.
//!
//! On a terminal it is a line at the bottom with elapsed time (and time left where a total is known); elsewhere
//! it is one line per change of state, so that logs of a build server stay readable.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::printer::Printer;
use super::style::Tone;
use super::units::duration;

/// Something that has begun. Cheap to clone; say [`Step::done`] or [`Step::fail`] once.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    printer: Printer,
    what: String,
    began: Instant,
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: String,
    expected: Option<Duration>,
    over: bool,
}

impl Step {
    pub(super) fn begin(printer: &Printer, what: String) -> Self {
        let bar = printer.bars().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(style("{spinner} {msg} {elapsed:.dim}"));
            bar.set_message(what.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            printer.message(format!("{what} ..."));
        }
        let inner =
            Inner { printer: printer.clone(), what, began: Instant::now(), bar, state: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Says how long this usually takes, so that the time left can be shown.
    pub(crate) fn expect(&self, usual: Duration) -> &Self {
        self.state(|state| state.expected = Some(usual));
        self
    }

    /// The state now, for example `1 of 2 nodes ready`. The same text again says nothing.
    pub(crate) fn update(&self, state: impl AsRef<str>) {
        let text = state.as_ref();
        let elapsed = self.inner.began.elapsed();
        let Some(left) = self.state(|state| {
            if state.last == text || state.over {
                return None;
            }
            text.clone_into(&mut state.last);
            Some(state.expected.map(|usual| usual.saturating_sub(elapsed)))
        }) else {
            return;
        };
        let left = match left {
            Some(left) if !left.is_zero() => format!(", about {} left", duration(left)),
            _ => String::new(),
        };
        match &self.inner.bar {
            Some(bar) => bar.set_message(format!("{}: {text}{left}", self.inner.what)),
            None => self.inner.printer.message(format!("  {text} ({}{left})", duration(elapsed))),
        }
    }

    /// Ends it well; `result` says with what (may be empty).
    pub(crate) fn done(&self, result: impl AsRef<str>) {
        self.end(result.as_ref());
    }

    fn end(&self, result: &str) {
        if self.state(|state| std::mem::replace(&mut state.over, true)) {
            return;
        }
        let Inner { printer, what, began, bar, .. } = &*self.inner;
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let style = printer.message_style();
        let colon = if result.is_empty() { "" } else { ": " };
        let time = style.paint(Tone::Dim, &format!("({})", duration(began.elapsed())));
        printer.message(format!("{} {what}{colon}{result} {time}", style.icon(Tone::Good)));
    }

    fn state<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.inner.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A step that an error cut short leaves no bar behind.
        if let Some(bar) = &self.bar
            && !bar.is_finished()
        {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
