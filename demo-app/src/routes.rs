//! All routes of the main port.

mod info;
mod orders;
pub(crate) mod page;

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use kubsets_telemetry::{health, http_server::observe};
use serde_json::json;
use tower_http::timeout::TimeoutLayer;

use crate::{faults, state::AppState};

/// Longest body that is read.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// The page, the API and the probes.
pub fn app(state: AppState) -> Router {
    let timeout = TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, state.request_timeout());
    let api = Router::new()
        .route("/", get(page::show))
        .route("/api/info", get(info::show))
        .route("/orders", get(orders::list).post(orders::create))
        .route("/orders/{id}", get(orders::show))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(timeout)
        .layer(from_fn_with_state(state.faults(), faults::inject))
        .layer(from_fn_with_state(state.server(), observe));
    // Probes stay outside of faults, metrics and traces.
    api.merge(health::router(state.health())).with_state(state)
}

async fn not_found() -> Response {
    let paths = "/, /api/info, /orders, /orders/{id}";
    (StatusCode::NOT_FOUND, Json(json!({ "error": format!("there is only {paths}") }))).into_response()
}
