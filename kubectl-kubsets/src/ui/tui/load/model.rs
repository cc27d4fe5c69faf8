//! What the live picture of a load shows.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kubsets_load::{ErrorKind, Latencies, Tick};

/// Seconds of history that the picture can show.
const HISTORY: usize = 240;

/// Upper bounds of the rows of the heat strip in milliseconds; slower answers have a row of their own.
pub(super) const HEAT_MS: [u64; 7] = [1, 3, 10, 30, 100, 300, 1000];

/// Rows of the heat strip.
pub(super) const HEAT_ROWS: usize = HEAT_MS.len() + 1;

/// What is known before the first second.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadFacts {
    /// What is loaded.
    pub(crate) title: String,
    /// Schedule, protocol, connections in words.
    pub(crate) how: String,
    /// How long new requests are planned, where that is known.
    pub(crate) duration: Option<Duration>,
    /// The rate can be steered.
    pub(crate) steerable: bool,
}

/// One second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    pub(super) answered: u64,
    /// Good answers and what was given up, by latency: the quickest first.
    pub(super) heat: [u64; HEAT_ROWS],
    pub(super) disturbed: bool,
}

/// Everything that the picture shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadView {
    pub(super) facts: LoadFacts,
    pub(super) seconds: f64,
    pub(super) history: VecDeque<Sample>,
    pub(super) planned: u64,
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) timed_out: u64,
    pub(super) never_sent: u64,
    pub(super) errors: BTreeMap<ErrorKind, u64>,
    pub(super) versions: BTreeMap<String, u64>,
    /// From the planned instant and from the sending, since the start.
    pub(super) corrected: Latencies,
    pub(super) uncorrected: Latencies,
    /// Lower bounds of what got no answer since the start.
    pub(super) given_up: Latencies,
    /// From the planned instant, in the last second.
    pub(super) newest: Latencies,
    /// Lower bounds of what got no answer in the last second.
    pub(super) newest_given_up: Latencies,
    /// How long what is unfinished has waited so far.
    pub(super) pending: Latencies,
    pub(super) in_flight: u64,
    pub(super) queued: u64,
    pub(super) lag_ms: f64,
    /// Wanted rate in requests per second, where the schedule has one.
    pub(super) wanted: Option<f64>,
    /// The rate to go back to after a pause.
    pub(super) paused_at: Option<f64>,
    pub(super) help: bool,
    /// Nothing new is planned; requests under way may end.
    pub(super) stopping: bool,
    /// It was an interrupt that ended it.
    pub(super) interrupted: bool,
    /// The last thing that was done or refused.
    pub(super) note: String,
}

impl LoadView {
    /// An empty picture.
    pub(crate) fn new(facts: LoadFacts) -> Self {
        Self { facts, ..Self::default() }
    }

    /// Takes a second in.
    pub(super) fn update(&mut self, tick: &Tick) {
        self.seconds = self.seconds.max((tick.second + 1) as f64);
        self.planned += tick.planned;
        self.ok += tick.ok;
        self.failed += tick.failed;
        self.timed_out += tick.timed_out;
        self.never_sent += tick.never_sent;
        for (kind, count) in &tick.errors {
            *self.errors.entry(*kind).or_default() += count;
        }
        for (name, version) in &tick.versions {
            *self.versions.entry(name.clone()).or_default() += version.count;
        }
        self.corrected.merge(&tick.latencies);
        self.uncorrected.merge(&tick.uncorrected);
        self.given_up.merge(&tick.lower_bounds);
        self.newest.clone_from(&tick.latencies);
        self.newest_given_up.clone_from(&tick.lower_bounds);
        self.pending.clone_from(&tick.pending);
        (self.in_flight, self.queued, self.lag_ms) = (tick.in_flight, tick.queued, tick.lag_ms);
        // What was steered by hand since then is newer than what a second before it knew.
        if self.paused_at.is_none() {
            self.wanted = tick.rate.or(self.wanted);
        }
        self.history.push_back(Sample {
            answered: tick.ok + tick.failed + tick.timed_out,
            heat: heat(&tick.corrected()),
            disturbed: tick.disturbed,
        });
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }

    /// Lets time pass between seconds.
    pub(super) fn pass(&mut self, time: Duration) {
        self.seconds += time.as_secs_f64();
    }

    /// Share of the ended requests that brought no good answer.
    pub(super) fn error_rate(&self) -> Option<f64> {
        let bad = self.failed + self.timed_out + self.never_sent;
        let all = self.ok + bad;
        (all > 0).then(|| bad as f64 / all as f64)
    }

    pub(super) fn last(&self) -> Sample {
        self.history.back().copied().unwrap_or_default()
    }
}

fn heat(latencies: &Latencies) -> [u64; HEAT_ROWS] {
    let mut above = latencies.count();
    let mut rows = [0; HEAT_ROWS];
    for (row, bound) in rows.iter_mut().zip(HEAT_MS) {
        let slower = latencies.count_above(Duration::from_millis(bound));
        *row = above - slower;
        above = slower;
    }
    rows[HEAT_ROWS - 1] = above;
    rows
}
