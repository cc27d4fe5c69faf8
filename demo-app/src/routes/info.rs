//! `GET /api/info`: who answers. Needs nothing, so that it measures this process alone.

use axum::{Json, extract::State};
use serde::Serialize;

use crate::state::AppState;

#[derive(Serialize)]
pub(super) struct Info {
    service: &'static str,
    version: String,
    pod: String,
    namespace: String,
    node: String,
    uptime_seconds: f64,
}

pub(super) async fn show(State(state): State<AppState>) -> Json<Info> {
    let identity = state.identity();
    Json(Info {
        service: identity.service,
        version: identity.version.to_string(),
        pod: identity.pod.to_string(),
        namespace: identity.namespace.to_string(),
        node: identity.node.to_string(),
        uptime_seconds: state.uptime().as_secs_f64(),
    })
}
