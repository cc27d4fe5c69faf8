//! Progress of one thing that takes time.
//!
//! On a terminal it is a line at the bottom with the time left, where it is known, and the time so far; elsewhere it
//! is one line per change of state and a sign of life now and then, so that logs of a build server stay readable.

use std::fmt::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::estimate::Estimate;
use super::printer::Printer;
use super::style::Tone;
use super::units::duration;
use crate::usual_times::UsualTimes;

/// What took less was done already, and says nothing of the work.
const MOMENT: Duration = Duration::from_secs(1);

/// Longest silence without a terminal.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// Something that has begun. Cheap to clone; say [`Step::done`] once.
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
    state: Arc<Mutex<State>>,
    /// Ends the signs of life when it is dropped.
    _alive: Option<Sender<()>>,
}

#[derive(Debug, Default)]
struct State {
    text: String,
    estimate: Estimate,
    /// When the last line was printed.
    said: Duration,
    /// What to remember the time of.
    kind: Option<(UsualTimes, String, u32)>,
    over: bool,
}

impl Step {
    pub(super) fn begin(printer: &Printer, what: String) -> Self {
        let began = Instant::now();
        let state = Arc::<Mutex<State>>::default();
        let bar = printer.bars().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(style(began, Arc::clone(&state)));
            bar.set_message(what.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            printer.message(format!("{what} ..."));
        }
        let inner = Arc::new_cyclic(|inner| {
            let alive = (bar.is_none() && !printer.is_quiet()).then(|| show_life(Weak::clone(inner)));
            Inner { printer: printer.clone(), what, began, bar, state, _alive: alive }
        });
        Self { inner }
    }

    /// Says how long this takes, so that the time left can be shown.
    pub(crate) fn expect(&self, usual: Duration) -> &Self {
        self.change(|estimate, now| {
            *estimate = Estimate::of(usual);
            estimate.begin(usual, now);
        });
        self
    }

    /// Says that this is work of a kind, so many times, of which each takes so long on two cores. How long it takes here
    /// is remembered when it ends well.
    pub(crate) fn expect_usual(&self, times: &UsualTimes, kind: &str, count: u32, on_two_cores: Duration) {
        self.expect(times.of(kind, on_two_cores) * count);
        self.state(|state| state.kind = Some((times.clone(), kind.to_owned(), count)));
    }

    /// Changes what is known of the time left; with the time so far.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Estimate, Duration)) {
        let now = self.inner.began.elapsed();
        self.state(|state| change(&mut state.estimate, now));
    }

    /// The state now, for example `1 of 2 nodes ready`. The same text again says nothing.
    pub(crate) fn update(&self, state: impl AsRef<str>) {
        if self.turn(state.as_ref()) && self.inner.bar.is_none() {
            self.inner.say();
        }
    }

    /// A state that changes so often that only a terminal shows all of it.
    pub(crate) fn flicker(&self, state: impl AsRef<str>) {
        self.turn(state.as_ref());
    }

    /// Sets the state; says whether it is another one.
    fn turn(&self, text: &str) -> bool {
        let is_new = self.state(|state| {
            let is_new = !state.over && state.text != text;
            if is_new {
                text.clone_into(&mut state.text);
            }
            is_new
        });
        if let (true, Some(bar)) = (is_new, &self.inner.bar) {
            bar.set_message(format!("{}: {text}", self.inner.what));
        }
        is_new
    }

    /// Ends it well; `result` says with what (may be empty).
    pub(crate) fn done(&self, result: impl AsRef<str>) {
        if self.state(|state| std::mem::replace(&mut state.over, true)) {
            return;
        }
        let Inner { printer, what, began, bar, .. } = &*self.inner;
        let (result, took) = (result.as_ref(), began.elapsed());
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let style = printer.message_style();
        let colon = if result.is_empty() { "" } else { ": " };
        let time = style.paint(Tone::Dim, &format!("({})", duration(took)));
        printer.message(format!("{} {what}{colon}{result} {time}", style.icon(Tone::Good)));
        if let Some((times, kind, count)) = self.state(|state| state.kind.take())
            && let Some(each) = took.checked_div(count).filter(|_| took >= MOMENT)
        {
            times.learn(&kind, each);
        }
    }

    fn state<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        self.inner.state(change)
    }
}

