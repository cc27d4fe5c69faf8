//! Percentiles against servers whose true latency is known.

use std::time::Duration;

use kubsets_load::{Generator, LoadReport, LoadSpec, Schedule};

use crate::server::{Reply, Server};

async fn run(spec: LoadSpec) -> LoadReport {
    let mut running = Generator::start(spec).await.unwrap();
    let report = running.wait().await.unwrap();
    assert!(report.accounting.holds(), "{}", report.identity);
    report
}

/// Asserts that a figure is within 2 % of the truth, and of what the machine took from the test.
fn within(measured_ms: f64, truth_ms: f64, slack_ms: f64) {
    let miss = (measured_ms - truth_ms).abs();
    let allowed = truth_ms * 0.02 + slack_ms;
    assert!(miss <= allowed, "measured {measured_ms} ms, truth {truth_ms} ms, allowed {allowed} ms apart");
}

/// A server that answers at once except in a window, in which every request waits for the end of the window.
fn stalling(from: Duration, until: Duration) -> Server {
    // The first request arrives a little after it was planned, so that one planned at the very start of the
    // window would fall on either side of it.
    let from = from.saturating_sub(Duration::from_millis(5));
    Server::start(move |ask| {
        let in_window = ask.since_first >= from && ask.since_first < until;
        if in_window { Reply::after(until.saturating_sub(ask.since_first)) } else { Reply::ok() }
    })
}

fn spec(server: &Server, rate: f64, seconds: u64) -> LoadSpec {
    let mut spec = LoadSpec::new(server.url("/"), Schedule::constant(rate));
    spec.duration = Some(Duration::from_secs(seconds));
    spec
}

#[tokio::test]
async fn a_fixed_service_time_is_measured() {
    let server = Server::start(|_| Reply::after(Duration::from_millis(250)));
    let report = run(spec(&server, 100.0, 3)).await;
    assert_eq!(report.accounting.ok, 300);
    let slack = server.slack_ms(&report);
    within(report.total.corrected.p50, 250.0, slack);
    within(report.total.uncorrected.p50, 250.0, slack);
    assert!(report.total.corrected.min >= 250.0);
    assert_eq!(report.total.histograms.corrected.count(), 300);
}

#[tokio::test]
async fn a_stall_until_after_the_end_is_seen_although_few_connections_could_notice() {
    let server = stalling(Duration::from_secs(2), Duration::from_secs(4));
    let mut spec = spec(&server, 100.0, 3);
    spec.connections = 10;
    let report = run(spec).await;
    // 200 requests are quick; those planned at 2.00, 2.01 … 2.99 s are all answered at 4 s.
    assert_eq!(report.accounting.ok, 300);
    let slack = server.slack_ms(&report);
    within(report.total.corrected.p90, 1700.0, slack);
    within(report.total.corrected.p99, 1970.0, slack);
    within(report.total.corrected.max, 2000.0, slack);
    // Counted from the sending, the stall is a matter of ten requests.
    assert!(report.total.uncorrected.p90 < 500.0 + slack, "{:?}", report.total.uncorrected);
    within(report.total.uncorrected.max, 2000.0, slack);
}

#[tokio::test]
async fn ten_seconds_of_stall_at_the_end_of_a_run_are_seen_within_two_percent() {
    let server = stalling(Duration::from_secs(2), Duration::from_secs(12));
    let mut spec = spec(&server, 100.0, 12);
    spec.connections = 10;
    spec.queue = 2_000;
    spec.timeout = Duration::from_secs(30);
    let report = run(spec).await;
    assert_eq!(report.accounting.ok, 1_200);
    // 200 requests are quick; those planned at 2.00, 2.01 … 11.99 s are all answered at 12 s. A busy machine may
    // add the time that it took from the test, and no more than a fifth of a second.
    let slack = (server.slack_ms(&report) + 10.0).min(200.0);
    within(report.total.corrected.p50, 4_000.0, slack);
    within(report.total.corrected.p90, 8_800.0, slack);
    within(report.total.corrected.p99, 9_880.0, slack);
    within(report.total.corrected.max, 10_000.0, slack);
    assert!(report.total.uncorrected.p90 < 500.0 + slack, "{:?}", report.total.uncorrected);
}

