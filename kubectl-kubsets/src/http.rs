//! A small HTTP client for single requests; load comes from kubsets-load.

use std::time::Duration;

use anyhow::Context as _;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Largest body that is read: answers of the stack are small.
const LARGEST_BODY: usize = 1 << 20;

/// Sends single requests.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<bytes::Bytes>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: StatusCode,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body, as text.
    pub(crate) body: String,
}

impl Http {
    /// A client without open connections.
    pub(crate) fn new() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends one request; `json` is its body.
    ///
    /// # Errors
    /// When there is no answer in 10 s or the URL is not one.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        json: Option<String>,
    ) -> anyhow::Result<Answer> {
        let request = Request::builder()
            .method(&method)
            .uri(url)
            .header(http::header::USER_AGENT, concat!("kubectl-kubsets/", env!("CARGO_PKG_VERSION")))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::from(json.unwrap_or_default()))
            .with_context(|| format!("{url} is not a URL"))?;
        let exchange = async {
            let (head, body) = self.client.request(request).await.context("no answer")?.into_parts();
            let body = http_body_util::Limited::new(body, LARGEST_BODY).collect().await;
            let body =
                body.map_err(|error| anyhow::anyhow!(error)).context("the answer broke off")?.to_bytes();
            anyhow::Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            })
        };
        let answer = tokio::time::timeout(TIMEOUT, exchange).await;
        let answer = answer.with_context(|| format!("no answer in {} s", TIMEOUT.as_secs())).flatten();
        answer.with_context(|| format!("{method} {url}"))
    }
}
