//! The loop between the terminal, the keys and the run.

use std::time::Duration;

use kubsets_load::{LoadReport, Running, Tick};

use super::draw::draw;
use super::keys::{Wish, interrupt, press};
use super::model::LoadView;
use crate::signals::Signals;
use crate::ui::style::Style;
use crate::ui::tui::pen::Look;
use crate::ui::tui::terminal::{Restore, read_keys};
use crate::ui::{ExitCode, Failure};

/// Time between two pictures when nothing happens: the clock goes on.
const PERIOD: Duration = Duration::from_millis(250);

/// Shows a run until its end and returns the report, and whether the user interrupted it. `each` is told of every second.
///
/// # Errors
/// When the terminal cannot be used, `each` fails, or the user leaves without waiting for the end.
pub(crate) async fn show_load(
    mut view: LoadView,
    mut running: Running,
    mut each: impl FnMut(&Tick) -> anyhow::Result<()>,
    style: Style,
) -> anyhow::Result<(LoadReport, bool)> {
    // Restores the terminal on panic too.
    let mut terminal = ratatui::try_init()?;
    let _restore = Restore(ratatui::restore);
    let mut signals = Signals::new()?;
    let (mut keys, _stop) = read_keys();
    let look = Look { unicode: style.unicode, color: style.color };
    let mut ticks = running.ticks();
    let mut more = true;
    let mut clock = tokio::time::interval(PERIOD);
    loop {
        terminal.draw(|frame| draw(frame, &view, look))?;
        tokio::select! {
            tick = ticks.next(), if more => match tick {
                Some(tick) => {
                    each(&tick)?;
                    view.update(&tick);
                }
                None => more = false,
            },
            report = running.wait() => {
                let report = report?;
                while let Some(tick) = ticks.next().await {
                    each(&tick)?;
                }
                return Ok((report, view.interrupted));
            }
            Some(key) = keys.recv() => obey(press(&mut view, key), &mut view, &running)?,
            () = signals.next() => obey(Some(interrupt(&mut view)), &mut view, &running)?,
            _ = clock.tick() => view.pass(PERIOD),
        }
    }
}

fn obey(wish: Option<Wish>, view: &mut LoadView, running: &Running) -> anyhow::Result<()> {
    match wish {
        Some(Wish::Rate(rate)) => {
            if let Err(error) = running.set_rate(rate) {
                view.note = format!("{:#}", anyhow::Error::from(error));
            }
        }
        Some(Wish::Stop) => running.finish(),
        Some(Wish::Leave) => {
            return Err(Failure::new(ExitCode::Interrupted, "stopped without a report").into());
        }
        None => {}
    }
    Ok(())
}
