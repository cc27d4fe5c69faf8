//! Servers that refuse, hang up, talk nonsense or close connections in good order.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use kubsets_load::{ErrorKind, Generator, LoadError, LoadReport, LoadSpec, Schedule, Threshold};

use crate::server::{Reply, Server};

async fn run(url: String) -> LoadReport {
    let mut spec = LoadSpec::new(url, Schedule::constant(100.0));
    spec.duration = Some(Duration::from_millis(500));
    spec.timeout = Duration::from_secs(2);
    let report = Generator::start(spec).await.unwrap().wait().await.unwrap();
    assert!(report.accounting.holds(), "{}", report.identity);
    assert_eq!(report.accounting.planned, 50);
    report
}

/// A server that reads a request and then does what it is told with the raw connection.
fn raw(answer: impl Fn(&mut std::net::TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 1024];
            let _length = stream.read(&mut buffer).unwrap();
            answer(&mut stream);
        }
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn refused_connections_are_connect_errors() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = run(format!("http://{free}/")).await;
    assert_eq!(report.accounting.failed, 50);
    assert_eq!(report.total.errors[&ErrorKind::Connect], 50);
    assert_eq!(report.total.corrected.count, 0);
    assert_eq!(report.total.failed.count, 50);
    assert!((report.error_rate() - 1.0).abs() < 1e-9);
    // No latency is no good latency, whichever way the rule asks.
    for rule in ["p99 > 50ms", "uncorrected.max < 1s"] {
        let breach = rule.parse::<Threshold>().unwrap().breach(&report).unwrap();
        assert!(
            breach.starts_with(&format!("{}, but no request has a latency", rule.replace("1s", "1000ms")))
        );
    }
}

#[tokio::test]
async fn connections_closed_before_the_answer_are_resets() {
    let server = Server::start(|ask| Reply { hang_up: ask.number % 5 == 4, ..Reply::ok() });
    let report = run(server.url("/")).await;
    assert_eq!(report.total.errors[&ErrorKind::Reset], 10);
    assert_eq!(report.accounting.ok, 40);
}

#[tokio::test]
async fn half_an_answer_is_a_reset_and_nonsense_a_protocol_error() {
    let report = run(raw(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").unwrap();
    }))
    .await;
    assert_eq!(report.total.errors[&ErrorKind::Reset], 50);
    let report = run(raw(|stream| stream.write_all(b"220 mail ready\r\n\r\n").unwrap())).await;
    assert_eq!(report.total.errors[&ErrorKind::Protocol], 50);
}

#[tokio::test]
async fn connections_closed_in_good_order_cost_no_request() {
    let server =
        Server::start(|_| Reply { headers: vec![("connection", "close".to_owned())], ..Reply::ok() });
    let report = run(server.url("/")).await;
    assert_eq!(report.accounting.ok, 50, "{:?}", report.total.errors);
    // Here the server says nothing and closes a connection that has become idle.
    let report = run(raw(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
    }))
    .await;
    assert_eq!(report.accounting.ok, 50, "{:?}", report.total.errors);
}

#[tokio::test]
async fn statuses_fail_from_the_configured_one_on() {
    let server = Server::start(|_| Reply::ok().status(404));
    let mut spec = LoadSpec::new(server.url("/"), Schedule::constant(50.0));
    spec.duration = Some(Duration::from_millis(200));
    let strict = Generator::start(spec.clone()).await.unwrap().wait().await.unwrap();
    assert_eq!(strict.total.errors[&ErrorKind::Http4xx], 10);
    spec.failed_from_status = 500;
    let lenient = Generator::start(spec).await.unwrap().wait().await.unwrap();
    assert_eq!(lenient.accounting.ok, 10);
    assert_eq!(lenient.total.statuses["4xx"], 10);
}

#[tokio::test]
async fn hosts_outside_are_refused_before_anything_is_sent() {
    let spec = LoadSpec::new("http://example.org/", Schedule::constant(1.0));
    let error = Generator::start(spec).await.unwrap_err();
    assert!(matches!(error, LoadError::Spec(_)), "{error}");
}
