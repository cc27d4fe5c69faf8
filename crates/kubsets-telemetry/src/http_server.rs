//! One middleware for a server: span, metrics, identity headers, request log.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use prometheus_client::{encoding::EncodeLabelSet, metrics::gauge::Gauge};
use tracing::{Instrument, Span, field::Empty, info_span};

use crate::{
    Health, Identity, Metrics,
    identity::header_value,
    metrics::{DurationFamily, Exemplar, operation_durations},
    propagation,
};

/// Response header with the version of the answering process.
pub const VERSION_HEADER: HeaderName = HeaderName::from_static("x-kubsets-version");
/// Response header with the pod of the answering process.
pub const POD_HEADER: HeaderName = HeaderName::from_static("x-kubsets-pod");
/// Response header with the trace of the request.
pub const TRACE_HEADER: HeaderName = HeaderName::from_static("x-trace-id");

/// What the middleware needs; clones share it.
#[derive(Clone)]
pub struct HttpServer(Arc<Inner>);

struct Inner {
    health: Health,
    version: HeaderValue,
    pod: HeaderValue,
    durations: DurationFamily<RequestLabels>,
    active: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(clippy::struct_field_names, reason = "the names are the labels of the semantic conventions")]
struct RequestLabels {
    http_request_method: &'static str,
    http_route: String,
    http_response_status_code: u16,
}

impl HttpServer {
    /// Registers `http_server_request_duration_seconds` and `http_server_active_requests`.
    pub fn new(identity: &Identity, metrics: &Metrics, health: Health) -> Self {
        Self(Arc::new(Inner {
            health,
            version: header_value(&identity.version),
            pod: header_value(&identity.pod),
            durations: metrics.durations(
                "http_server_request_duration",
                "Duration of requests; probes are left out",
                operation_durations,
            ),
            active: metrics.register("http_server_active_requests", "Requests in flight", Gauge::default()),
        }))
    }
}

/// Counts a request as active until it is dropped, also when the client goes away.
struct Active<'a>(&'a Gauge);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The middleware. Put it outside of everything that answers requests, but not around probes.
pub async fn observe(State(server): State<HttpServer>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    server.0.active.inc();
    let active = Active(&server.0.active);
    let method = method_label(request.method());
    let route =
        request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let is_http1 = request.version() < Version::HTTP_2;
    let span = request_span(&request, method, &route);
    if let Some(parent) = propagation::extract_http(request.headers()) {
        propagation::set_parent(&span, &parent);
    }

    let mut response = next.run(request).instrument(span.clone()).await;

    let status = response.status();
    record_outcome(&span, status);
    let elapsed = started.elapsed();
    let labels = RequestLabels {
        http_request_method: method,
        http_route: route,
        http_response_status_code: status.as_u16(),
    };
    server.0.durations.get_or_create(&labels).observe(elapsed.as_secs_f64(), Exemplar::of(&span), None);
    drop(active);
    span.in_scope(|| log_request(&labels, elapsed.as_secs_f64() * 1000.0));

    let headers = response.headers_mut();
    headers.insert(VERSION_HEADER, server.0.version.clone());
    headers.insert(POD_HEADER, server.0.pod.clone());
    if let Some(id) = propagation::trace_id(&span) {
        headers.insert(TRACE_HEADER, header_value(&id));
    }
    // While draining, clients with a kept connection are asked to come back on another one, so
    // that none of them meets a closed socket.
    if is_http1 && server.0.health.is_draining() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn request_span(request: &Request, method: &'static str, route: &str) -> Span {
    let name = if route.is_empty() { method.to_owned() } else { format!("{method} {route}") };
    let span = info_span!(
        "request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = Empty,
        http.response.status_code = Empty,
        url.path = request.uri().path(),
        url.scheme = "http",
        user_agent.original = Empty,
        "error.type" = Empty,
    );
    if !route.is_empty() {
        span.record("http.route", route);
    }
    if let Some(agent) = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()) {
        span.record("user_agent.original", agent);
    }
    span
}

fn record_outcome(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    // A client's mistake is not an error of the server.
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", status.as_str());
    }
}

