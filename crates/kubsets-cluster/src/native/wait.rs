//! Waiting for something to come about.

use std::time::{Duration, Instant};

use crate::{Error, Result};

/// Asks until the answer is `None`; an answer with text is the state seen last.
pub(crate) fn wait(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Result<Option<String>>,
) -> Result<()> {
    let began = Instant::now();
    loop {
        let Some(last) = ask()? else { return Ok(()) };
        if began.elapsed() > limit {
            return Err(Error::Timeout { what: what.into(), waited: limit, last });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
