//! What has to work while the database is away, and how the rest fails.

use std::time::Duration;

use http::{StatusCode, header};
use kubsets_telemetry::{fault::FaultSpec, health::Need};

use crate::support::{Routes, json, text};

#[tokio::test]
async fn page_and_info_answer() {
    let routes = Routes::new();
    let response = routes.get("/api/info").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-kubsets-version"], "9.9.9");
    assert_eq!(response.headers()["x-kubsets-pod"], "pod-a");
    let info = json(response).await;
    assert_eq!((&info["version"], &info["pod"]), (&"9.9.9".into(), &"pod-a".into()));

    let response = routes.get("/").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    let page = text(response).await;
    assert!(page.contains("9.9.9") && page.contains("pod-a"));
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "the page loads something from elsewhere"
    );
}

#[tokio::test]
async fn bad_orders_are_refused_before_the_database_is_asked() {
    let routes = Routes::new();
    let response = routes.post("/orders", "{not json").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(json(response).await["error"].as_str().unwrap().contains("not JSON"));

    let response = routes.post("/orders", r#"{"item":"tea","quantity":5000}"#).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let body = json(response).await;
    assert_eq!((&body["field"], &body["value"]), (&"quantity".into(), &"5000".into()));
    assert_eq!(body["accepted"], "a whole number from 1 to 1000");

    let response = routes.post("/orders", &"x".repeat(17 * 1024)).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let response = routes.get("/orders/7").await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(json(response).await["field"], "id");

    let response = routes.get("/nothing").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(json(response).await["error"].as_str().unwrap().contains("/orders/{id}"));
}

#[tokio::test]
async fn good_orders_are_told_to_come_back() {
    let routes = Routes::new();
    for response in
        [routes.post("/orders", r#"{"item":"tea","quantity":2}"#).await, routes.get("/orders").await]
    {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()["x-kubsets-version"], "9.9.9");
        let error = json(response).await["error"].as_str().unwrap().to_owned();
        assert!(!error.contains("127.0.0.1"), "an inner text got out: {error}");
    }
}

#[tokio::test]
async fn faults_hit_the_api_but_never_the_probes() {
    let routes = Routes::new();
    let all = FaultSpec { error_rate: "100%".parse().unwrap(), ..FaultSpec::none() };
    routes.state.faults().set(all, "request");
    for path in ["/", "/api/info", "/orders"] {
        let response = routes.get(path).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert_eq!(response.headers()["x-kubsets-fault"], "error");
        assert_eq!(
            response.headers()["x-kubsets-version"],
            "9.9.9",
            "the judge needs the version of failures too"
        );
    }
    for path in ["/healthz", "/livez", "/readyz", "/startupz"] {
        assert_eq!(routes.get(path).await.status(), StatusCode::OK, "{path}");
    }
    let metrics = routes.metrics.render(None).text;
    let failed = r#"http_server_request_duration_seconds_count{version="9.9.9",http_request_method="GET",http_route="/api/info",http_response_status_code="500"} 1"#;
    assert!(metrics.contains(failed), "{metrics}");
    assert!(metrics.contains(r#"kubsets_fault_active{version="9.9.9",kind="error"} 1"#), "{metrics}");
    assert!(!metrics.contains("readyz"), "probes are not requests of users");
    routes.state.faults().clear();
    assert_eq!(routes.get("/api/info").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_slow_fault_waits_on_its_route_only() {
    let routes = Routes::new();
    let slow = FaultSpec {
        latency: Duration::from_millis(150),
        latency_rate: "100%".parse().unwrap(),
        route: Some("/api".into()),
        ..FaultSpec::none()
    };
    routes.state.faults().set(slow, "request");
    let started = std::time::Instant::now();
    let response = routes.get("/api/info").await;
    assert!(started.elapsed() >= Duration::from_millis(150));
    assert_eq!(
        (response.status(), &response.headers()["x-kubsets-fault"]),
        (StatusCode::OK, &"latency".parse().unwrap())
    );
    assert!(!routes.get("/").await.headers().contains_key("x-kubsets-fault"));
}

#[tokio::test]
async fn readiness_needs_the_database_and_not_the_broker() {
    let routes = Routes::new();
    let database = routes.health.dependency("postgres", Need::Required);
    let broker = routes.health.dependency("kafka", Need::Optional);
    broker.report(&Err("refused".into()));
    assert_eq!(routes.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    database.report(&Ok(()));
    assert_eq!(routes.get("/readyz").await.status(), StatusCode::OK);
}
