//! Counts and histograms of one worker, handed over as a [`Shard`] once a second.

use crate::exemplar::{Exemplar, Exemplars};
use crate::latencies::{Latencies, Recorder};
use crate::outcome::{ErrorKind, Outcome};

/// Most pairs of target and version that are kept apart, shared by the targets; bounds the memory.
const MAX_CELLS: usize = 24;
/// Pairs that each target has in any case: answers without a version, and two versions.
const LEAST_CELLS: usize = 3;
/// Name under which versions beyond that are counted.
const OTHER: &[u8] = b"other";

/// Events of one target and version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    /// By class of the status: 1xx is 1. Class 0 holds what is no status.
    pub(crate) statuses: [u64; 6],
    pub(crate) errors: [u64; ErrorKind::ALL.len()],
}

impl Counts {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.statuses.iter_mut().zip(other.statuses).for_each(|(mine, theirs)| *mine += theirs);
        self.errors.iter_mut().zip(other.errors).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// What one worker saw of one target and version since the last shard.
#[derive(Debug, Default)]
pub(crate) struct CellShard {
    pub(crate) target: usize,
    pub(crate) version: Option<String>,
    pub(crate) counts: Counts,
    /// From the planned instant: good answers.
    pub(crate) corrected: Latencies,
    /// From the planned instant, as lower bounds: requests without an answer.
    pub(crate) bounds: Latencies,
    /// From the actual sending: good answers.
    pub(crate) uncorrected: Latencies,
    /// From the planned instant: failed requests.
    pub(crate) failed: Latencies,
}

/// Planning counts of one target since the last shard; the last one also has what is still under way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TargetShard {
    pub(crate) planned: u64,
    pub(crate) never_sent: u64,
    pub(crate) in_flight_at_end: u64,
}

/// What one worker hands over for one second.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(crate) second: u64,
    pub(crate) targets: Vec<TargetShard>,
    pub(crate) cells: Vec<CellShard>,
    pub(crate) in_flight: u64,
    pub(crate) queued: u64,
    pub(crate) slots: u64,
    pub(crate) rate: Option<f64>,
    /// How long everything unfinished had waited when this was handed over.
    pub(crate) pending: Latencies,
    /// How late planned instants were handed over.
    pub(crate) lateness: Latencies,
    /// The longest pause of the pacing task in nanoseconds.
    pub(crate) pause: u64,
    /// Present in the last shard of a worker.
    pub(crate) last: Option<LastWords>,
}

/// What a worker says at its end.
#[derive(Debug, Default)]
pub(crate) struct LastWords {
    /// When the worker ended, in nanoseconds from the start.
    pub(crate) elapsed: u64,
    /// Until when it planned.
    pub(crate) planned_until: u64,
    pub(crate) exemplars: Vec<Exemplar>,
    /// Why the worker could not do its work, if so.
    pub(crate) broken: Option<String>,
}

/// A finished request.
pub(crate) struct Sample<'a> {
    pub(crate) target: usize,
    pub(crate) version: Option<&'a [u8]>,
    pub(crate) outcome: Outcome,
    pub(crate) planned: u64,
    pub(crate) sent: u64,
    pub(crate) done: u64,
    pub(crate) trace_id: Option<u128>,
}

struct Cell {
    target: usize,
    version: Option<Box<[u8]>>,
    counts: Counts,
    corrected: Recorder<u32>,
    bounds: Recorder<u32>,
    uncorrected: Recorder<u32>,
    failed: Recorder<u32>,
}

/// Counts and histograms of one worker.
pub(crate) struct Tally {
    failed_from_status: u16,
    targets: Vec<TargetShard>,
    /// By target; the first of each is that of answers without a version.
    cells: Vec<Vec<Cell>>,
    /// Most cells of one target, without that of other versions.
    most: usize,
    lateness: Recorder<u32>,
    exemplars: Exemplars,
}

impl Tally {
    pub(crate) fn new(targets: usize, failed_from_status: u16) -> Self {
        let cells = (0..targets).map(|target| vec![Cell::new(target, None)]).collect();
        Self {
            failed_from_status,
            targets: vec![TargetShard::default(); targets],
            cells,
            most: (MAX_CELLS / targets.max(1)).max(LEAST_CELLS),
            lateness: Recorder::new(),
            exemplars: Exemplars::default(),
        }
    }

    pub(crate) fn planned(&mut self, target: usize) {
        self.targets[target].planned += 1;
    }

    pub(crate) fn late(&mut self, nanos: u64) {
        self.lateness.record(nanos);
    }

    pub(crate) fn finished(&mut self, sample: &Sample<'_>) {
        let corrected = sample.done.saturating_sub(sample.planned);
        let failed_from = self.failed_from_status;
        let cell = self.cell(sample.target, sample.version);
        let mut failure = None;
        match sample.outcome {
            Outcome::Answer(status) => {
                cell.counts.statuses[usize::from(status / 100).min(5)] += 1;
                if status >= failed_from {
                    failure = Some(ErrorKind::of_status(status));
                } else {
                    cell.counts.ok += 1;
                    cell.corrected.record(corrected);
                    cell.uncorrected.record(sample.done.saturating_sub(sample.sent));
                }
            }
            Outcome::Error(kind) => failure = Some(kind),
            Outcome::TimedOut => {
                cell.counts.timed_out += 1;
                cell.counts.errors[ErrorKind::Timeout.index()] += 1;
                cell.bounds.record(corrected);
            }
        }
        if let Some(kind) = failure {
            cell.counts.failed += 1;
            cell.counts.errors[kind.index()] += 1;
            cell.failed.record(corrected);
        }
        self.exemplars.offer(sample, corrected, failure);
    }

