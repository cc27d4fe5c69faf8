//! Orders against a real database, and the relay against a broker that speaks the real protocol.

use std::time::{Duration, Instant};

use kubsets_telemetry::test_util::TestDatabase;
use migrator::MigrateArgs;
use rdkafka::{
    ClientConfig, Message,
    consumer::{Consumer, StreamConsumer},
    message::Headers,
    mocking::MockCluster,
    producer::DefaultProducerContext,
};
use serde_json::Value;
use sqlx::PgPool;

use crate::support::{TestApp, eventually, http};

const NO_BROKER: &str = "127.0.0.1:1";
const ORDER: &str = r#"{"item":"tea","quantity":2,"source":"smoke"}"#;

async fn migrate(database: &TestDatabase) -> PgPool {
    let args = MigrateArgs {
        database_url: database.url().parse().unwrap(),
        migrate_timeout: Duration::from_secs(30),
    };
    migrator::run(&args).await.unwrap();
    PgPool::connect(&database.url()).await.unwrap()
}

async fn await_ready(app: &TestApp) {
    eventually("ready", async || (http(app.api, "GET", "/readyz", "").await.0 == 200).then_some(())).await;
}

fn broker() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("orders", 3, 1).unwrap();
    cluster
}

fn consumer(brokers: &str) -> StreamConsumer {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "test")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&["orders"]).unwrap();
    consumer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn startup_waits_for_migrations_and_survives_without_anything() {
    let Some(database) = TestDatabase::create() else { return };
    let app = TestApp::start(&database.url(), NO_BROKER).await;
    let (status, body) = http(app.api, "GET", "/startupz", "").await;
    assert_eq!(status, 503, "{body}");
    assert_eq!(http(app.api, "GET", "/livez", "").await.0, 200);
    assert_eq!(http(app.api, "GET", "/api/info", "").await.0, 200);
    eventually("says what is missing", async || {
        http(app.api, "GET", "/startupz", "").await.1.contains("run the migrator").then_some(())
    })
    .await;
    migrate(&database).await;
    await_ready(&app).await;
    app.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_stored_with_its_outbox_row_while_the_broker_is_away() {
    let Some(database) = TestDatabase::create() else { return };
    let pool = migrate(&database).await;
    let app = TestApp::start(&database.url(), NO_BROKER).await;
    await_ready(&app).await;
    let (status, body) = http(app.api, "POST", "/orders", ORDER).await;
    assert_eq!(status, 202, "{body}");
    let placed: Value = serde_json::from_str(&body).unwrap();
    let id = placed["id"].as_str().unwrap();
    let (status, body) = http(app.api, "GET", &format!("/orders/{id}"), "").await;
    let order: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &order["state"], &order["quantity"]), (200, &"accepted".into(), &2.into()));
    assert!(
        order["created_at"].as_str().unwrap().ends_with('Z') && order["published_at"].is_null(),
        "{order}"
    );
    let (rows, payload): (i64, Value) =
        sqlx::query_as("select count(*) over (), payload from outbox where order_id::text = $1")
            .bind(id)
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!((rows, &payload["item"], &payload["order_id"]), (1, &"tea".into(), &id.into()));
    let list: Value = serde_json::from_str(&http(app.api, "GET", "/orders", "").await.1).unwrap();
    assert_eq!(list["orders"][0]["id"], id);
    let missing = "/orders/00000000-0000-7000-8000-000000000000";
    assert_eq!(http(app.api, "GET", missing, "").await.0, 404);
    assert_eq!(http(app.api, "GET", "/readyz", "").await.0, 200, "the broker is not needed for readiness");
    let metrics = http(app.admin, "GET", "/metrics", "").await.1;
    assert!(
        metrics.contains(r#"kubsets_orders_accepted_total{version="0.1.0",source="smoke"} 1"#),
        "{metrics}"
    );
    app.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_carries_each_order_once() {
    let Some(database) = TestDatabase::create() else { return };
    let pool = migrate(&database).await;
    let cluster = broker();
    // Two replicas work on one outbox.
    let first = TestApp::start(&database.url(), &cluster.bootstrap_servers()).await;
    let second = TestApp::start(&database.url(), &cluster.bootstrap_servers()).await;
    await_ready(&first).await;
    await_ready(&second).await;
    for number in 0..40 {
        let app = if number % 2 == 0 { &first } else { &second };
        assert_eq!(http(app.api, "POST", "/orders", ORDER).await.0, 202);
    }
    eventually("all published", async || {
        let left: i64 = sqlx::query_scalar("select count(*) from outbox where published_at is null")
            .fetch_one(&pool)
            .await
            .unwrap();
        (left == 0).then_some(())
    })
    .await;
    let consumer = consumer(&cluster.bootstrap_servers());
    let mut orders = std::collections::HashSet::new();
    for _ in 0..40 {
        let message = tokio::time::timeout(Duration::from_secs(20), consumer.recv()).await.unwrap().unwrap();
        let payload: Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        assert_eq!(message.key().unwrap(), payload["order_id"].as_str().unwrap().as_bytes());
        assert!(message.headers().unwrap().iter().any(|header| header.key == "event-id"));
        assert!(orders.insert(payload["order_id"].as_str().unwrap().to_owned()), "an order came twice");
    }
    assert!(tokio::time::timeout(Duration::from_millis(500), consumer.recv()).await.is_err());
    let unmarked: i64 = sqlx::query_scalar("select count(*) from orders where published_at is null")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(unmarked, 0);
    first.ended().await.unwrap();
    second.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_wait_for_a_broker_that_comes_back() {
    let Some(database) = TestDatabase::create() else { return };
    let pool = migrate(&database).await;
    let cluster = broker();
    cluster.broker_down(1).unwrap();
    let app = TestApp::start(&database.url(), &cluster.bootstrap_servers()).await;
    await_ready(&app).await;
    assert_eq!(http(app.api, "POST", "/orders", ORDER).await.0, 202);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let published = async || -> i64 {
        sqlx::query_scalar("select count(*) from orders where published_at is not null")
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    assert_eq!(published().await, 0);
    cluster.broker_up(1).unwrap();
    eventually("published", async || (published().await == 1).then_some(())).await;
    app.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_is_announced_before_it_happens() {
    let Some(database) = TestDatabase::create() else { return };
    migrate(&database).await;
    let app = TestApp::start(&database.url(), NO_BROKER).await;
    await_ready(&app).await;
    let started = Instant::now();
    app.signal();
    eventually("not ready", async || (http(app.api, "GET", "/readyz", "").await.0 == 503).then_some(()))
        .await;
    // New requests are still answered during the drain delay.
    assert_eq!(http(app.api, "GET", "/api/info", "").await.0, 200);
    app.ended().await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(300));
}
