//! Against a small server that plays the demo app.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use heartbeat::{BeatError, Target, beat};
use http::StatusCode;
use serde_json::{Value, json};

/// How the played app behaves.
#[derive(Clone, Copy)]
struct Script {
    /// Orders that are turned away with 503 first.
    busy: u32,
    /// Status of the answer to the others.
    status: StatusCode,
    /// What an order looks like at each look; the last one stays.
    looks: &'static [&'static str],
}

#[derive(Clone)]
struct App {
    script: Script,
    orders: Arc<AtomicU32>,
    looks: Arc<AtomicU32>,
}

async fn create(State(app): State<App>, Json(body): Json<Value>) -> Response {
    assert_eq!(body["source"], "heartbeat");
    if app.orders.fetch_add(1, Ordering::Relaxed) < app.script.busy {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let headers = [("x-kubsets-version", "1.2.3"), ("x-kubsets-pod", "pod-a")];
    (app.script.status, headers, Json(json!({ "id": "abc", "trace_id": "f00d" }))).into_response()
}

async fn show(State(app): State<App>) -> Json<Value> {
    let look = app.looks.fetch_add(1, Ordering::Relaxed) as usize;
    let looks = app.script.looks;
    let state = looks[look.min(looks.len() - 1)];
    Json(json!({ "state": state, "attempts": 1, "published_at": null, "failure": "boom" }))
}

async fn play(script: Script) -> Target {
    let app = App { script, orders: Arc::default(), looks: Arc::default() };
    let router =
        Router::new().route("/orders", post(create)).route("/orders/{id}", get(show)).with_state(app);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}").parse().unwrap()
}

const GOOD: Script =
    Script { busy: 0, status: StatusCode::ACCEPTED, looks: &["accepted", "accepted", "fulfilled"] };
const BUDGET: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_fulfilled_order_is_a_beat() {
    let target = play(GOOD).await;
    let beat = beat(&target, BUDGET).await.unwrap();
    assert_eq!(
        (&*beat.order, &*beat.trace_id, &*beat.version, &*beat.pod),
        ("abc", "f00d", "1.2.3", "pod-a")
    );
    assert_eq!((beat.retries, beat.attempts), (0, 1));
    assert!(beat.accepted_ms > 0.0 && beat.fulfilled_ms >= 300.0, "{beat:?}");
}

#[tokio::test]
async fn a_busy_app_is_asked_again() {
    let target = play(Script { busy: 2, ..GOOD }).await;
    assert_eq!(beat(&target, BUDGET).await.unwrap().retries, 2);
}

#[tokio::test]
async fn an_order_that_hangs_says_where() {
    let target = play(Script { looks: &["accepted"], ..GOOD }).await;
    let started = Instant::now();
    let error = beat(&target, Duration::from_millis(700)).await.unwrap_err();
    assert!((700..2000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    let text = error.to_string();
    assert!(text.contains("still in the outbox") && text.contains("f00d"), "{text}");
}

#[tokio::test]
async fn dead_and_refused_orders_end_at_once() {
    let target = play(Script { looks: &["dead"], ..GOOD }).await;
    let error = beat(&target, BUDGET).await.unwrap_err();
    assert!(matches!(&error, BeatError::Dead { failure, .. } if failure == "boom"), "{error}");
    let target = play(Script { status: StatusCode::UNPROCESSABLE_ENTITY, ..GOOD }).await;
    let error = beat(&target, BUDGET).await.unwrap_err();
    assert!(matches!(error, BeatError::Refused { status: StatusCode::UNPROCESSABLE_ENTITY, .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_ends_with_the_budget() {
    let target = "http://127.0.0.1:1".parse().unwrap();
    let started = Instant::now();
    let error = beat(&target, Duration::from_millis(1200)).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(error.to_string().contains("cannot connect"), "{error}");
}