#[tokio::test]
async fn a_stall_in_the_middle_is_seen_in_full() {
    let server = stalling(Duration::from_secs(1), Duration::from_secs(2));
    let mut spec = spec(&server, 100.0, 3);
    spec.connections = 10;
    let report = run(spec).await;
    assert_eq!(report.accounting.ok, 300);
    // Those planned at 1.00, 1.01 … 1.99 s are answered at 2 s; sending what has gathered takes its time too.
    let slack = server.slack_ms(&report) + 10.0;
    within(report.total.corrected.p90, 700.0, slack);
    within(report.total.corrected.p99, 970.0, slack);
    assert!(report.total.uncorrected.p90 < 300.0 + slack, "{:?}", report.total.uncorrected);
}

#[tokio::test]
async fn requests_that_never_end_are_lower_bounds() {
    let server = stalling(Duration::from_secs(1), Duration::from_mins(1));
    let mut spec = spec(&server, 100.0, 2);
    spec.connections = 10;
    spec.drain = Some(Duration::from_secs(1));
    let report = run(spec).await;
    let counts = report.accounting;
    let slack = server.slack_ms(&report);
    assert_eq!(counts.planned, 200);
    // The server's clock begins with the first request, which can be late by as much as the slack.
    assert!((counts.ok as f64 - 99.5).abs() <= 1.5 + slack / 10.0, "{counts} {slack}");
    assert_eq!((counts.in_flight_at_end, counts.never_sent), (10, 190 - counts.ok));
    // At the end, after 3 s, the one planned at 1.20 s had waited for 1.8 s.
    let latency = report.total.corrected;
    within(latency.p90, 1800.0, slack);
    within(latency.max, 2000.0, slack);
    assert_eq!(latency.lower_bounds, 200 - counts.ok);
    assert!(latency.is_at_least(latency.p90) && !latency.is_at_least(latency.min));
    assert!(latency.text(latency.p90).starts_with('≥'));
    assert_eq!(report.validity.warnings.len(), 2, "{:?}", report.validity);
}

#[tokio::test]
async fn what_finds_no_room_to_wait_counts_until_the_end() {
    let server = Server::start(|_| Reply::after(Duration::from_millis(95)));
    let mut spec = spec(&server, 100.0, 2);
    spec.connections = 1;
    spec.queue = 0;
    let report = run(spec).await;
    let counts = report.accounting;
    let slack = server.slack_ms(&report);
    assert!((10..=21).contains(&counts.ok), "{counts}");
    assert_eq!(counts.never_sent, 200 - counts.ok);
    // Those planned in the first second had at least 1 s to wait, were they ever sent.
    assert!(report.total.corrected.p90 >= 1000.0, "{:?}", report.total.corrected);
    assert!(report.total.uncorrected.p90 < 150.0 + slack);
    assert_eq!(report.total.corrected.lower_bounds, counts.never_sent);
}

#[tokio::test]
async fn a_request_gives_up_after_the_timeout_sent_or_not() {
    let server = Server::start(|_| Reply::after(Duration::from_secs(30)));
    let mut spec = spec(&server, 50.0, 1);
    spec.connections = 5;
    spec.timeout = Duration::from_millis(300);
    let report = run(spec).await;
    let counts = report.accounting;
    assert_eq!(counts.ok + counts.failed, 0);
    // Each connection can time out every 0.3 s; what waits as long unsent is given up.
    assert!((15..=30).contains(&counts.timed_out), "{counts}");
    assert!(counts.never_sent >= 20, "{counts}");
    assert!(report.total.corrected.min >= 295.0, "{:?}", report.total.corrected);
    assert_eq!(report.total.corrected.lower_bounds, 50);
    assert_eq!(report.total.errors.values().sum::<u64>(), counts.timed_out);
}
