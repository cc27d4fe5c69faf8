//! One order is one trace: from the request through database, outbox and broker to the worker.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::Parser;
use demo_app::Application;
use kubsets_telemetry::{Identity, logs::LogLevel, telemetry::subscriber, test_util::TestDatabase};
use migrator::MigrateArgs;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use rdkafka::mocking::MockCluster;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use worker::Worker;

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// Name of a span and name of its parent, in the order of the way of an order.
const WAY: [(&str, Option<&str>); 5] = [
    ("POST /orders", None),
    ("INSERT orders", Some("POST /orders")),
    ("send orders", Some("POST /orders")),
    ("process orders", Some("send orders")),
    ("UPDATE orders", Some("process orders")),
];

fn find<'a>(spans: &'a [SpanData], name: &str) -> Option<&'a SpanData> {
    spans.iter().find(|span| span.name == name && span.span_context.trace_id().to_string() == TRACE_ID)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_one_trace() {
    let Some(database) = TestDatabase::create() else { return };
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let log = Arc::new(Mutex::new(Vec::new()));
    let (subscriber, _) = subscriber(&Identity::local("test"), "info", &provider, log.clone()).unwrap();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let url = database.url();
    let args = MigrateArgs { database_url: url.parse().unwrap(), migrate_timeout: Duration::from_secs(30) };
    migrator::run(&args).await.unwrap();
    let cluster = MockCluster::new(1).unwrap();
    for topic in ["orders", "orders.retry", "orders.dlq"] {
        cluster.create_topic(topic, 3, 1).unwrap();
    }
    let common = [
        "service",
        "--admin-addr=127.0.0.1:0",
        "--drain-delay=0",
        &format!("--database-url={url}"),
        &format!("--kafka-brokers={}", cluster.bootstrap_servers()),
    ]
    .map(str::to_owned);
    let mut arguments = common.to_vec();
    arguments.push("--listen-addr=127.0.0.1:0".to_owned());
    let app =
        Application::build(demo_app::Settings::parse_from(arguments), LogLevel::detached()).await.unwrap();
    let worker = Worker::build(worker::Settings::parse_from(common), LogLevel::detached()).await.unwrap();
    let address = app.api_address();
    let stop = CancellationToken::new();
    let signal = || {
        let stop = stop.clone();
        move || stop.clone().cancelled_owned()
    };
    let services =
        [tokio::spawn(app.run_until_stopped(signal())), tokio::spawn(worker.run_until_stopped(signal()))];

    let body = r#"{"item":"tea","quantity":2}"#;
    let mut answer = String::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST /orders HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\ntraceparent: 00-{TRACE_ID}-{CALLER}-01\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        answer.clear();
        stream.read_to_string(&mut answer).await.unwrap();
        if answer.starts_with("HTTP/1.1 202") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(answer.contains(&format!("x-trace-id: {TRACE_ID}")), "{answer}");
    let placed: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(placed["trace_id"], TRACE_ID);

    let mut spans = Vec::new();
    for _ in 0..400 {
        spans = exporter.get_finished_spans().unwrap();
        if WAY.iter().all(|(name, _)| find(&spans, name).is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A consumer that is dropped after its broker waits for it.
    stop.cancel();
    for service in services {
        service.await.unwrap().unwrap();
    }
    for (name, parent) in WAY {
        let span = find(&spans, name).unwrap_or_else(|| panic!("the trace has no span {name}"));
        let expected = parent.map_or(CALLER.to_owned(), |parent| {
            find(&spans, parent).unwrap().span_context.span_id().to_string()
        });
        assert_eq!(span.parent_span_id.to_string(), expected, "parent of {name}");
    }
    // The edge across the broker is a link too, for tools that cut traces there.
    let sent = find(&spans, "send orders").unwrap().span_context.span_id();
    let links = &find(&spans, "process orders").unwrap().links.links;
    assert_eq!(links.iter().map(|link| link.span_context.span_id()).collect::<Vec<_>>(), [sent]);
    // The lines of both services carry the same id.
    let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    for message in ["order accepted", "order fulfilled"] {
        let found = log.lines().any(|line| line.contains(message) && line.contains(TRACE_ID));
        assert!(found, "{message:?} with the trace in {log}");
    }
}
