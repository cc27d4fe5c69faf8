//! Prometheus metrics of a load while it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kubsets_load::{ErrorKind, Latencies, Tick};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Upper bounds of the latency histogram in milliseconds.
const BOUNDS_MS: [u64; 14] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000];

/// Parses an address that only this machine can reach: a port that anyone can read needs authentication.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "expected an address such as 127.0.0.1:9095")?;
    if address.ip().is_loopback() { Ok(address) } else { Err("only a loopback address is served".to_owned()) }
}

/// What is served.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    totals: Mutex<Totals>,
}

#[derive(Debug, Default)]
struct Totals {
    planned: u64,
    ok: u64,
    failed: u64,
    timed_out: u64,
    never_sent: u64,
    errors: BTreeMap<ErrorKind, u64>,
    versions: BTreeMap<String, u64>,
    latencies: Latencies,
    lower_bounds: u64,
    in_flight: u64,
    queued: u64,
    rate: f64,
    lag_ms: f64,
}

impl Metrics {
    /// Serves from now on, until the process ends.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub(super) async fn serve(address: SocketAddr) -> anyhow::Result<Arc<Self>> {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot serve metrics at {address}"))?;
        let metrics = Arc::new(Self::default());
        let served = Arc::clone(&metrics);
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // For example no file descriptors: they come back.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let served = Arc::clone(&served);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let response = served.answer(&request);
                        async move { Ok::<_, std::convert::Infallible>(response) }
                    });
                    let server = hyper::server::conn::http1::Builder::new();
                    // A reader that went away needs no answer.
                    let _closed = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(metrics)
    }

    /// Takes a second in.
    pub(super) fn take(&self, tick: &Tick) {
        let mut totals = self.totals();
        totals.planned += tick.planned;
        totals.ok += tick.ok;
        totals.failed += tick.failed;
        totals.timed_out += tick.timed_out;
        totals.never_sent += tick.never_sent;
        for (kind, count) in &tick.errors {
            *totals.errors.entry(*kind).or_default() += count;
        }
        for (name, version) in &tick.versions {
            *totals.versions.entry(name.clone()).or_default() += version.count;
        }
        totals.latencies.merge(&tick.corrected());
        totals.lower_bounds += tick.lower_bounds.count();
        totals.in_flight = tick.in_flight;
        totals.queued = tick.queued;
        totals.rate = tick.rate.unwrap_or_default();
        totals.lag_ms = tick.lag_ms;
    }

    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(self: &Arc<Self>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        if request.method() != Method::GET || request.uri().path() != "/metrics" {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        match self.text() {
            Ok(text) => {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
                *response.body_mut() = Full::from(text);
            }
            Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        }
        response
    }

    fn text(self: &Arc<Self>) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("kubsets_load");
        registry.register_collector(Box::new(Arc::clone(self)));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let totals = self.totals();
        let planned = ConstCounter::new(totals.planned);
        let help = "Requests that came due";
        planned.encode(encoder.encode_descriptor("planned", help, None, MetricType::Counter)?)?;

        let outcomes = [
            ("ok", totals.ok),
            ("failed", totals.failed),
            ("timed_out", totals.timed_out),
            ("never_sent", totals.never_sent),
        ];
        let outcomes = outcomes.into_iter().map(|(name, count)| (name.to_owned(), count));
        family(&mut encoder, ("requests", "Requests that ended, by outcome", "outcome"), outcomes)?;
        let kinds = totals.errors.iter().map(|(kind, count)| (kind.name().to_owned(), *count));
        family(&mut encoder, ("errors", "Unsuccessful requests by kind", "kind"), kinds)?;
        let versions = totals.versions.iter().map(|(name, count)| (name.clone(), *count));
        family(&mut encoder, ("answers", "Answers by the version they named", "version"), versions)?;

        for (name, help, value) in [
            ("in_flight", "Requests under way", totals.in_flight as f64),
            ("waiting", "Requests that wait for a connection", totals.queued as f64),
            ("wanted_rate", "Requests per second that are wanted; 0 without a rate", totals.rate),
            ("lag_seconds", "How late the generator itself was in the last second", totals.lag_ms / 1e3),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }

        let help = "Values of latency_seconds that are lower bounds: requests without an answer";
        let bounds = ConstCounter::new(totals.lower_bounds);
        bounds.encode(encoder.encode_descriptor("lower_bounds", help, None, MetricType::Counter)?)?;

        let (sum, count, buckets) = histogram(&totals.latencies);
        let help =
            "Latency from the planned instant: good answers, and requests without an answer as lower bounds";
        encoder
            .encode_descriptor("latency_seconds", help, None, MetricType::Histogram)?
            .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

/// Counters with one label: name, help and label's name, then the values.
fn family(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, label): (&str, &str, &str),
    values: impl Iterator<Item = (String, u64)>,
) -> Result<(), fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, count) in values {
        ConstCounter::new(count).encode(metric.encode_family(&[(label, value)])?)?;
    }
    Ok(())
}

/// Sum in seconds, count, and buckets with the counts of their own.
fn histogram(latencies: &Latencies) -> (f64, u64, Vec<(f64, u64)>) {
    let count = latencies.count();
    let mean = latencies.mean().unwrap_or_default().as_secs_f64();
    let mut above = count;
    let mut buckets = Vec::with_capacity(BOUNDS_MS.len() + 1);
    for bound in BOUNDS_MS {
        let bound = Duration::from_millis(bound);
        let slower = latencies.count_above(bound);
        buckets.push((bound.as_secs_f64(), above - slower));
        above = slower;
    }
    buckets.push((f64::INFINITY, above));
    (mean * count as f64, count, buckets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_served() {
        let metrics = Arc::new(Metrics::default());
        let latencies = serde_json::from_str("[[900000, 7], [40000000, 2], [90000000000, 1]]");
        let mut tick = Tick {
            planned: 13,
            ok: 10,
            failed: 2,
            never_sent: 1,
            in_flight: 4,
            rate: Some(13.0),
            latencies: latencies.expect("are buckets"),
            lower_bounds: serde_json::from_str("[[10000000000, 1]]").expect("are buckets"),
            ..Tick::default()
        };
        tick.errors.insert(ErrorKind::Http5xx, 2);
        metrics.take(&tick);
        metrics.take(&tick);
        let text = metrics.text().expect("is written");
        for line in [
            "kubsets_load_planned_total 26",
            "kubsets_load_requests_total{outcome=\"ok\"} 20",
            "kubsets_load_requests_total{outcome=\"never_sent\"} 2",
            "kubsets_load_errors_total{kind=\"5xx\"} 4",
            "kubsets_load_in_flight 4.0",
            "kubsets_load_latency_seconds_bucket{le=\"0.001\"} 14",
            "kubsets_load_latency_seconds_bucket{le=\"0.05\"} 18",
            "kubsets_load_latency_seconds_bucket{le=\"+Inf\"} 22",
            "kubsets_load_latency_seconds_count 22",
            "kubsets_load_lower_bounds_total 2",
            "# EOF",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is missing in\n{text}");
        }
    }

    #[tokio::test]
    async fn only_this_machine_is_served() {
        assert!(parse_address("0.0.0.0:9095").is_err() && parse_address("9095").is_err());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("is bound");
        drop(listener);
        let _metrics = Metrics::serve(address).await.expect("is served");
        let answer = crate::http::Http::new()
            .send(Method::GET, &format!("http://{address}/metrics"), None)
            .await
            .expect("answers");
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.contains("kubsets_load_planned_total 0"), "{}", answer.body);
    }
}