    /// Counts a request that was given up unsent; the lower bound of its latency may come later.
    pub(crate) fn never_sent(&mut self, target: usize) {
        self.targets[target].never_sent += 1;
    }

    pub(crate) fn in_flight_at_end(&mut self, target: usize) {
        self.targets[target].in_flight_at_end += 1;
    }

    /// Enters requests of a target that got no answer as taking at least this long.
    pub(crate) fn at_least(&mut self, target: usize, nanos: u64, count: u32) {
        self.cell(target, None).bounds.record_many(nanos, count);
    }

    /// Takes everything recorded since the last call.
    pub(crate) fn take(&mut self, second: u64) -> Shard {
        let cells = self.cells.iter_mut().flatten();
        let cells = cells.filter(|cell| cell.counts != Counts::default() || cell.has_bounds());
        Shard {
            second,
            cells: cells.map(Cell::take).collect(),
            targets: self.targets.iter_mut().map(std::mem::take).collect(),
            lateness: self.lateness.take(),
            ..Shard::default()
        }
    }

    pub(crate) fn take_exemplars(&mut self) -> Vec<Exemplar> {
        self.exemplars.take()
    }

    fn cell(&mut self, target: usize, version: Option<&[u8]>) -> &mut Cell {
        let (cells, most) = (&mut self.cells[target], self.most);
        let place =
            |cells: &[Cell], version| cells.iter().position(|cell| cell.version.as_deref() == version);
        let index = place(cells, version).unwrap_or_else(|| {
            let wanted = if cells.len() >= most { Some(OTHER) } else { version };
            place(cells, wanted).unwrap_or_else(|| {
                cells.push(Cell::new(target, wanted.map(Box::from)));
                cells.len() - 1
            })
        });
        &mut cells[index]
    }
}

impl Cell {
    fn new(target: usize, version: Option<Box<[u8]>>) -> Self {
        Self {
            target,
            version,
            counts: Counts::default(),
            corrected: Recorder::new(),
            bounds: Recorder::new(),
            uncorrected: Recorder::new(),
            failed: Recorder::new(),
        }
    }

    fn has_bounds(&self) -> bool {
        !self.bounds.histogram().is_empty()
    }

    fn take(&mut self) -> CellShard {
        CellShard {
            target: self.target,
            version: self.version.as_ref().map(|v| String::from_utf8_lossy(v).into_owned()),
            counts: std::mem::take(&mut self.counts),
            corrected: self.corrected.take(),
            bounds: self.bounds.take(),
            uncorrected: self.uncorrected.take(),
            failed: self.failed.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(version: Option<&[u8]>, outcome: Outcome) -> Sample<'_> {
        Sample {
            target: 0,
            version,
            outcome,
            planned: 1_000_000,
            sent: 2_000_000,
            done: 5_000_000,
            trace_id: None,
        }
    }

    #[test]
    fn outcomes_go_where_they_belong() {
        let mut tally = Tally::new(1, 400);
        tally.finished(&sample(Some(b"1.0"), Outcome::Answer(200)));
        tally.finished(&sample(Some(b"1.0"), Outcome::Answer(503)));
        tally.finished(&sample(None, Outcome::Error(ErrorKind::Reset)));
        tally.finished(&sample(None, Outcome::TimedOut));
        let shard = tally.take(3);
        assert_eq!(shard.second, 3);
        let [unversioned, named] = shard.cells.as_slice() else { panic!("{:?}", shard.cells) };
        assert_eq!(named.version.as_deref(), Some("1.0"));
        assert_eq!((named.counts.ok, named.counts.failed), (1, 1));
        assert_eq!(named.counts.errors[ErrorKind::Http5xx.index()], 1);
        assert_eq!(named.counts.statuses, [0, 0, 1, 0, 0, 1]);
        assert_eq!(named.corrected.count(), 1);
        assert_eq!((unversioned.counts.failed, unversioned.counts.timed_out), (1, 1));
        assert_eq!(unversioned.bounds.count(), 1);
        assert!(tally.take(4).cells.is_empty());
    }

    #[test]
    fn memory_is_bounded_however_many_versions_there_are() {
        let mut tally = Tally::new(1, 400);
        for number in 0..500 {
            tally.finished(&sample(Some(format!("v{number}").as_bytes()), Outcome::Answer(200)));
        }
        let shard = tally.take(0);
        assert!(shard.cells.len() <= MAX_CELLS + 1);
        let other = shard.cells.iter().find(|cell| cell.version.as_deref() == Some("other")).unwrap();
        let all: u64 = shard.cells.iter().map(|cell| cell.counts.ok).sum();
        assert_eq!(all, 500);
        assert!(other.counts.ok > 400);
    }

    #[test]
    fn versions_are_kept_apart_however_many_targets_there_are() {
        let mut tally = Tally::new(64, 400);
        for target in 0..64 {
            for version in [&b"1.0"[..], b"2.0"] {
                tally.finished(&Sample { target, ..sample(Some(version), Outcome::Answer(200)) });
            }
        }
        let shard = tally.take(0);
        assert_eq!(shard.cells.len(), 128);
        assert!(shard.cells.iter().all(|cell| cell.version.as_deref() != Some("other")));
    }
}
