//! What becomes of the events of orders, good and bad.

use std::{future::Future, time::Duration};

use clap::Parser;
use kubsets_telemetry::{kafka::header, logs::LogLevel, test_util::TestDatabase};
use migrator::MigrateArgs;
use rdkafka::{
    ClientConfig, Message,
    consumer::{Consumer, StreamConsumer},
    message::{Header, OwnedHeaders},
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureProducer, FutureRecord},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::{Settings, Worker};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Stack {
    pool: PgPool,
    url: String,
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: FutureProducer,
    _database: TestDatabase,
}

impl Stack {
    async fn start() -> Option<Self> {
        let database = TestDatabase::create()?;
        let url = database.url();
        let args =
            MigrateArgs { database_url: url.parse().unwrap(), migrate_timeout: Duration::from_secs(30) };
        migrator::run(&args).await.unwrap();
        let cluster = MockCluster::new(1).unwrap();
        for topic in ["orders", "orders.retry", "orders.dlq"] {
            cluster.create_topic(topic, 3, 1).unwrap();
        }
        let producer =
            ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).create().unwrap();
        Some(Self { pool: PgPool::connect(&url).await.unwrap(), url, cluster, producer, _database: database })
    }

    async fn worker(&self, extra: &[&str]) -> Running {
        let mut arguments = vec![
            "worker".to_owned(),
            "--admin-addr=127.0.0.1:0".to_owned(),
            "--drain-delay=0".to_owned(),
            "--retry-delay=200ms".to_owned(),
            format!("--database-url={}", self.url),
            format!("--kafka-brokers={}", self.cluster.bootstrap_servers()),
        ];
        arguments.extend(extra.iter().map(ToString::to_string));
        let worker = Worker::build(Settings::parse_from(arguments), LogLevel::detached()).await.unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(worker.run_until_stopped(move || {
            let stopped = stopped.clone();
            async move { stopped.cancelled().await }
        }));
        Running { stop, task }
    }

    /// An accepted order, as the demo app leaves it.
    async fn order(&self) -> Uuid {
        let id = Uuid::now_v7();
        sqlx::query(
            "insert into orders (id, item, quantity, source, version, pod, trace_id)
             values ($1, 'tea', 2, 'api', '1', 'pod', 'trace')",
        )
        .bind(id)
        .execute(&self.pool)
        .await
        .unwrap();
        id
    }

    async fn publish(&self, key: &str, payload: &str) {
        let headers = OwnedHeaders::new().insert(Header { key: "traceparent", value: Some(TRACE) });
        let record = FutureRecord::to("orders").key(key).payload(payload).headers(headers);
        self.producer.send(record, Duration::from_secs(10)).await.unwrap();
    }

    async fn publish_order(&self, id: Uuid) -> Uuid {
        let event = Uuid::now_v7();
        self.publish(&id.to_string(), &json!({ "event_id": event, "order_id": id }).to_string()).await;
        event
    }

    async fn state(&self, id: Uuid) -> (String, i32, Option<String>) {
        sqlx::query_as("select state, attempts, failure from orders where id = $1")
            .bind(id)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    async fn await_state(&self, id: Uuid, wanted: &str) -> (String, i32, Option<String>) {
        eventually(wanted, async || Some(self.state(id).await).filter(|(state, ..)| state == wanted)).await
    }

    /// The first message of a topic.
    async fn first_of(&self, topic: &str) -> rdkafka::message::OwnedMessage {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .set("group.id", format!("look-at-{topic}"))
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        consumer.subscribe(&[topic]).unwrap();
        let message = tokio::time::timeout(Duration::from_secs(20), consumer.recv()).await.unwrap().unwrap();
        message.detach()
    }
}

struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    for _ in 0..400 {
        if let Some(value) = condition().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 20 s: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_fulfilled_once_however_often_its_event_comes() {
    let Some(stack) = Stack::start().await else { return };
    let worker = stack.worker(&[]).await;
    let id = stack.order().await;
    let event = json!({ "event_id": Uuid::now_v7(), "order_id": id }).to_string();
    for _ in 0..3 {
        stack.publish(&id.to_string(), &event).await;
    }
    assert_eq!(stack.await_state(id, "fulfilled").await, ("fulfilled".into(), 1, None));
    // The events of this key are in one partition: this later one comes after the copies.
    let last = stack.order().await;
    stack
        .publish(&id.to_string(), &json!({ "event_id": Uuid::now_v7(), "order_id": last }).to_string())
        .await;
    stack.await_state(last, "fulfilled").await;
    let processed: i64 = sqlx::query_scalar("select count(*) from processed_events where order_id = $1")
        .bind(id)
        .fetch_one(&stack.pool)
        .await
        .unwrap();
    assert_eq!(processed, 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_always_fails_ends_in_the_dead_letter_topic() {
    let Some(stack) = Stack::start().await else { return };
    let worker = stack.worker(&["--fault-error-rate=100%", "--max-attempts=3"]).await;
    let id = stack.order().await;
    stack.publish_order(id).await;
    let (_, attempts, failure) = stack.await_state(id, "dead").await;
    assert_eq!((attempts, failure.as_deref()), (3, Some("fault on purpose")));
    let retry = stack.first_of("orders.retry").await;
    assert_eq!(header(retry.headers(), "kubsets-attempt"), Some("2"));
    assert_eq!(
        header(retry.headers(), "traceparent"),
        Some(TRACE),
        "the first context is passed on untouched"
    );
    let dead = stack.first_of("orders.dlq").await;
    assert_eq!(header(dead.headers(), "kubsets-attempt"), Some("3"));
    assert!(header(dead.headers(), "kubsets-origin").unwrap().starts_with("orders.retry/"));
    assert_eq!(header(dead.headers(), "traceparent"), Some(TRACE));
    let payload: Value = serde_json::from_slice(dead.payload().unwrap()).unwrap();
    assert_eq!(payload["order_id"], id.to_string());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_sometimes_succeeds_later() {
    let Some(stack) = Stack::start().await else { return };
    let worker = stack.worker(&["--fault-error-rate=50%", "--fault-seed=7", "--max-attempts=20"]).await;
    let mut orders = Vec::new();
    for _ in 0..12 {
        let id = stack.order().await;
        stack.publish_order(id).await;
        orders.push(id);
    }
    let mut retried = 0;
    for id in orders {
        let (_, attempts, failure) = stack.await_state(id, "fulfilled").await;
        assert_eq!(failure, None);
        retried += u32::from(attempts > 1);
    }
    assert!(retried > 0, "half of the attempts fail, so some orders need a second one");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_does_not_stop_what_comes_after_it() {
    let Some(stack) = Stack::start().await else { return };
    let worker = stack.worker(&[]).await;
    let poisoned = stack.order().await;
    stack.publish(&poisoned.to_string(), "not json").await;
    let unknown = json!({ "event_id": Uuid::now_v7(), "order_id": Uuid::now_v7() }).to_string();
    stack.publish(&poisoned.to_string(), &unknown).await;
    let good = stack.order().await;
    let event = json!({ "event_id": Uuid::now_v7(), "order_id": good }).to_string();
    stack.publish(&poisoned.to_string(), &event).await;
    stack.await_state(good, "fulfilled").await;
    let (_, attempts, failure) = stack.await_state(poisoned, "dead").await;
    assert_eq!(attempts, 1);
    assert!(failure.unwrap().contains("cannot be read"));
    assert_eq!(stack.first_of("orders.dlq").await.payload().unwrap(), b"not json");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_worker_goes_on_where_the_last_one_stopped() {
    let Some(stack) = Stack::start().await else { return };
    let first = stack.worker(&[]).await;
    let id = stack.order().await;
    stack.publish_order(id).await;
    stack.await_state(id, "fulfilled").await;
    first.stop().await;
    let between = stack.order().await;
    stack.publish_order(between).await;
    let second = stack.worker(&["--pod-name=second"]).await;
    stack.await_state(between, "fulfilled").await;
    // Had the offset of the first not been committed, its event would have come again: the row
    // says who handled it.
    let worker: String = sqlx::query_scalar("select worker from processed_events where order_id = $1")
        .bind(between)
        .fetch_one(&stack.pool)
        .await
        .unwrap();
    assert_eq!(worker, "second");
    second.stop().await;
}
