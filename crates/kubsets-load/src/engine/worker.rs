//! A worker: one thread with its own runtime, its pacing task and its slots.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderName;
use kubsets_schedule::{Schedule, Share, nanos};

use super::http2::Shared;
use super::pool::Pool;
use super::request::Factory;
use super::slot::Slot;
use super::state::State;
use super::stream::Endpoint;
use super::{Control, pace};
use crate::spec::{LoadSpec, Protocol};
use crate::tally::{LastWords, Shard, Tally};
use crate::target::{Compiled, Mixer};

/// A checked specification with everything resolved.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) spec: LoadSpec,
    pub(crate) targets: Vec<Compiled>,
    /// Number of the endpoint of each target.
    pub(crate) endpoint_of: Vec<usize>,
    /// The different hosts and ports of the targets.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) version_header: HeaderName,
    pub(crate) start: Instant,
}

/// What the tasks of a worker know.
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) plan: Arc<Plan>,
    pub(crate) control: Arc<Control>,
    state: Mutex<State>,
    shared: Vec<Vec<Shared>>,
    ended: AtomicBool,
}

impl Worker {
    fn new(index: usize, plan: Arc<Plan>, control: Arc<Control>) -> Self {
        let spec = &plan.spec;
        let mine = spec.share_of(index);
        let capacity = share(spec.concurrency(), mine);
        let room = share(spec.queue, mine);
        let pools = plan.endpoints.iter().map(|_| Pool::new(capacity.max(1), room)).collect();
        let shared = match spec.protocol {
            Protocol::Http2 => {
                let each = capacity.div_ceil(spec.streams).max(1);
                plan.endpoints.iter().map(|_| (0..each).map(|_| Shared::default()).collect()).collect()
            }
            Protocol::Http1 | Protocol::Http1PerRequest => Vec::new(),
        };
        let state = State::new(
            pools,
            plan.endpoint_of.clone(),
            Tally::new(plan.targets.len(), spec.failed_from_status),
            Factory::new(spec, &plan.targets, index),
            Mixer::new(plan.targets.iter().map(|target| target.weight)),
        );
        Self { index, control, state: Mutex::new(state), shared, ended: AtomicBool::new(false), plan }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds from the start of the run.
    pub(crate) fn now(&self) -> u64 {
        nanos(self.plan.start.elapsed())
    }

    pub(crate) fn timeout(&self) -> u64 {
        nanos(self.plan.spec.timeout)
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.plan.spec.protocol
    }

    pub(crate) fn version_header(&self) -> &HeaderName {
        &self.plan.version_header
    }

    pub(crate) fn shared(&self, pool: usize, slot: usize) -> Option<Shared> {
        let shared = self.shared.get(pool)?;
        Some(Arc::clone(&shared[(slot / self.plan.spec.streams) % shared.len()]))
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Nothing new is planned from now on.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.state().pools.iter().for_each(Pool::wake_all);
    }

    /// Starts the users of a closed loop that this worker stands for.
    fn start_users(self: &Arc<Self>) {
        let Schedule::Closed { users, think } = self.plan.spec.schedule else { return };
        let mut mixer = Mixer::new(self.plan.targets.iter().map(|target| target.weight));
        let mine = self.plan.spec.share_of(self.index);
        for user in 0..users {
            let pool = self.plan.endpoint_of[mixer.pick()];
            if user % mine.of == mine.index {
                let number = self.state().pools[pool].add_slot();
                tokio::spawn(Slot::new(Arc::clone(self), pool, number).run_closed(think));
            }
        }
    }
}

/// Starts a worker thread. It ends by itself and says its last words through `out`.
pub(crate) fn spawn(
    index: usize,
    plan: Arc<Plan>,
    control: Arc<Control>,
    out: Sender<Shard>,
) -> std::io::Result<()> {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let broken = match runtime {
            Ok(runtime) => {
                let worker = Arc::new(Worker::new(index, plan, control));
                let result = runtime.block_on(async {
                    worker.start_users();
                    pace::run(&worker, &out).await
                });
                runtime.shutdown_timeout(Duration::ZERO);
                result.err()
            }
            Err(error) => Some(error),
        };
        if let Some(error) = broken {
            let last = LastWords { broken: Some(error.to_string()), ..LastWords::default() };
            // Nobody listens any more if the receiver is gone.
            let _unheard = out.send(Shard { last: Some(last), ..Shard::default() });
        }
    };
    std::thread::Builder::new().name(format!("load-{index}")).spawn(run).map(drop)
}

/// A share of a number that is split as evenly as can be.
fn share(all: usize, Share { index, of }: Share) -> usize {
    all / of + usize::from(index < all % of)
}
