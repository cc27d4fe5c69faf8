//! The admin port: metrics, health, live log level, and what the service adds.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use crate::{Health, Metrics, health, logs::LogLevel};

/// Longest body that the admin port reads.
const MAX_BODY_BYTES: usize = 4 * 1024;

/// Routes `/metrics`, the probes and `/loglevel`.
pub fn router(metrics: Metrics, health: Health, level: LogLevel) -> Router {
    Router::new()
        .route("/metrics", get(render_metrics))
        .with_state(metrics)
        .merge(
            Router::new()
                .route("/loglevel", get(show_level).put(set_level))
                .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY_BYTES))
                .with_state(level),
        )
        .merge(health::router(health))
}

async fn render_metrics(State(metrics): State<Metrics>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let exposition = metrics.render(accept);
    ([(header::CONTENT_TYPE, exposition.content_type)], exposition.text).into_response()
}

async fn show_level(State(level): State<LogLevel>) -> Response {
    Json(json!({ "filter": level.current() })).into_response()
}

async fn set_level(State(level): State<LogLevel>, body: String) -> Response {
    match level.set(&body) {
        Ok(()) => {
            tracing::info!(filter = level.current(), "log level changed");
            show_level(State(level)).await
        }
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::Identity;

    async fn call(request: Request<Body>) -> (StatusCode, String, String) {
        let metrics = Metrics::new(&Identity::local("worker"));
        let router = router(metrics, Health::new(), LogLevel::new("info").unwrap().1);
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn metrics_are_served_in_the_accepted_form() {
        let request = Request::get("/metrics").header("accept", "application/openmetrics-text;version=1.0.0");
        let (status, kind, body) = call(request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        assert!(kind.starts_with("application/openmetrics-text") && body.ends_with("# EOF\n"));
        let (_, kind, body) = call(Request::get("/metrics").body(Body::empty()).unwrap()).await;
        assert!(kind.starts_with("text/plain") && !body.contains("# EOF"));
        assert!(body.contains("kubsets_build_info"));
    }

    #[tokio::test]
    async fn a_bad_level_is_refused_with_the_accepted_forms() {
        let (status, _, body) = call(Request::put("/loglevel").body(Body::from("loud")).unwrap()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body.contains("error, warn, info, debug, trace"), "{body}");
    }
}
