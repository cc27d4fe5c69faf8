//! Single requests.

use kubsets_kube::with_causes;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ::http::{Method, Request};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kubsets_lab::operation::Http;
use serde_json::{Value, json};

use super::ClusterStage;
use crate::stage::StepError;

/// Largest body that is read.
const LARGEST_BODY: usize = 1 << 20;
/// Characters of a body that is no JSON that are kept.
const LONGEST_TEXT: usize = 4096;

/// A client without open connections.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub(super) fn new() -> Self {
        Self { pool: Pool::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends one request: `status`, `headers`, `body` (JSON where it is JSON) and `ms`.
    pub(super) async fn send(&self, base: &str, http: &Http, limit: Duration) -> Result<Value, StepError> {
        let url = format!("{base}{}", http.path);
        let invalid = |what: String| StepError::Invalid(what);
        let method: Method =
            http.method.parse().map_err(|_| invalid(format!("{:?} is no HTTP method", http.method)))?;
        let mut request = Request::builder().method(method).uri(&url);
        for (name, value) in &http.headers {
            request = request.header(name, value);
        }
        if http.body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = http.body.as_ref().map(ToString::to_string).unwrap_or_default();
        let request = request.body(Full::from(body)).map_err(|error| invalid(format!("{url}: {error}")))?;
        let began = Instant::now();
        let exchange = async {
            let (head, body) =
                self.pool.request(request).await.map_err(|error| with_causes(&error))?.into_parts();
            let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>((head, body.to_bytes()))
        };
        let failed = |why: String| StepError::Failed(format!("{} {url}: {why}", http.method));
        let (head, body) = match tokio::time::timeout(limit, exchange).await {
            Ok(result) => result.map_err(failed)?,
            Err(_) => return Err(failed(format!("no answer within {} s", limit.as_secs_f64()))),
        };
        let ms = began.elapsed().as_secs_f64() * 1e3;
        let headers: BTreeMap<String, String> = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| {
            let text: String = String::from_utf8_lossy(&body).chars().take(LONGEST_TEXT).collect();
            Value::String(text)
        });
        let status = head.status.as_u16();
        let summary = format!("{status} in {ms:.1} ms");
        Ok(json!({"status": status, "headers": headers, "body": body, "ms": ms, "summary": summary}))
    }
}

impl ClusterStage<'_> {
    pub(super) async fn request(&self, http: &Http, limit: Duration) -> Result<Value, StepError> {
        let base = match (&http.node_port, &http.service) {
            (true, Some(service)) => self.node_port(service).await?,
            _ => self.address(http.service.as_deref(), http.port).await?,
        };
        self.http.send(&base, http, limit).await
    }
}
