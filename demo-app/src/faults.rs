//! Faults on purpose in front of the API; probes are never hit.

use axum::{
    Json,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode};
use kubsets_telemetry::fault::{FaultEngine, Injection};
use serde_json::json;
use tracing::{Instrument, info_span};

/// Response header that tells a fault on purpose from a real one.
const FAULT_HEADER: HeaderName = HeaderName::from_static("x-kubsets-fault");

/// The middleware.
pub(crate) async fn inject(State(engine): State<FaultEngine>, request: Request, next: Next) -> Response {
    let injection = engine.decide(request.uri().path());
    if injection.is_none() {
        return next.run(request).await;
    }
    let kind = kind(injection);
    if let Some(delay) = injection.delay {
        let span = info_span!(
            "fault",
            feature_flag.key = "kubsets.fault",
            feature_flag.result.variant = kind,
            kubsets.fault.delay_ms = delay.as_millis() as u64,
        );
        tokio::time::sleep(delay).instrument(span).await;
    }
    let mut response = match injection.status {
        None => next.run(request).await,
        Some(status) => {
            let _span = info_span!(
                "fault",
                feature_flag.key = "kubsets.fault",
                feature_flag.result.variant = kind,
                kubsets.fault.status = status,
            )
            .entered();
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(json!({ "error": "fault on purpose" }))).into_response()
        }
    };
    response.headers_mut().insert(FAULT_HEADER, HeaderValue::from_static(kind));
    response
}

fn kind(injection: Injection) -> &'static str {
    match (injection.status, injection.delay) {
        (Some(_), Some(_)) => "latency,error",
        (Some(_), None) => "error",
        _ => "latency",
    }
}