impl Inner {
    fn state<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Prints the state as a line.
    fn say(&self) {
        let line = self.state(|state| state.line(&self.what, self.began.elapsed()));
        self.printer.message(line);
    }
}

impl State {
    /// The line for a log.
    fn line(&mut self, what: &str, now: Duration) -> String {
        self.said = now;
        let text = if self.text.is_empty() { what } else { &self.text };
        let left = self.estimate.left(now).words().map(|left| format!(", {left}")).unwrap_or_default();
        format!("  {text} ({}{left})", duration(now))
    }

    /// Time until the next sign of life is due; none after the end.
    fn silence_left(&self, now: Duration) -> Option<Duration> {
        (!self.over).then(|| (self.said + SIGN_OF_LIFE).saturating_sub(now))
    }
}

/// Prints the state of a step whenever nothing was printed for a while, until the sender is dropped.
fn show_life(step: Weak<Inner>) -> Sender<()> {
    let (alive, ended) = channel();
    std::thread::spawn(move || {
        let mut pause = SIGN_OF_LIFE;
        while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let Some(step) = step.upgrade() else { return };
            let Some(left) = step.state(|state| state.silence_left(step.began.elapsed())) else { return };
            if left.is_zero() {
                step.say();
            }
            pause = if left.is_zero() { SIGN_OF_LIFE } else { left };
        }
    });
    alive
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

/// One line: what is done, as far as there is room for it, then the time left and the time so far.
fn style(began: Instant, state: Arc<Mutex<State>>) -> ProgressStyle {
    let times = move |_: &ProgressState, out: &mut dyn Write| {
        let (state, now) = (state.lock().unwrap_or_else(PoisonError::into_inner), began.elapsed());
        let left = state.estimate.left(now).words().map(|left| format!("{left}, ")).unwrap_or_default();
        let _ = write!(out, "{left}{}:{:02}", now.as_secs() / 60, now.as_secs() % 60);
    };
    let style = ProgressStyle::with_template("{spinner} {wide_msg} {times:.dim}");
    style.unwrap_or_else(|_| ProgressStyle::default_spinner()).with_key("times", times)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_log_has_a_sign_of_life_at_intervals_and_none_after_the_end() {
        let mut state = State::default();
        assert_eq!(state.silence_left(s(10)), Some(s(20)));
        state.text = "812 of 1743 packages".to_owned();
        state.estimate = Estimate::of(s(100));
        state.estimate.begin(s(100), s(0));
        assert_eq!(state.line("Programs", s(30)), "  812 of 1743 packages (30.0s, about 1m 10s left)");
        assert_eq!(state.silence_left(s(31)), Some(s(29)));
        assert_eq!(state.silence_left(s(61)), Some(Duration::ZERO));
        assert_eq!(state.line("", s(120)), "  812 of 1743 packages (2m 00s, 20s longer than usual)");
        state.over = true;
        assert_eq!(state.silence_left(s(500)), None);
    }

    #[test]
    fn a_step_remembers_its_time_when_it_ends_well() {
        let folder = tempfile::tempdir().expect("is made");
        let times = UsualTimes::in_cache(folder.path());
        let quiet = Printer::new(crate::ui::PrinterOptions { quiet: true, ..Default::default() });
        let begin = || {
            let step = quiet.step("Joining");
            step.expect_usual(&times, "join", 2, s(6));
            step
        };
        drop(begin());
        assert_eq!(times.of("join", s(6)), s(6), "an error is no time to remember");
        begin().done("");
        assert_eq!(times.of("join", s(6)), s(6), "what was done before says nothing of the work");
        let step = begin();
        std::thread::sleep(MOMENT);
        step.done("");
        assert!(times.of("join", s(6)) < s(6));
    }
}
