//! A slot: a task that serves planned requests one after the other over its connection.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::http1::{Failure, Http1, Named};
use super::http2::{self, Shared};
use super::pool::{Job, Signal};
use super::worker::Worker;
use crate::outcome::{ErrorKind, Outcome};
use crate::spec::Protocol;
use crate::tally::Sample;

/// Pause of a closed-loop user whose connection was refused, so that it does not spin.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);
/// Fresh connections tried for one request when idle ones turn out to be closed before anything was sent.
const TRIES: usize = 3;

/// One slot of a pool.
pub(crate) struct Slot {
    worker: Arc<Worker>,
    pool: usize,
    number: usize,
    signal: Arc<Signal>,
    shared: Option<Shared>,
    link: Option<Http1>,
    /// The bytes of the last HTTP/1.1 request; its room is used again.
    request: Vec<u8>,
    version: Named,
}

impl Slot {
    pub(crate) fn new(worker: Arc<Worker>, pool: usize, number: usize) -> Self {
        let signal = worker.state().pools[pool].signal(number);
        let shared = worker.shared(pool, number);
        Self {
            worker,
            pool,
            number,
            signal,
            shared,
            link: None,
            request: Vec::new(),
            version: Named::default(),
        }
    }

    /// Serves requests as they are handed over, until the runtime ends.
    pub(crate) async fn run_open(mut self) {
        loop {
            let job = self.next_job().await;
            self.serve(job).await;
        }
    }

    /// Serves as one user of a closed loop, until the plan is over.
    pub(crate) async fn run_closed(mut self, think: Duration) {
        while !self.worker.is_ended() {
            let now = self.worker.now();
            let job = self.worker.state().plan_closed(self.pool, self.number, now);
            let outcome = self.serve(job).await;
            if matches!(outcome, Outcome::Error(ErrorKind::Connect | ErrorKind::Tls)) {
                self.think(think.max(REFUSED_PAUSE)).await;
            } else if !think.is_zero() {
                self.think(think).await;
            }
        }
    }

    async fn next_job(&mut self) -> Job {
        std::future::poll_fn(|cx| {
            self.signal.waker.register(cx.waker());
            if let Some(link) = &mut self.link
                && link.poll_idle(cx).is_ready()
            {
                self.link = None;
            }
            match self.worker.state().pools[self.pool].take(self.number) {
                Some(job) => Poll::Ready(job),
                None => Poll::Pending,
            }
        })
        .await
    }

    async fn think(&mut self, pause: Duration) {
        let mut sleep = pin!(tokio::time::sleep(pause));
        std::future::poll_fn(|cx| {
            self.signal.waker.register(cx.waker());
            if let Some(link) = &mut self.link
                && link.poll_idle(cx).is_ready()
            {
                self.link = None;
            }
            if self.worker.is_ended() { Poll::Ready(()) } else { sleep.as_mut().poll(cx) }
        })
        .await;
    }

    async fn serve(&mut self, job: Job) -> Outcome {
        let sent = self.worker.now();
        let signal = Arc::clone(&self.signal);
        signal.arm(sent.saturating_add(self.worker.timeout()).max(1));
        self.version.clear();
        let mut trace_id = None;
        let result = {
            let mut exchange = pin!(self.exchange(job.target, &mut trace_id));
            std::future::poll_fn(|cx| {
                signal.waker.register(cx.waker());
                if signal.is_expired() {
                    return Poll::Ready(None);
                }
                exchange.as_mut().poll(cx).map(Some)
            })
            .await
        };
        signal.disarm();
        let done = self.worker.now();
        let reusable = self.link.as_ref().is_some_and(Http1::is_reusable);
        if !matches!(result, Some(Ok(_))) || !reusable || self.worker.protocol() == Protocol::Http1PerRequest
        {
            self.link = None;
        }
        let (outcome, version) = match result {
            Some(Ok(status)) => (Outcome::Answer(status), self.version.get()),
            Some(Err(kind)) => (Outcome::Error(kind), None),
            None => (Outcome::TimedOut, None),
        };
        let sample =
            Sample { target: job.target, version, outcome, planned: job.planned, sent, done, trace_id };
        self.worker.state().finished(self.pool, self.number, &sample);
        outcome
    }

    /// Exchanges a request for an answer and returns its status.
    async fn exchange(&mut self, target: usize, trace_id: &mut Option<u128>) -> Result<u16, ErrorKind> {
        let worker = Arc::clone(&self.worker);
        let endpoint = &worker.plan.endpoints[self.pool];
        if let Some(shared) = &self.shared {
            let request;
            (request, *trace_id) = worker.state().make(target);
            let place = (endpoint, self.number);
            return http2::exchange(shared, place, request, worker.version_header(), &mut self.version).await;
        }
        let to_head;
        (*trace_id, to_head) = worker.state().write(target, &mut self.request);
        for _ in 0..TRIES {
            let link = match &mut self.link {
                Some(link) => link,
                None => self.link.insert(Http1::new(endpoint.connect(self.number).await?)),
            };
            let header = worker.version_header();
            match link.exchange(&self.request, to_head, header, &mut self.version).await {
                Ok(status) => return Ok(status),
                Err(Failure::Error(kind)) => return Err(kind),
                // An idle connection has been closed meanwhile.
                Err(Failure::NotSent) => self.link = None,
            }
        }
        Err(ErrorKind::Reset)
    }
}
