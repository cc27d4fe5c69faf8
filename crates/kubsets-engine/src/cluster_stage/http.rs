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
use kubsets_load::shown;
use serde_json::{Value, json};

use super::ClusterStage;
use crate::stage::StepError;

/// Largest body that is read.
const LARGEST_BODY: usize = 1 << 20;
/// Characters of a body that is no JSON that are kept.
const LONGEST_TEXT: usize = 4096;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// There can be no such request.
    Invalid(String),
    /// The connection failed or broke off.
    Broken(String),
    /// The time is up.
    Late(String),
}

impl From<NoAnswer> for StepError {
    fn from(why: NoAnswer) -> Self {
        match why {
            NoAnswer::Invalid(text) => Self::Invalid(text),
            NoAnswer::Broken(text) | NoAnswer::Late(text) => Self::Failed(text),
        }
    }
}

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
    pub(super) async fn send(&self, base: &str, http: &Http, limit: Duration) -> Result<Value, NoAnswer> {
        let url = format!("{base}{}", http.path);
        let invalid = |what: String| NoAnswer::Invalid(what);
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
        let request =
            request.body(Full::from(body)).map_err(|error| invalid(format!("{}: {error}", shown(&url))))?;
        let began = Instant::now();
        let exchange = async {
            let (head, body) =
                self.pool.request(request).await.map_err(|error| with_causes(&error))?.into_parts();
            let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>((head, body.to_bytes()))
        };
        let told = |why: String| format!("{} {}: {why}", http.method, shown(&url));
        let (head, body) = match tokio::time::timeout(limit, exchange).await {
            Ok(result) => result.map_err(|why| NoAnswer::Broken(told(why)))?,
            Err(_) => {
                return Err(NoAnswer::Late(told(format!("no answer within {} s", limit.as_secs_f64()))));
            }
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
        if let (true, Some(service)) = (http.node_port, &http.service) {
            let base = self.node_port(service).await?;
            return Ok(self.http.send(&base, http, limit).await?);
        }
        let address = self.address(http.service.as_deref(), http.port).await?;
        let broken = match self.http.send(&address.url, http, limit).await {
            Err(NoAnswer::Broken(why)) => NoAnswer::Broken(why),
            result => return Ok(result?),
        };
        self.forget(&address).await;
        // A Service would have sent the request to a pod that is there. One that may have been carried out
        // is not sent again.
        if address.forward.is_none() || !is_repeatable(&http.method) {
            return Err(broken.into());
        }
        let address = self.address(http.service.as_deref(), http.port).await?;
        Ok(self.http.send(&address.url, http, limit).await?)
    }
}

/// Whether a request may be sent twice.
fn is_repeatable(method: &str) -> bool {
    method.parse::<Method>().is_ok_and(|method| method.is_idempotent())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_broken_connection_is_told_apart_from_a_late_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let request = Http::get("/?token=s3cret".to_owned());
        // The connection waits in the listener's queue.
        let late = Client::new().send(&base, &request, Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(&late, NoAnswer::Late(why) if why.contains("no answer within 0.05 s")), "{late:?}");
        drop(listener);
        let broken = Client::new().send(&base, &request, Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(&broken, NoAnswer::Broken(why) if why.contains("/?token=VALUE")), "{broken:?}");
    }

    #[test]
    fn only_what_may_be_carried_out_twice_is_sent_twice() {
        assert!(is_repeatable("GET") && is_repeatable("PUT"));
        assert!(!is_repeatable("POST") && !is_repeatable("no method"));
    }
}
