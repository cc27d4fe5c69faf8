//! A slot: a task that serves planned requests one after the other over its connection.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Response};

use super::http1::Http1;
use super::http2::{self, Shared};
use super::pool::{Job, Signal};
use super::request::Outgoing;
use super::worker::Worker;
use crate::outcome::{ErrorKind, Outcome};
use crate::spec::Protocol;
use crate::tally::Sample;

/// Pause of a closed-loop user whose connection was refused, so that it does not spin.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);
/// Fresh connections tried for one request when idle ones turn out to be closed before anything was sent.
const TRIES: usize = 3;

/// What is kept of a complete answer.
pub(crate) struct Answer {
    status: u16,
    version: Option<HeaderValue>,
}

impl Answer {
    pub(crate) fn of<B>(response: &Response<B>, version_header: &HeaderName) -> Self {
        let version = response.headers().get(version_header).cloned();
        Self { status: response.status().as_u16(), version }
    }
}

/// Why an exchange brought no answer.
pub(crate) enum Failure {
    /// The connection was closed before anything of the request was sent: it comes back and another connection
    /// may be tried.
    NotSent(Box<Outgoing>),
    /// The request failed.
    Error(ErrorKind),
}

/// One slot of a pool.
pub(crate) struct Slot {
    worker: Arc<Worker>,
    pool: usize,
    number: usize,
    signal: Arc<Signal>,
    address: SocketAddr,
    shared: Option<Shared>,
    link: Option<Http1>,
}

impl Slot {
    pub(crate) fn new(worker: Arc<Worker>, pool: usize, number: usize) -> Self {
        let (signal, address) = {
            let state = worker.state();
            let addresses = &state.pools[pool].addresses;
            (state.pools[pool].signal(number), addresses[number % addresses.len()])
        };
        let shared = worker.shared(pool, number);
        Self { worker, pool, number, signal, address, shared, link: None }
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
            if outcome == Outcome::Error(ErrorKind::Connect) {
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
        let (request, trace_id) = self.worker.state().make(job.target);
        let signal = Arc::clone(&self.signal);
        signal.arm(sent.saturating_add(self.worker.timeout()).max(1));
        let result = {
            let mut exchange = pin!(self.exchange(request));
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
        let (outcome, version) = match &result {
            Some(Ok(answer)) => (Outcome::Answer(answer.status), answer.version.as_ref()),
            Some(Err(kind)) => (Outcome::Error(*kind), None),
            None => (Outcome::TimedOut, None),
        };
        let sample =
            Sample { target: job.target, version, outcome, planned: job.planned, sent, done, trace_id };
        self.worker.state().finished(self.pool, self.number, &sample);
        outcome
    }

    /// Exchanges a request for an answer, on a new connection if an idle one has been closed meanwhile.
    async fn exchange(&mut self, mut request: Outgoing) -> Result<Answer, ErrorKind> {
        let worker = Arc::clone(&self.worker);
        let version_header = worker.version_header();
        for _ in 0..TRIES {
            let result = self.exchange_once(request, version_header).await;
            match result {
                Ok(answer) => return Ok(answer),
                Err(Failure::Error(kind)) => return Err(kind),
                Err(Failure::NotSent(unsent)) => {
                    self.link = None;
                    request = *unsent;
                }
            }
        }
        Err(ErrorKind::Reset)
    }

    async fn exchange_once(
        &mut self,
        request: Outgoing,
        version_header: &HeaderName,
    ) -> Result<Answer, Failure> {
        if let Some(shared) = &self.shared {
            return http2::exchange(shared, self.address, request, version_header).await;
        }
        let link = match &mut self.link {
            Some(link) => link,
            None => self.link.insert(Http1::connect(self.address).await.map_err(Failure::Error)?),
        };
        link.exchange(request, version_header).await
    }
}
