//! A small HTTP client: one request, one connection, one deadline.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kubsets_telemetry::propagation;
use serde_json::Value;
use tokio::net::TcpStream;
use tracing::{Instrument, Span, field::Empty, info_span};

use crate::target::Target;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error("no answer: {0}")]
    Answer(hyper::Error),
    #[error("no answer within {REQUEST_TIMEOUT:?}")]
    Timeout,
    #[error("the answer cannot be read: {0}")]
    Body(String),
}

/// An answer with a JSON body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// Sends one request in a client span of its own and reads the answer.
pub(crate) async fn request(
    target: &Target,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<Answer, RequestError> {
    let span = info_span!(
        "request",
        otel.name = %method,
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = %method,
        http.response.status_code = Empty,
        url.full = format!("http://{}{}", target.authority(), target.path(path)),
        server.address = target.host,
        server.port = target.port,
        user_agent.synthetic.type = "test",
    );
    let sending = send(target, method, path, body, &span).instrument(span.clone());
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, sending).await.unwrap_or(Err(RequestError::Timeout));
    match &answer {
        Ok(answer) => {
            span.record("http.response.status_code", answer.status.as_u16());
            if answer.status.is_client_error() || answer.status.is_server_error() {
                span.record("otel.status_code", "ERROR");
            }
        }
        Err(_) => {
            span.record("otel.status_code", "ERROR");
        }
    }
    answer
}

async fn send(
    target: &Target,
    method: Method,
    path: &str,
    body: Option<Value>,
    span: &Span,
) -> Result<Answer, RequestError> {
    let stream =
        TcpStream::connect((target.host.as_str(), target.port)).await.map_err(RequestError::Connect)?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(RequestError::Answer)?;
    let connection = tokio::spawn(connection);
    let has_body = body.is_some();
    let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let mut request = Request::new(Full::new(bytes));
    *request.method_mut() = method;
    *request.uri_mut() =
        target.path(path).parse().map_err(|_| RequestError::Body(format!("bad path {path}")))?;
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::from_str(&target.authority()) {
        headers.insert(header::HOST, host);
    }
    let agent = concat!("kubsets-heartbeat/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if has_body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    propagation::inject_http(span, headers);
    let response = sender.send_request(request).await.map_err(RequestError::Answer)?;
    let (parts, body) = response.into_parts();
    let bytes = Limited::new(body, MAX_BODY_BYTES)
        .collect()
        .await
        .map_err(|error| RequestError::Body(error.to_string()))?
        .to_bytes();
    connection.abort();
    // An answer that is no JSON comes from something in between; its status says enough.
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Ok(Answer { status: parts.status, headers: parts.headers, body })
}
