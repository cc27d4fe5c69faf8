//! An HTTP server on a thread of its own that behaves exactly as a test says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use kubsets_load::LoadReport;
use tokio::sync::Mutex;

/// What the server is asked.
pub(crate) struct Ask {
    /// Number of the request, from 0.
    pub(crate) number: u64,
    /// Time since the first request arrived.
    pub(crate) since_first: Duration,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What it does.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) delay: Duration,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Close the connection without an answer.
    pub(crate) hang_up: bool,
    /// Serve one at a time.
    pub(crate) alone: bool,
}

impl Reply {
    pub(crate) fn ok() -> Self {
        Self { delay: Duration::ZERO, status: 200, headers: Vec::new(), hang_up: false, alone: false }
    }

    pub(crate) fn after(delay: Duration) -> Self {
        Self { delay, ..Self::ok() }
    }

    pub(crate) fn version(mut self, version: &str) -> Self {
        self.headers.push(("x-kubsets-version", version.to_owned()));
        self
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// A running server. Its thread ends with the test process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicU64>,
    pub(crate) requests: Arc<AtomicU64>,
    lag_us: Arc<AtomicU64>,
}

impl Server {
    /// The longest time in milliseconds for which the server or the generator had to wait for a processor:
    /// on a busy machine no figure can be better than that.
    pub(crate) fn slack_ms(&self, report: &LoadReport) -> f64 {
        self.lag_ms() + report.pacing.longest_pause_ms
    }

    /// The longest time in milliseconds for which the server had to wait for a processor.
    pub(crate) fn lag_ms(&self) -> f64 {
        self.lag_us.load(Ordering::Relaxed) as f64 / 1e3
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn start(behave: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        let requests = Arc::new(AtomicU64::new(0));
        let state = Arc::new(State {
            behave: Box::new(behave),
            first: std::sync::OnceLock::new(),
            requests: Arc::clone(&requests),
            turn: Mutex::new(()),
        });
        let accepted = Arc::clone(&connections);
        let lag_us = Arc::new(AtomicU64::new(0));
        let lag = Arc::clone(&lag_us);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::spawn(watch(lag));
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    accepted.fetch_add(1, Ordering::Relaxed);
                    stream.set_nodelay(true).unwrap();
                    let state = Arc::clone(&state);
                    tokio::spawn(async move {
                        let service = service_fn(move |request| answer(Arc::clone(&state), request));
                        let _closed = Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
            });
        });
        Self { address, connections, requests, lag_us }
    }
}

/// Notes how late this thread wakes up.
async fn watch(lag_us: Arc<AtomicU64>) {
    let pause = Duration::from_millis(2);
    loop {
        let start = Instant::now();
        tokio::time::sleep(pause).await;
        let late = start.elapsed().saturating_sub(pause);
        lag_us.fetch_max(u64::try_from(late.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

struct State {
    behave: Box<dyn Fn(&Ask) -> Reply + Send + Sync>,
    first: std::sync::OnceLock<Instant>,
    requests: Arc<AtomicU64>,
    turn: Mutex<()>,
}

#[derive(Debug, thiserror::Error)]
#[error("hanging up")]
struct HangUp;

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HangUp> {
    let since_first = state.first.get_or_init(Instant::now).elapsed();
    let number = state.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| HangUp)?.to_bytes();
    let ask = Ask { number, since_first, path: head.uri.path().to_owned(), headers: head.headers, body };
    let reply = (state.behave)(&ask);
    if reply.alone {
        let _mine = state.turn.lock().await;
        tokio::time::sleep(reply.delay).await;
    } else if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    if reply.hang_up {
        return Err(HangUp);
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    Ok::<_, Infallible>(response.body(Full::new(Bytes::from_static(b"hello"))).unwrap())
        .map_err(|never| match never {})
}
