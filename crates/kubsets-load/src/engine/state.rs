//! What the tasks of one worker share. They run on one thread, so that the lock around it never waits.

use std::collections::BTreeMap;

use super::pool::{Job, Pool, Pushed};
use super::request::{Factory, Outgoing};
use crate::latencies::{Latencies, Recorder};
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
    /// Requests refused for want of room, by planned second and target, until their lower bounds are entered.
    refused: BTreeMap<(u64, usize), u32>,
    /// How long unfinished requests have waited; its room is used again.
    waited: Recorder<u32>,
}

impl State {
    pub(crate) fn new(
        pools: Vec<Pool>,
        endpoint_of: Vec<usize>,
        tally: Tally,
        factory: Factory,
        mixer: Mixer,
    ) -> Self {
        Self {
            pools,
            tally,
            endpoint_of,
            factory,
            mixer,
            under_way: 0,
            refused: BTreeMap::new(),
            waited: Recorder::new(),
        }
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
        self.pools.iter().all(|pool| pool.under_way().chain(pool.unsent()).next().is_none())
    }

    /// Counts everything unfinished, with lower bounds for its latency.
    pub(crate) fn close(&mut self, now: u64, timeout: u64) {
        for pool in &mut self.pools {
            for job in pool.drain_under_way() {
                self.tally.in_flight_at_end(job.target);
                self.tally.at_least(job.target, now.saturating_sub(job.planned), 1);
            }
            for job in pool.drain_unsent() {
                self.tally.never_sent(job.target);
                self.tally.at_least(job.target, now.saturating_sub(job.planned), 1);
            }
        }
        self.enter_refused(now, timeout, |_| true);
    }

    /// Enters lower bounds for requests that found no room to wait: as if they had waited until now, but not for
    /// longer than the timeout, after which their users would have gone.
    fn enter_refused(&mut self, now: u64, timeout: u64, which: impl Fn(u64) -> bool) {
        let tally = &mut self.tally;
        self.refused.retain(|&(second, target), count| {
            let waited = waited_at_least(second, now).min(timeout);
            let enter = which(waited);
            if enter {
                tally.at_least(target, waited, *count);
            }
            !enter
        });
    }

    /// Everything recorded since the last call, with the gauges of this moment.
    pub(crate) fn shard(&mut self, second: u64, now: u64, timeout: u64) -> Shard {
        self.enter_refused(now, timeout, |waited| waited == timeout);
        let mut shard = self.tally.take(second);
        shard.pending = self.pending(now);
        shard.queued = self.queued();
        shard.in_flight = self.under_way;
        shard.slots = self.pools.iter().map(|pool| pool.slots() as u64).sum();
        shard
    }

    /// How long everything unfinished has waited until now.
    fn pending(&mut self, now: u64) -> Latencies {
        for job in self.pools.iter().flat_map(|pool| pool.under_way().chain(pool.unsent())) {
            self.waited.record(now.saturating_sub(job.planned));
        }
        for (&(second, _), &count) in &self.refused {
            self.waited.record_many(waited_at_least(second, now), count);
        }
        self.waited.take()
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

/// The least time that has passed since something in a second.
fn waited_at_least(second: u64, now: u64) -> u64 {
    now.saturating_sub((second + 1) * SECOND)
}
