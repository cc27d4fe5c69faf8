//! The switch on the admin port.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{FaultEngine, FaultSpec, FaultState};

const MAX_BODY_BYTES: usize = 4 * 1024;

/// Routes GET, PUT and DELETE `/faults`. Each answers with the state after it.
pub fn router(engine: FaultEngine) -> Router {
    Router::new()
        .route("/faults", get(show).put(set).delete(clear))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(engine)
}

async fn show(State(engine): State<FaultEngine>) -> Json<FaultState> {
    Json(engine.state())
}

async fn set(State(engine): State<FaultEngine>, body: Bytes) -> Response {
    let value: Value = match serde_json::from_slice(&body) {
        Ok(value) => value,
        Err(error) => {
            let message = format!("the body is not JSON: {error}");
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": message }))).into_response();
        }
    };
    match FaultSpec::from_json(&value) {
        Ok(spec) => {
            engine.set(spec, "request");
            show(State(engine)).await.into_response()
        }
        Err(error) => {
            let body = json!({
                "error": error.to_string(), "field": error.field, "value": error.value, "accepted": error.accepted,
            });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
        }
    }
}

async fn clear(State(engine): State<FaultEngine>) -> Json<FaultState> {
    engine.clear();
    show(State(engine)).await
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::{Identity, Metrics};

    async fn call(engine: &FaultEngine, method: &str, body: &str) -> (u16, Value) {
        let request =
            Request::builder().method(method).uri("/faults").body(Body::from(body.to_owned())).unwrap();
        let response = router(engine.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_fault_is_put_shown_and_deleted() {
        let engine = FaultEngine::new(&Metrics::new(&Identity::local("demo-app")));
        assert_eq!(call(&engine, "GET", "").await.1["active"], false);
        let (status, body) = call(&engine, "PUT", r#"{"error_rate":"100%","ttl":"60s","seed":7}"#).await;
        assert_eq!((status, &body["active"], &body["fault"]["ttl"]), (200, &json!(true), &json!("60s")));
        assert!(body["ends_in_seconds"].as_f64().unwrap() > 59.0);
        assert_eq!(engine.decide("/").status, Some(500));
        let (status, body) = call(&engine, "DELETE", "").await;
        assert_eq!((status, &body["active"], &body["injected_errors"]), (200, &json!(false), &json!(1)));
    }

    #[tokio::test]
    async fn a_bad_fault_changes_nothing() {
        let engine = FaultEngine::new(&Metrics::new(&Identity::local("demo-app")));
        assert_eq!(call(&engine, "PUT", "{").await.0, 400);
        let (status, body) = call(&engine, "PUT", r#"{"error_rate":7}"#).await;
        assert_eq!((status, &body["field"], &body["value"]), (422, &json!("error_rate"), &json!("7")));
        assert!(!engine.state().active);
    }
}
