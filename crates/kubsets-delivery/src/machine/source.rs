//! Where the seconds come from.

use std::sync::Arc;

use kubsets_load::{Tick, Ticks};

/// Seconds of traffic, one after the other.
pub(crate) trait TickSource: Send {
    /// The next second; `None` when there are no more. Dropping the future loses nothing.
    fn next(&mut self) -> impl Future<Output = Option<Arc<Tick>>> + Send;
}

impl TickSource for Ticks {
    fn next(&mut self) -> impl Future<Output = Option<Arc<Tick>>> + Send {
        Ticks::next(self)
    }
}
