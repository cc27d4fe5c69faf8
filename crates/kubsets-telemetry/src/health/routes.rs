//! The probes over HTTP: short JSON, 200 or 503.

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use http::StatusCode;

use super::{Health, Report};

/// Routes `/healthz`, `/livez`, `/readyz` and `/startupz`.
///
/// `/healthz` shows everything and fails only when the process cannot go on.
pub fn router<S: Clone + Send + Sync + 'static>(health: Health) -> Router<S> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/startupz", get(startupz))
        .with_state(health)
}

type Probe = (StatusCode, Json<Report>);

async fn healthz(State(health): State<Health>) -> Probe {
    answer(&health, health.is_live(), "healthy", "dead")
}

async fn livez(State(health): State<Health>) -> Probe {
    answer(&health, health.is_live(), "live", "dead")
}

async fn startupz(State(health): State<Health>) -> Probe {
    answer(&health, health.is_started(), "started", "starting")
}

async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    let otherwise = if health.is_draining() { "draining" } else { "not ready" };
    answer(&health, health.is_ready(), "ready", otherwise)
}

fn answer(health: &Health, is_good: bool, good: &'static str, bad: &'static str) -> Probe {
    let (status, word) =
        if is_good { (StatusCode::OK, good) } else { (StatusCode::SERVICE_UNAVAILABLE, bad) };
    (status, Json(health.report(word)))
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::BodyExt;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    async fn probe(health: &Health, path: &str) -> (u16, Value) {
        let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = router::<()>(health.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn three_probes_say_three_things() {
        let health = Health::new();
        let gate = health.gate("schema");
        gate.wait_for("no table");
        assert_eq!(probe(&health, "/livez").await.0, 200);
        let (status, body) = probe(&health, "/startupz").await;
        assert_eq!((status, &body["status"]), (503, &"starting".into()));
        assert_eq!(body["startup"][0]["detail"], "no table");
        assert_eq!(probe(&health, "/readyz").await.0, 503);
        gate.open();
        assert_eq!(probe(&health, "/startupz").await.0, 200);
        assert_eq!(probe(&health, "/readyz").await.0, 200);
        health.drain();
        let (status, body) = probe(&health, "/readyz").await;
        assert_eq!((status, &body["status"]), (503, &"draining".into()));
        assert_eq!(probe(&health, "/healthz").await.0, 200);
        health.fail_live("broken");
        assert_eq!(probe(&health, "/livez").await.0, 503);
        assert_eq!(probe(&health, "/healthz").await.0, 503);
    }
}