fn log_request(labels: &RequestLabels, duration_ms: f64) {
    let duration_ms = (duration_ms * 1000.0).round() / 1000.0;
    let (method, route, status) =
        (labels.http_request_method, labels.http_route.as_str(), labels.http_response_status_code);
    if status >= 500 {
        tracing::warn!(method, route, status, duration_ms, "request failed");
    } else if method == "GET" {
        tracing::debug!(method, route, status, duration_ms, "request");
    } else {
        tracing::info!(method, route, status, duration_ms, "request");
    }
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    use tower::ServiceExt;

    use super::*;

    fn app() -> (Router, Metrics, Health) {
        let (metrics, health) = (Metrics::new(&Identity::local("demo-app")), Health::new());
        let server = HttpServer::new(&Identity::local("demo-app"), &metrics, health.clone());
        let router = Router::new()
            .route("/orders/{id}", get(|| async { "tea" }))
            .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }))
            .layer(from_fn_with_state(server, observe));
        (router, metrics, health)
    }

    async fn send(router: &Router, request: http::request::Builder) -> Response {
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn routes_not_paths_become_labels() {
        let (router, metrics, _) = app();
        for path in ["/orders/1", "/orders/2", "/nowhere/3"] {
            send(&router, Request::get(path)).await;
        }
        send(&router, Request::builder().method("BREW").uri("/orders/1")).await;
        let text = metrics.render(Some("application/openmetrics-text")).text;
        let count = |labels: &str| {
            let wanted = format!("{labels},version=");
            let swapped = format!(",{labels}");
            text.lines()
                .find(|l| {
                    l.starts_with("http_server_request_duration_seconds_count")
                        && (l.contains(&wanted) || l.contains(&swapped))
                })
                .map(|l| l.rsplit(' ').next().unwrap().to_owned())
        };
        let labels = |method: &str, route: &str, status: u16| {
            format!(
                "http_request_method=\"{method}\",http_route=\"{route}\",http_response_status_code=\"{status}\""
            )
        };
        assert_eq!(count(&labels("GET", "/orders/{id}", 200)).as_deref(), Some("2"), "{text}");
        assert_eq!(count(&labels("GET", "", 404)).as_deref(), Some("1"));
        assert_eq!(count(&labels("_OTHER", "/orders/{id}", 405)).as_deref(), Some("1"));
        assert!(text.contains("http_server_active_requests{version=\"0.1.0\"} 0"), "{text}");
    }

    #[tokio::test]
    async fn answers_say_who_answered() {
        let (router, _, health) = app();
        let response = send(&router, Request::get("/orders/1")).await;
        assert_eq!(response.headers()[VERSION_HEADER], env!("CARGO_PKG_VERSION"));
        assert_eq!(response.headers()[POD_HEADER], "local");
        assert!(!response.headers().contains_key(header::CONNECTION));
        health.drain();
        let response = send(&router, Request::get("/orders/1")).await;
        assert_eq!(response.headers()[header::CONNECTION], "close");
    }

    #[tokio::test]
    async fn the_span_continues_the_callers_trace() {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let sink = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (subscriber, _) =
            crate::telemetry::subscriber(&Identity::local("demo-app"), "debug", &provider, sink.clone())
                .unwrap();
        // Of a single subscriber, tracing asks only the thread that comes to a span first: it may be another test's.
        let _second = tracing::Dispatch::new(tracing_subscriber::registry());
        let _guard = tracing::subscriber::set_default(subscriber);
        let (router, metrics, _) = app();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let response = send(&router, Request::get("/broken").header("traceparent", parent)).await;
        assert_eq!(response.headers()[TRACE_HEADER], "0af7651916cd43dd8448eb211c80319c");
        let spans = exporter.get_finished_spans().unwrap();
        assert_eq!(spans.len(), 1);
        assert_eq!(spans[0].name, "GET /broken");
        assert!(matches!(spans[0].status, opentelemetry::trace::Status::Error { .. }));
        let attribute = |name: &str| {
            spans[0].attributes.iter().find(|kv| kv.key.as_str() == name).map(|kv| kv.value.to_string())
        };
        assert_eq!(attribute("error.type").as_deref(), Some("502"));
        assert_eq!(attribute("http.route").as_deref(), Some("/broken"));
        let log = String::from_utf8(sink.lock().unwrap().clone()).unwrap();
        assert!(log.contains("\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\""), "{log}");
        let text = metrics.render(Some("application/openmetrics-text")).text;
        assert!(text.contains("# {trace_id=\"0af7651916cd43dd8448eb211c80319c\""), "{text}");
    }
}
