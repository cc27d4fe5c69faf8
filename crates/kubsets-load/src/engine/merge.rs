//! Merges the shards of all workers into ticks and totals.

use std::collections::BTreeMap;

use crate::exemplar::Exemplar;
use crate::latencies::Recorder;
use crate::outcome::ErrorKind;
use crate::report::Second;
use crate::tally::{CellShard, Counts, Shard, TargetShard};
use crate::tick::Tick;

/// Everything counted for one target and version over the whole run.
pub(crate) struct Totals {
    pub(crate) target: usize,
    pub(crate) version: Option<String>,
    pub(crate) counts: Counts,
    pub(crate) corrected: Recorder<u64>,
    pub(crate) bounds: Recorder<u64>,
    pub(crate) uncorrected: Recorder<u64>,
    pub(crate) failed: Recorder<u64>,
}

/// A pause of the generator itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) second: u64,
    pub(crate) nanos: u64,
}

/// The result of merging.
pub(crate) struct Merged {
    pub(crate) cells: Vec<Totals>,
    pub(crate) targets: Vec<TargetShard>,
    pub(crate) lateness: Recorder<u64>,
    pub(crate) pause: Pause,
    pub(crate) seconds: Vec<Second>,
    pub(crate) exemplars: Vec<Exemplar>,
    pub(crate) elapsed: u64,
    pub(crate) planned_until: u64,
    pub(crate) broken: Vec<String>,
}

/// Merges shards. A tick is complete when each worker has handed over its second or said its last words.
pub(crate) struct Merger {
    workers: usize,
    ended: usize,
    stall_limit: u64,
    open: BTreeMap<u64, (usize, Tick)>,
    merged: Merged,
}

impl Merger {
    pub(crate) fn new(workers: usize, targets: usize, stall_limit: u64) -> Self {
        let merged = Merged {
            cells: Vec::new(),
            targets: vec![TargetShard::default(); targets],
            lateness: Recorder::new(),
            pause: Pause::default(),
            seconds: Vec::new(),
            exemplars: Vec::new(),
            elapsed: 0,
            planned_until: 0,
            broken: Vec::new(),
        };
        Self { workers, ended: 0, stall_limit, open: BTreeMap::new(), merged }
    }

    /// Whether all workers have said their last words.
    pub(crate) fn is_complete(&self) -> bool {
        self.ended == self.workers
    }

    /// Takes a shard in and returns the ticks that it completes.
    pub(crate) fn add(&mut self, shard: Shard) -> Vec<Tick> {
        let (seen, tick) = self.open.entry(shard.second).or_default();
        *seen += 1;
        tick.second = shard.second;
        tick.in_flight += shard.in_flight;
        tick.queued += shard.queued;
        tick.slots += shard.slots;
        tick.rate = tick.rate.or(shard.rate);
        let lag = shard.pause.max(shard.lateness.max().map_or(0, kubsets_schedule::nanos));
        tick.lag_ms = tick.lag_ms.max(lag as f64 / 1e6);
        tick.disturbed |= shard.pause >= self.stall_limit;
        if shard.pause > self.merged.pause.nanos {
            self.merged.pause = Pause { second: shard.second, nanos: shard.pause };
        }
        for (total, part) in self.merged.targets.iter_mut().zip(&shard.targets) {
            total.planned += part.planned;
            total.never_sent += part.never_sent;
            total.in_flight_at_end += part.in_flight_at_end;
            tick.planned += part.planned;
            tick.never_sent += part.never_sent;
        }
        tick.pending.merge(&shard.pending);
        self.merged.lateness.add(&shard.lateness);
        for cell in shard.cells {
            into_tick(tick, &cell);
            self.merged.add(cell);
        }
        if let Some(last) = shard.last {
            self.ended += 1;
            self.merged.elapsed = self.merged.elapsed.max(last.elapsed);
            self.merged.planned_until = self.merged.planned_until.max(last.planned_until);
            self.merged.exemplars.extend(last.exemplars);
            self.merged.broken.extend(last.broken);
        }
        self.complete()
    }

    pub(crate) fn finish(mut self) -> Merged {
        self.merged.exemplars = crate::exemplar::merge(self.merged.exemplars);
        self.merged
    }

    fn complete(&mut self) -> Vec<Tick> {
        let mut done = Vec::new();
        let ended = self.is_complete();
        if self.ended > 0 && !ended {
            return done;
        }
        while let Some(entry) = self.open.first_entry() {
            if entry.get().0 < self.workers && !ended {
                break;
            }
            let (_, tick) = entry.remove();
            self.merged.seconds.push(Second::of(&tick));
            done.push(tick);
        }
        done
    }
}

impl Merged {
    fn add(&mut self, cell: CellShard) {
        let same = |total: &Totals| total.target == cell.target && total.version == cell.version;
        let index = self.cells.iter().position(same).unwrap_or_else(|| {
            self.cells.push(Totals {
                target: cell.target,
                version: cell.version,
                counts: Counts::default(),
                corrected: Recorder::new(),
                bounds: Recorder::new(),
                uncorrected: Recorder::new(),
                failed: Recorder::new(),
            });
            self.cells.len() - 1
        });
        let total = &mut self.cells[index];
        total.counts.merge(&cell.counts);
        total.corrected.add(&cell.corrected);
        total.bounds.add(&cell.bounds);
        total.uncorrected.add(&cell.uncorrected);
        total.failed.add(&cell.failed);
    }
}

fn into_tick(tick: &mut Tick, cell: &CellShard) {
    tick.ok += cell.counts.ok;
    tick.failed += cell.counts.failed;
    tick.timed_out += cell.counts.timed_out;
    tick.latencies.merge(&cell.corrected);
    tick.lower_bounds.merge(&cell.bounds);
    tick.uncorrected.merge(&cell.uncorrected);
    for (kind, count) in ErrorKind::ALL.into_iter().zip(cell.counts.errors) {
        if count > 0 {
            *tick.errors.entry(kind).or_default() += count;
        }
    }
    let answers: u64 = cell.counts.statuses.iter().sum();
    if answers == 0 {
        return;
    }
    let version = match &cell.version {
        Some(version) => tick.versions.entry(version.clone()).or_default(),
        None => &mut tick.unversioned,
    };
    version.count += answers;
    version.bad += answers.saturating_sub(cell.counts.ok);
    version.latencies.merge(&cell.corrected);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::LastWords;

    fn shard(second: u64, planned: u64, last: bool) -> Shard {
        Shard {
            second,
            targets: vec![TargetShard { planned, ..TargetShard::default() }],
            last: last.then(LastWords::default),
            ..Shard::default()
        }
    }

    #[test]
    fn ticks_wait_for_all_workers_and_come_in_order() {
        let mut merger = Merger::new(2, 1, 1);
        assert!(merger.add(shard(0, 1, false)).is_empty());
        assert!(merger.add(shard(1, 2, false)).is_empty());
        let ticks = merger.add(shard(0, 10, false));
        assert_eq!(ticks.iter().map(|t| (t.second, t.planned)).collect::<Vec<_>>(), [(0, 11)]);
        assert!(merger.add(shard(1, 20, true)).is_empty());
        let ticks = merger.add(shard(2, 3, true));
        assert_eq!(ticks.iter().map(|t| (t.second, t.planned)).collect::<Vec<_>>(), [(1, 22), (2, 3)]);
        assert!(merger.is_complete());
        assert_eq!(merger.finish().targets[0].planned, 36);
    }
}
