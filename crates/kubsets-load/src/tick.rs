//! Snapshots of a running load, one for each second.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::latencies::Latencies;
use crate::outcome::ErrorKind;

/// What one version of the server did in one second. Only requests with a complete answer are in here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionTick {
    /// Answers of this version.
    pub count: u64,
    /// Those of them that count as failed (status at or above the configured one).
    pub bad: u64,
    /// Latencies of the good answers, from the planned instant to the end of the answer.
    pub latencies: Latencies,
}

impl VersionTick {
    /// Adds another second or another worker.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.bad += other.bad;
        self.latencies.merge(&other.latencies);
    }
}

/// One second of a run. Numbers are events within this second, except where they say "at its end".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tick {
    /// Number of the second from the start of the run, from 0.
    pub second: u64,
    /// Requests that came due.
    pub planned: u64,
    /// Requests answered and not failed.
    pub ok: u64,
    /// Requests that failed: error or failed status.
    pub failed: u64,
    /// Requests given up after the timeout.
    pub timed_out: u64,
    /// Requests under way at its end.
    pub in_flight: u64,
    /// Requests waiting for a connection at its end.
    pub queued: u64,
    /// Requests given up unsent.
    pub never_sent: u64,
    /// Connections (or HTTP/2 streams) in use at its end.
    pub slots: u64,
    /// Wanted rate in requests per second at its end; `None` for a replay or a closed loop.
    pub rate: Option<f64>,
    /// Longest delay of the generator itself, in milliseconds: how late it woke up or handed over a request.
    pub lag_ms: f64,
    /// Whether the generator stood still for so long that this second says nothing about the server.
    pub disturbed: bool,
    /// Latencies of all good answers, from the planned instant.
    pub latencies: Latencies,
    /// Requests that were given up in this second (timed out, never sent, unfinished at the end of the run): the time
    /// since their planned instant, a lower bound of their latency. One that found no room to wait is in here when
    /// its timeout is over, at the latest at the end of the run.
    #[serde(default)]
    pub lower_bounds: Latencies,
    /// Requests unfinished at its end, those included that found no room to wait: the time since their planned
    /// instant so far. They come back in each second until they end.
    #[serde(default)]
    pub pending: Latencies,
    /// Latencies of all good answers from the actual sending.
    #[serde(default)]
    pub uncorrected: Latencies,
    /// Unsuccessful requests by kind, timeouts included.
    #[serde(default)]
    pub errors: BTreeMap<ErrorKind, u64>,
    /// By the version that the answer named.
    pub versions: BTreeMap<String, VersionTick>,
    /// Answers that named no version, for example from a proxy without a backend.
    pub unversioned: VersionTick,
}

impl Tick {
    /// Corrected latencies of this second: good answers, and as [lower bounds](Self::lower_bounds) the requests that
    /// were given up.
    pub fn corrected(&self) -> Latencies {
        let mut all = self.latencies.clone();
        all.merge(&self.lower_bounds);
        all
    }

    /// What a version did in this second; `None` if it gave no answer.
    pub fn version(&self, version: &str) -> Option<&VersionTick> {
        self.versions.get(version)
    }

    /// Requests that got no answer at all: errors on the way and timeouts. Together with
    /// [`unversioned`](Self::unversioned) these cannot be put down to a version.
    pub fn unanswered(&self) -> u64 {
        let answered: u64 = self.versions.values().chain([&self.unversioned]).map(|v| v.count).sum();
        (self.ok + self.failed + self.timed_out).saturating_sub(answered)
    }
}
