//! What the tasks of one worker share. They run on one thread, so that the lock around it never waits.

use std::collections::BTreeMap;

use super::pool::{Job, Pool, Pushed};
use super::request::{Factory, Outgoing};
use crate::tally::{Sample, Shard, Tally};
use crate::target::Mixer;

const SECOND: u64 = 1_000_000_000;

/// The shared state of a worker.
pub(crate) struct State {
    pub(crate) pools: Vec<Pool>,
    pub(crate) tally: Tally,
    /// Pool of each target.
    endpoint_of: Vec<usize>,
    factory: Factory,
    mixer: Mixer,
    under_way: u64,
    /// Requests refused for want of room, by planned second and target: their lower bounds come at the end.
    refused: BTreeMap<(u64, usize), u32>,
}

impl State {
    pub(crate) fn new(
        pools: Vec<Pool>,
        endpoint_of: Vec<usize>,
        tally: Tally,
        factory: Factory,
        mixer: Mixer,
    ) -> Self {
        Self { pools, tally, endpoint_of, factory, mixer, under_way: 0, refused: BTreeMap::new() }
    }

    /// Takes up a planned request; returns pool and number of a slot that is to be started for it.
    pub(crate) fn plan(&mut self, planned: u64, now: u64) -> Option<(usize, usize)> {
        let target = self.mixer.pick();
        let pool = self.endpoint_of[target];
        self.tally.planned(target);
        self.tally.late(now.saturating_sub(planned));
        match self.pools[pool].push(Job { planned, target }) {
            Pushed::Taken => None,
            Pushed::Start(slot) => Some((pool, slot)),
            Pushed::Refused => {
                self.tally.never_sent(target);
                *self.refused.entry((planned / SECOND, target)).or_default() += 1;
                None
            }
        }
    }

    /// A request of a closed loop, planned at this very moment. Users keep to their endpoint.
    pub(crate) fn plan_closed(&mut self, pool: usize, slot: usize, now: u64) -> Job {
        let target = self.closed_target(pool);
        let job = Job { planned: now, target };
        self.tally.planned(target);
        self.pools[pool].set_current(slot, job);
        job
    }

    /// Begins a request over HTTP/2.
    pub(crate) fn make(&mut self, target: usize) -> (Outgoing, Option<u128>) {
        self.under_way += 1;
        self.factory.make(target)
    }

    /// Begins a request over HTTP/1.1, whose bytes are written into `out`: its trace identifier, if it carries one,
    /// and whether it is a HEAD.
    pub(crate) fn write(&mut self, target: usize, out: &mut Vec<u8>) -> (Option<u128>, bool) {
        self.under_way += 1;
        self.factory.write(target, out)
    }

    pub(crate) fn finished(&mut self, pool: usize, slot: usize, sample: &Sample<'_>) {
        self.under_way -= 1;
        self.pools[pool].finish(slot);
        self.tally.finished(sample);
    }

    /// Expires what has gone on for too long and gives up what has waited for longer than `timeout`.
    pub(crate) fn sweep(&mut self, now: u64, timeout: u64) {
        for pool in &mut self.pools {
            for job in pool.sweep(now, now.checked_sub(timeout)) {
                self.tally.never_sent(job.target);
                self.tally.at_least(job.target, now - job.planned, 1);
            }
        }
    }

    pub(crate) fn queued(&self) -> u64 {
        self.pools.iter().map(|pool| pool.queued() as u64).sum()
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.queued() == 0 && self.pools.iter().all(|pool| pool.under_way().next().is_none())
    }

    /// Counts everything unfinished, with lower bounds for its latency. A request refused for want of room has
    /// no slot at the end of the run either; it is entered with the time until then, but not with more than
    /// the timeout, after which its user would have gone.
    pub(crate) fn close(&mut self, now: u64, timeout: u64) {
        for pool in &mut self.pools {
            for job in pool.under_way() {
                self.tally.in_flight_at_end(job.target);
                self.tally.at_least(job.target, now.saturating_sub(job.planned), 1);
            }
            for job in pool.drain_waiting() {
                self.tally.never_sent(job.target);
                self.tally.at_least(job.target, now.saturating_sub(job.planned), 1);
            }
        }
        for (&(second, target), &count) in &self.refused {
            let waited = now.saturating_sub((second + 1) * SECOND);
            self.tally.at_least(target, waited.min(timeout), count);
        }
        self.refused.clear();
    }

    /// Everything recorded since the last call, with the gauges of this moment.
    pub(crate) fn shard(&mut self, second: u64) -> Shard {
        let mut shard = self.tally.take(second);
        shard.queued = self.queued();
        shard.in_flight = self.under_way;
        shard.slots = self.pools.iter().map(|pool| pool.slots() as u64).sum();
        shard
    }

    fn closed_target(&mut self, pool: usize) -> usize {
        // With several endpoints the mixer is asked until it names a target of this one.
        loop {
            let target = self.mixer.pick();
            if self.endpoint_of[target] == pool {
                return target;
            }
        }
    }
}
