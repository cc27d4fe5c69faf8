//! Signals that ask a command to end.

use kubsets_undo::caught;
use tokio_util::sync::CancellationToken;

use crate::ui::Printer;

/// Ctrl-C and SIGTERM, from the start on, so that none is missed.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When no handler can be set.
    #[cfg(unix)]
    pub(crate) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Listens from now on.
    ///
    /// # Errors
    /// Never.
    #[cfg(not(unix))]
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// The next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler no signal ever comes.
            std::future::pending::<()>().await;
        }
    }
}

/// Does the work of a run while it is watched, under [`obey`]; `None` when the user left before its end. Work goes on
/// to its end whatever becomes of the watching.
pub(crate) async fn guarded<T>(
    ui: &Printer,
    (cancel, leave): (&CancellationToken, &CancellationToken),
    work: impl Future<Output = T>,
    watching: impl Future<Output = ()>,
) -> Option<T> {
    let obeying = tokio::spawn(obey(ui.clone(), cancel.clone(), leave.clone()));
    let watching = async {
        if let Err(why) = caught(watching).await {
            ui.warn(format!("no more can be shown of the run, which goes on: {why}"));
        }
    };
    let ended = tokio::select! {
        (outcome, ()) = futures::future::join(work, watching) => Some(outcome),
        () = leave.cancelled() => None,
    };
    obeying.abort();
    ended
}

/// Waits for one signal; false when none can be heard.
pub(crate) async fn next() -> bool {
    match Signals::new() {
        Ok(mut signals) => {
            signals.next().await;
            true
        }
        Err(_) => false,
    }
}

/// The first Ctrl-C or SIGTERM undoes everything, the second leaves at once.
async fn obey(ui: Printer, cancel: CancellationToken, leave: CancellationToken) {
    let Ok(mut signals) = Signals::new() else { return };
    signals.next().await;
    if !cancel.is_cancelled() {
        ui.message("undoing everything; once more stops at once and leaves it to the watchdog");
        cancel.cancel();
        signals.next().await;
    }
    leave.cancel();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::PrinterOptions;

    #[tokio::test]
    async fn work_goes_on_to_its_end_when_the_watching_breaks() {
        let ui = Printer::new(PrinterOptions { no_tty: true, quiet: true, ..PrinterOptions::default() });
        let (cancel, leave) = (CancellationToken::new(), CancellationToken::new());
        let (watching, broke) = tokio::sync::oneshot::channel::<()>();
        let watching = async move {
            assert!(watching.is_closed(), "this picture cannot be drawn");
        };
        // The undo comes after the panic, as that of a run would.
        let work = async { broke.await.is_err() };
        assert_eq!(guarded(&ui, (&cancel, &leave), work, watching).await, Some(true));
        assert!(!cancel.is_cancelled());
    }
}
