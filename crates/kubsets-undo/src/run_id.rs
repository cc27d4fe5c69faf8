//! Names of runs.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// A text that names no run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no run id, they look like 261120-134501-3fa2")]
pub struct RunIdError(String);

/// Name of one run: its start in UTC and four digits against collisions, such as `261120-134501-3fa2`.
///
/// It sorts by time and is valid in names and labels of Kubernetes objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// A new name for a run that starts now.
    pub fn generate() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let now = jiff::Timestamp::now();
        let mut hash = Sha256::new();
        hash.update(now.as_nanosecond().to_le_bytes());
        hash.update(std::process::id().to_le_bytes());
        hash.update(COUNTER.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        let digest = hash.finalize();
        Self(format!("{}-{:02x}{:02x}", now.strftime("%y%m%d-%H%M%S"), digest[0], digest[1]))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let parts: Vec<&str> = text.split('-').collect();
        let digits =
            |part: &str, count: usize| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
        let fits = matches!(parts.as_slice(), [day, time, tail]
            if digits(day, 6) && digits(time, 6) && tail.len() == 4 && tail.bytes().all(|b| b.is_ascii_hexdigit()));
        if fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(RunIdError(text.to_owned())) }
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdError;

    fn try_from(text: String) -> Result<Self, RunIdError> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_parse_and_differ() {
        let one = RunId::generate();
        assert_ne!(one, RunId::generate());
        assert_eq!(one.as_str().parse::<RunId>().unwrap(), one);
        for wrong in ["", "latest", "261120-134501", "261120-134501-zzzz", "../../etc-x-1234"] {
            assert!(wrong.parse::<RunId>().is_err(), "{wrong}");
        }
    }
}
