//! Single requests through the gateway: who answers?

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kubsets_undo::RunId;
use tokio::time::{Instant, sleep, timeout};

use crate::endpoint::Endpoint;
use crate::objects::{PROBE_HEADER, SIDE_HEADER};

/// Response header with the version of a service.
pub(crate) const VERSION_HEADER: &str = "x-kubsets-version";
/// Response header with the name of a pod.
const POD_HEADER: &str = "x-kubsets-pod";
/// Time of one probe.
const LIMIT: Duration = Duration::from_secs(2);

/// Bytes of a body that are read.
const LARGEST: usize = 1 << 20;

/// Who answered a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Status of the answer; 0 when there was none.
    pub(crate) status: u16,
    /// Side, if the route marks answers.
    pub(crate) side: Option<String>,
    /// Version, if the answer names one.
    pub(crate) version: Option<String>,
    /// Pod, if the answer names one.
    pub(crate) pod: Option<String>,
    /// What happened, for messages.
    pub(crate) words: String,
}

/// The way of a probe through the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As users go.
    Users,
    /// To the side that the probe's route leads to.
    Aimed,
    /// By the rule that marks answers, while users do not.
    Marked,
}

impl Way {
    fn header(self) -> Option<&'static str> {
        match self {
            Self::Users => None,
            Self::Aimed => Some(PROBE_HEADER),
            Self::Marked => Some(SIDE_HEADER),
        }
    }
}

/// Sends probes to one address.
#[derive(Debug, Clone)]
pub(crate) struct Prober {
    client: Client<HttpConnector, Empty<Bytes>>,
    url: String,
    host: Option<String>,
    run: RunId,
}

impl Prober {
    pub(crate) fn new(endpoint: &Endpoint, path: &str, run: &RunId) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: format!("{}{path}", endpoint.url),
            host: endpoint.host.clone(),
            run: run.clone(),
        }
    }

    /// Sends one request the way of users, or that of requests that carry the run's name in a header.
    pub(crate) async fn ask(&self, way: Way) -> Answer {
        let mut request = Request::get(&self.url);
        if let Some(host) = &self.host {
            request = request.header(http::header::HOST, host);
        }
        if let Some(header) = way.header() {
            request = request.header(header, self.run.as_str());
        }
        let request = match request.body(Empty::new()) {
            Ok(request) => request,
            Err(error) => return silence(error.to_string()),
        };
        match timeout(LIMIT, self.client.request(request)).await {
            Err(_) => silence(format!("no answer within {LIMIT:?}")),
            Ok(Err(error)) => silence(kubsets_kube::with_causes(&error)),
            Ok(Ok(response)) => {
                let (parts, body) = response.into_parts();
                // Read so that the connection can be used again, but not without end.
                let _ = timeout(LIMIT, Limited::new(body, LARGEST).collect()).await;
                let status = parts.status.as_u16();
                Answer {
                    status,
                    side: text(&parts.headers, SIDE_HEADER),
                    version: text(&parts.headers, VERSION_HEADER),
                    pod: text(&parts.headers, POD_HEADER),
                    words: format!("status {status}"),
                }
            }
        }
    }

    /// Asks until `accept` has held `times` in a row.
    ///
    /// # Errors
    /// The last answer that was not accepted, when the time is up.
    pub(crate) async fn until(
        &self,
        way: Way,
        times: u32,
        limit: Duration,
        accept: impl Fn(&Answer) -> bool + Send,
    ) -> Result<Answer, Answer> {
        let deadline = Instant::now() + limit;
        let mut in_a_row = 0;
        loop {
            let answer = self.ask(way).await;
            in_a_row = if accept(&answer) { in_a_row + 1 } else { 0 };
            if in_a_row >= times {
                return Ok(answer);
            }
            if Instant::now() >= deadline {
                return Err(answer);
            }
            sleep(Duration::from_millis(if in_a_row > 0 { 15 } else { 100 })).await;
        }
    }

    /// Asks until `accept` has held `times` in a row, and says when it last did not hold, counted
    /// from `since`. `None` when the time is up.
    pub(crate) async fn last_miss(
        &self,
        since: Instant,
        times: u32,
        limit: Duration,
        accept: impl Fn(&Answer) -> bool + Send,
    ) -> Option<Duration> {
        let deadline = Instant::now() + limit;
        let mut last = Duration::ZERO;
        let mut in_a_row = 0;
        while Instant::now() < deadline {
            if accept(&self.ask(Way::Users).await) {
                in_a_row += 1;
            } else {
                in_a_row = 0;
                last = since.elapsed();
            }
            if in_a_row >= times {
                return Some(last);
            }
            sleep(Duration::from_millis(5)).await;
        }
        None
    }
}

fn silence(words: String) -> Answer {
    Answer { status: 0, side: None, version: None, pod: None, words }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Probes in a row that show with 99.9 % that a side with this share of traffic is out.
pub(crate) fn probes_to_exclude(percent: f64) -> u32 {
    let kept = (1.0 - percent / 100.0).clamp(0.01, 0.999);
    ((0.001_f64.ln() / kept.ln()).ceil() as u32).clamp(3, 150)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Serves one answer per connection: the first `misses` without version, then version 2.
    pub(crate) async fn server(misses: usize) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for count in 0.. {
                let Ok((mut socket, _)) = listener.accept().await else { return };
                let mut request = vec![0; 4096];
                let length = socket.read(&mut request).await.unwrap();
                let aimed = String::from_utf8_lossy(&request[..length]).contains(PROBE_HEADER);
                let version = if count < misses { "" } else { "x-kubsets-version: 2\r\n" };
                let status = if aimed { "200 OK" } else { "503 Service Unavailable" };
                let answer =
                    format!("HTTP/1.1 {status}\r\n{version}connection: close\r\ncontent-length: 0\r\n\r\n");
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Endpoint { url, source: "test".into(), host: None }
    }

    #[tokio::test]
    async fn probes_wait_for_answers_in_a_row() {
        let prober = Prober::new(&server(2).await, "/", &RunId::generate());
        let found =
            prober.until(Way::Aimed, 3, Duration::from_secs(5), |a| a.version.is_some()).await.unwrap();
        assert_eq!((found.status, found.version.as_deref()), (200, Some("2")));
        assert_eq!(prober.ask(Way::Users).await.status, 503);
    }

    #[tokio::test]
    async fn silence_is_an_answer_in_words() {
        let endpoint = Endpoint { url: "http://127.0.0.1:1".into(), source: String::new(), host: None };
        let prober = Prober::new(&endpoint, "/", &RunId::generate());
        let last = prober.until(Way::Aimed, 1, Duration::ZERO, |a| a.status == 200).await.unwrap_err();
        assert_eq!(last.status, 0);
        assert!(last.words.contains("refused"), "{}", last.words);
    }

    #[test]
    fn smaller_shares_need_more_probes() {
        assert_eq!(probes_to_exclude(100.0), 3);
        assert_eq!(probes_to_exclude(10.0), 66);
        assert_eq!(probes_to_exclude(5.0), 135);
        assert_eq!(probes_to_exclude(1.0), 150);
    }
}
