//! The service under test.

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, response::Response};
use clap::Parser;
use demo_app::{AppState, Application, Settings, app};
use http::Request;
use http_body_util::BodyExt;
use kubsets_telemetry::{Health, Identity, Metrics, logs::LogLevel};
use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The routes alone, on top of a database that is not there.
pub(crate) struct Routes {
    pub(crate) router: Router,
    pub(crate) state: AppState,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
}

impl Routes {
    pub(crate) fn new() -> Self {
        let identity =
            Identity { version: "9.9.9".into(), pod: "pod-a".into(), ..Identity::local("demo-app") };
        let (metrics, health) = (Metrics::new(&identity), Health::new());
        let pool = PgPoolOptions::new()
            .acquire_timeout(Duration::from_millis(200))
            .connect_lazy("postgres://kubsets@127.0.0.1:1/kubsets")
            .unwrap();
        let timeout = Duration::from_secs(5);
        let state = AppState::new(identity, &metrics, health.clone(), pool, "orders".into(), timeout);
        Self { router: app(state.clone()), state, metrics, health }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Response {
        self.send(Request::post(path).body(Body::from(body.to_owned())).unwrap()).await
    }
}

pub(crate) async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

pub(crate) async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// The whole service on free ports of the loopback address.
pub(crate) struct TestApp {
    pub(crate) api: SocketAddr,
    pub(crate) admin: SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl TestApp {
    pub(crate) async fn start(database_url: &str, brokers: &str) -> Self {
        let settings = Settings::parse_from([
            "demo-app",
            "--listen-addr=127.0.0.1:0",
            "--admin-addr=127.0.0.1:0",
            "--drain-delay=300ms",
            &format!("--database-url={database_url}"),
            &format!("--kafka-brokers={brokers}"),
        ]);
        let application = Application::build(settings, LogLevel::detached()).await.unwrap();
        let (api, admin) = (application.api_address(), application.admin_address());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let mut is_first = true;
        let task = tokio::spawn(application.run_until_stopped(move || {
            // A cancelled token would answer the second time too and skip the drain delay.
            let token =
                if std::mem::take(&mut is_first) { stopped.clone() } else { CancellationToken::new() };
            async move { token.cancelled().await }
        }));
        Self { api, admin, stop, task }
    }

    pub(crate) fn signal(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task.await.unwrap()
    }
}

/// Status and body of one request on a connection of its own.
pub(crate) async fn http(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Polls until the condition gives a value.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    for _ in 0..300 {
        if let Some(value) = condition().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 15 s: {what}");
}
