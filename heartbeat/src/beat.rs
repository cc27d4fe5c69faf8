//! Places one order and follows it to its end.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    client::{self, Answer, RequestError},
    target::Target,
};

const POLL: Duration = Duration::from_millis(100);
const RETRY: Duration = Duration::from_millis(500);

/// An order that was fulfilled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beat {
    /// Id of the order.
    pub order: String,
    /// Trace of the order.
    pub trace_id: String,
    /// Version of the app that took it.
    pub version: String,
    /// Pod of the app that took it.
    pub pod: String,
    /// Requests that had to be repeated.
    pub retries: u32,
    /// Attempts of the worker.
    pub attempts: u64,
    /// Time until the order was accepted, in milliseconds.
    pub accepted_ms: f64,
    /// Time until it was seen to be fulfilled, in milliseconds.
    pub fulfilled_ms: f64,
}

/// Why the order did not come through.
#[derive(Debug, thiserror::Error)]
pub enum BeatError {
    /// Nobody took the order in time.
    #[error("no order was accepted within {budget:?}, last: {last}")]
    NotAccepted {
        /// The budget.
        budget: Duration,
        /// The last failure.
        last: String,
    },
    /// The app refuses the order for good.
    #[error("the order was refused with status {status}: {body}")]
    Refused {
        /// Status of the answer.
        status: StatusCode,
        /// Body of the answer.
        body: String,
    },
    /// The order was accepted but not fulfilled in time.
    #[error("order {order} is {state} after {budget:?}, {hint}; trace {trace_id}")]
    NotFulfilled {
        /// Id of the order.
        order: String,
        /// Its state at the end.
        state: String,
        /// The budget.
        budget: Duration,
        /// Where it hangs.
        hint: &'static str,
        /// Trace of the order.
        trace_id: String,
    },
    /// The order ended in the dead-letter topic.
    #[error("order {order} is dead: {failure}; trace {trace_id}")]
    Dead {
        /// Id of the order.
        order: String,
        /// Why.
        failure: String,
        /// Trace of the order.
        trace_id: String,
    },
}

/// Places an order at `target` and waits until it is fulfilled, at most `budget` in all.
///
/// # Errors
/// When that did not happen; the error says how far the order came.
pub async fn beat(target: &Target, budget: Duration) -> Result<Beat, BeatError> {
    let started = Instant::now();
    let mut retries = 0;
    let answer = place(target, started, budget, &mut retries).await?;
    let accepted_ms = milliseconds(started);
    let text = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
    let header = |name: &str| {
        answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let (order, trace_id) = (text("id"), text("trace_id"));
    let path = format!("/orders/{order}");
    let mut last = Value::Null;
    while started.elapsed() < budget {
        tokio::time::sleep(POLL.min(budget.saturating_sub(started.elapsed()))).await;
        match client::request(target, Method::GET, &path, None).await {
            Ok(answer) if answer.status == StatusCode::OK => last = answer.body,
            _ => {
                retries += 1;
                continue;
            }
        }
        match last["state"].as_str() {
            Some("fulfilled") => {
                return Ok(Beat {
                    order,
                    trace_id,
                    version: header("x-kubsets-version"),
                    pod: header("x-kubsets-pod"),
                    retries,
                    attempts: last["attempts"].as_u64().unwrap_or_default(),
                    accepted_ms,
                    fulfilled_ms: milliseconds(started),
                });
            }
            Some("dead") => {
                let failure = last["failure"].as_str().unwrap_or("no reason given").to_owned();
                return Err(BeatError::Dead { order, failure, trace_id });
            }
            _ => {}
        }
    }
    let state = last["state"].as_str().unwrap_or("unknown").to_owned();
    Err(BeatError::NotFulfilled { order, state, budget, hint: hint(&last), trace_id })
}

/// Places the order; repeats while nobody answers or the app says that it is not able to.
async fn place(
    target: &Target,
    started: Instant,
    budget: Duration,
    retries: &mut u32,
) -> Result<Answer, BeatError> {
    loop {
        let body = json!({ "item": "heartbeat", "quantity": 1, "source": "heartbeat" });
        let last = match client::request(target, Method::POST, "/orders", Some(body)).await {
            Ok(answer) if answer.status.is_success() && answer.body["id"].is_string() => return Ok(answer),
            Ok(answer) if answer.status.is_client_error() => {
                return Err(BeatError::Refused { status: answer.status, body: answer.body.to_string() });
            }
            Ok(answer) => format!("status {}", answer.status),
            Err(RequestError::Answer(error)) => format!("no answer: {error}"),
            Err(error) => error.to_string(),
        };
        if started.elapsed() + RETRY >= budget {
            return Err(BeatError::NotAccepted { budget, last });
        }
        *retries += 1;
        tokio::time::sleep(RETRY).await;
    }
}

/// Where to look first.
fn hint(order: &Value) -> &'static str {
    if order.is_null() {
        "it could not be read back: look at demo-app and the database"
    } else if order["published_at"].is_null() {
        "it is still in the outbox: look at the broker and the relay in demo-app"
    } else {
        "it is published: look at the worker"
    }
}

fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
