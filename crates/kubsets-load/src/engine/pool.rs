//! The slots of one endpoint and the requests that wait for them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::task::AtomicWaker;

/// A planned request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Job {
    /// Planned instant in nanoseconds from the start.
    pub(crate) planned: u64,
    pub(crate) target: usize,
}

/// What a slot's task and the pacing task share.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    pub(crate) waker: AtomicWaker,
    /// When the request under way times out; 0 if there is none.
    deadline: AtomicU64,
    expired: AtomicBool,
}

impl Signal {
    pub(crate) fn arm(&self, deadline: u64) {
        self.expired.store(false, Ordering::Relaxed);
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    pub(crate) fn disarm(&self) {
        self.deadline.store(0, Ordering::Relaxed);
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.expired.load(Ordering::Relaxed)
    }

    fn expire(&self, now: u64) {
        let deadline = self.deadline.load(Ordering::Relaxed);
        if deadline != 0 && deadline <= now {
            self.deadline.store(0, Ordering::Relaxed);
            self.expired.store(true, Ordering::Relaxed);
            self.waker.wake();
        }
    }
}

/// What became of a request that was handed to the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// An idle slot was woken, or the request waits.
    Taken,
    /// A new slot with this number is to be started.
    Start(usize),
    /// There is no room to wait.
    Refused,
}

#[derive(Debug)]
struct Slot {
    signal: Arc<Signal>,
    idle: bool,
    mail: Option<Job>,
    current: Option<Job>,
}

/// The slots of one endpoint.
#[derive(Debug)]
pub(crate) struct Pool {
    capacity: usize,
    room: usize,
    slots: Vec<Slot>,
    idle: VecDeque<usize>,
    waiting: VecDeque<Job>,
}

impl Pool {
    pub(crate) fn new(capacity: usize, room: usize) -> Self {
        Self { capacity, room, slots: Vec::new(), idle: VecDeque::new(), waiting: VecDeque::new() }
    }

    /// Adds a slot without work and returns its number.
    pub(crate) fn add_slot(&mut self) -> usize {
        self.slots.push(Slot { signal: Arc::default(), idle: false, mail: None, current: None });
        self.slots.len() - 1
    }

    pub(crate) fn signal(&self, slot: usize) -> Arc<Signal> {
        Arc::clone(&self.slots[slot].signal)
    }

    /// Hands a request to the slot that has been idle for longest, or to a new one, or lets it wait.
    pub(crate) fn push(&mut self, job: Job) -> Pushed {
        if let Some(slot) = self.idle.pop_front() {
            let slot = &mut self.slots[slot];
            slot.idle = false;
            slot.mail = Some(job);
            slot.signal.waker.wake();
            Pushed::Taken
        } else if self.slots.len() < self.capacity {
            let slot = self.add_slot();
            self.slots[slot].mail = Some(job);
            Pushed::Start(slot)
        } else if self.waiting.len() < self.room {
            self.waiting.push_back(job);
            Pushed::Taken
        } else {
            Pushed::Refused
        }
    }

    /// The next request for a slot; without one the slot is idle until it gets mail.
    pub(crate) fn take(&mut self, slot: usize) -> Option<Job> {
        let job = self.slots[slot].mail.take().or_else(|| self.waiting.pop_front());
        let mine = &mut self.slots[slot];
        mine.current = job;
        if job.is_none() && !mine.idle {
            mine.idle = true;
            self.idle.push_back(slot);
        }
        job
    }

    /// Notes what a slot of a closed loop works on.
    pub(crate) fn set_current(&mut self, slot: usize, job: Job) {
        self.slots[slot].current = Some(job);
    }

    pub(crate) fn finish(&mut self, slot: usize) {
        self.slots[slot].current = None;
    }

    /// Lets requests under way whose time is up expire, and takes those out that have waited since `oldest`
    /// or longer.
    pub(crate) fn sweep(&mut self, now: u64, oldest: Option<u64>) -> Vec<Job> {
        self.slots.iter().for_each(|slot| slot.signal.expire(now));
        let mut stale = Vec::new();
        while let (Some(job), Some(oldest)) = (self.waiting.front(), oldest) {
            if job.planned > oldest {
                break;
            }
            stale.extend(self.waiting.pop_front());
        }
        stale
    }

    pub(crate) fn queued(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Requests that slots work on.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = Job> {
        self.slots.iter().filter_map(|slot| slot.current)
    }

    /// Requests that nobody works on yet: handed to a slot, or waiting for one.
    pub(crate) fn unsent(&self) -> impl Iterator<Item = Job> {
        self.slots.iter().filter_map(|slot| slot.mail).chain(self.waiting.iter().copied())
    }

    /// Takes out what slots work on.
    pub(crate) fn drain_under_way(&mut self) -> impl Iterator<Item = Job> {
        self.slots.iter_mut().filter_map(|slot| slot.current.take())
    }

    /// Takes out what nobody works on.
    pub(crate) fn drain_unsent(&mut self) -> impl Iterator<Item = Job> {
        self.slots.iter_mut().filter_map(|slot| slot.mail.take()).chain(self.waiting.drain(..))
    }

    /// Wakes all slots, so that those of a closed loop see the end.
    pub(crate) fn wake_all(&self) {
        self.slots.iter().for_each(|slot| slot.signal.waker.wake());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(planned: u64) -> Job {
        Job { planned, target: 0 }
    }

    #[test]
    fn slots_first_then_the_queue_then_refusal() {
        let mut pool = Pool::new(2, 1);
        assert_eq!(pool.push(job(1)), Pushed::Start(0));
        assert_eq!(pool.push(job(2)), Pushed::Start(1));
        assert_eq!(pool.push(job(3)), Pushed::Taken);
        assert_eq!(pool.push(job(4)), Pushed::Refused);
        assert_eq!(pool.take(1), Some(job(2)));
        assert_eq!(pool.take(0), Some(job(1)));
        assert_eq!(pool.under_way().count(), 2);
        pool.finish(0);
        assert_eq!(pool.take(0), Some(job(3)));
        pool.finish(0);
        assert_eq!(pool.take(0), None);
        assert_eq!(pool.take(0), None);
        assert_eq!(pool.push(job(5)), Pushed::Taken);
        assert_eq!(pool.queued(), 0);
        assert_eq!(pool.take(0), Some(job(5)));
    }

    #[test]
    fn what_no_slot_has_begun_is_not_under_way() {
        let mut pool = Pool::new(2, 1);
        for planned in [1, 2, 3] {
            pool.push(job(planned));
        }
        assert_eq!(pool.take(0), Some(job(1)));
        assert_eq!(pool.under_way().collect::<Vec<_>>(), [job(1)]);
        assert_eq!(pool.unsent().collect::<Vec<_>>(), [job(2), job(3)]);
        assert_eq!((pool.drain_under_way().count(), pool.drain_unsent().count()), (1, 2));
        assert_eq!(pool.under_way().chain(pool.unsent()).count(), 0);
    }

    #[test]
    fn sweeping_expires_and_gives_up() {
        let mut pool = Pool::new(1, 10);
        pool.push(job(0));
        for planned in [10, 20, 30] {
            pool.push(job(planned));
        }
        let signal = pool.signal(0);
        signal.arm(50);
        assert_eq!(pool.sweep(49, Some(20)), [job(10), job(20)]);
        assert!(!signal.is_expired());
        assert!(pool.sweep(50, None).is_empty());
        assert!(signal.is_expired());
        assert_eq!(pool.queued(), 1);
    }
}
