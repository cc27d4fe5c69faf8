//! Signals that ask a command to end.

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
pub(crate) async fn obey(ui: Printer, cancel: CancellationToken, leave: CancellationToken) {
    let Ok(mut signals) = Signals::new() else { return };
    signals.next().await;
    if !cancel.is_cancelled() {
        ui.message("undoing everything; once more stops at once and leaves it to the watchdog");
        cancel.cancel();
        signals.next().await;
    }
    leave.cancel();
}
