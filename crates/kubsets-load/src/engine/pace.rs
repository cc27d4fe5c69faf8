//! The pacing task: takes up planned requests when they are due, and watches over everything else that has
//! to do with time (timeouts, seconds, the end, and the generator's own delays).

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use kubsets_schedule::{Next, Pacer, Schedule, nanos};

use super::slot::Slot;
use super::timer::Timer;
use super::worker::Worker;
use crate::tally::{LastWords, Shard};

const SECOND: u64 = 1_000_000_000;
/// Longest sleep; bounds how late a timeout, a stop or a change of rate is noticed.
const LONGEST: u64 = 5_000_000;
/// Shortest sleep; requests due within it are taken up together.
const SHORTEST: u64 = 100_000;
/// Most requests taken up at once before other tasks get their turn.
const BATCH: usize = 256;

/// Runs a worker to its end and hands over one shard for each second.
pub(crate) async fn run(worker: &Arc<Worker>, out: &Sender<Shard>) -> io::Result<()> {
    let spec = &worker.plan.spec;
    let mut timer = Timer::new()?;
    let share = spec.share_of(worker.index);
    let mut pace = Pace {
        worker,
        out,
        pacer: Pacer::new(&spec.schedule, share, Some(spec.end()), spec.seed),
        end: nanos(spec.end()),
        second: 0,
        changes: 0,
        pause: 0,
        stall: (0, 0),
    };
    let mut wanted = 0;
    loop {
        let now = worker.now();
        if worker.control.is_stopped() {
            pace.end_at(now);
        }
        pace.woke(now, wanted);
        let more = pace.take_up(now);
        pace.seconds(now);
        // What was due before the end belongs to the plan, however late it is taken up.
        if more {
            wanted = now;
            if !worker.control.is_aborted() {
                tokio::task::yield_now().await;
            }
        } else if now >= pace.end {
            break;
        } else {
            wanted = pace.sleep(&mut timer).await?;
        }
    }
    worker.end();
    let deadline = worker.now().saturating_add(nanos(spec.drain_time()));
    loop {
        let now = worker.now();
        pace.woke(now, wanted);
        worker.state().sweep(now, worker.timeout());
        pace.seconds(now);
        if now >= deadline || worker.control.is_aborted() || worker.state().is_quiet() {
            break;
        }
        wanted = pace.sleep(&mut timer).await?;
    }
    pace.close();
    Ok(())
}

struct Pace<'a> {
    worker: &'a Arc<Worker>,
    out: &'a Sender<Shard>,
    pacer: Pacer,
    end: u64,
    second: u64,
    changes: u64,
    /// The longest delay of this task in the present second.
    pause: u64,
    /// The last delay that was a standstill, and the last second that it spoils.
    stall: (u64, u64),
}

impl Pace<'_> {
    /// Notes how late this task woke up. A standstill spoils the second in which it ends and the next one, in
    /// which what it delayed is answered.
    fn woke(&mut self, now: u64, wanted: u64) {
        let pause = now.saturating_sub(wanted);
        self.pause = self.pause.max(pause);
        if pause >= nanos(self.worker.plan.spec.stall_limit) {
            self.stall = (pause, now / SECOND + 1);
        }
    }

    /// Plans nothing that would be due later.
    fn end_at(&mut self, now: u64) {
        if now < self.end {
            self.end = now;
            self.pacer.end_at(now);
        }
    }

    /// Takes up what is due, at most a batch; whether there is more.
    fn take_up(&mut self, now: u64) -> bool {
        let mut start = Vec::new();
        let mut full = true;
        {
            let mut state = self.worker.state();
            for _ in 0..BATCH {
                let Some(planned) = self.pacer.take_due(now) else {
                    full = false;
                    break;
                };
                start.extend(state.plan(planned, now));
            }
            state.sweep(now, self.worker.timeout());
        }
        for (pool, number) in start {
            tokio::spawn(Slot::new(Arc::clone(self.worker), pool, number).run_open());
        }
        if !full && let Some(rate) = self.worker.control.new_rate(&mut self.changes) {
            self.pacer.steer(now, rate);
        }
        full
    }

    /// Hands over a shard for each second that is over.
    fn seconds(&mut self, now: u64) {
        while now >= (self.second + 1) * SECOND {
            let shard = self.shard();
            self.send(shard);
            self.second += 1;
        }
    }

    /// Sleeps until something is to be done; returns the instant that was asked for.
    async fn sleep(&mut self, timer: &mut Timer) -> io::Result<u64> {
        let now = self.worker.now();
        let mut next = (now + LONGEST).min((self.second + 1) * SECOND);
        if let Next::At(due) = self.pacer.peek() {
            next = next.min(due);
        }
        if now < self.end {
            next = next.min(self.end);
        }
        let next = next.max(now + SHORTEST);
        timer.sleep(Duration::from_nanos(next - now)).await?;
        Ok(next)
    }

    fn shard(&mut self) -> Shard {
        let mut shard = self.worker.state().shard(self.second, self.worker.now(), self.worker.timeout());
        shard.pause = std::mem::take(&mut self.pause);
        if shard.second <= self.stall.1 {
            shard.pause = shard.pause.max(self.stall.0);
        }
        shard.rate = match self.worker.plan.spec.schedule {
            Schedule::Closed { .. } => None,
            Schedule::Open { .. } | Schedule::Replay { .. } => {
                let parts = self.worker.plan.spec.part.of as f64;
                self.pacer.rate_at(self.worker.now().min(self.end)).map(|rate| rate / parts)
            }
        };
        shard
    }

    /// Counts everything unfinished and says the last words.
    fn close(&mut self) {
        let now = self.worker.now();
        self.worker.state().close(now, self.worker.timeout());
        let mut shard = self.shard();
        let exemplars = self.worker.state().tally.take_exemplars();
        shard.last = Some(LastWords { elapsed: now, planned_until: self.end, exemplars, broken: None });
        self.send(shard);
    }

    fn send(&self, shard: Shard) {
        // Nobody listens any more if the owner of the run is gone; then the control says stop soon.
        if self.out.send(shard).is_err() {
            self.worker.control.abort();
        }
    }
}
