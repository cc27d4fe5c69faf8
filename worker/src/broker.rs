//! Clients of the broker: one that takes events, one that passes them on.

use kubsets_telemetry::kafka::LogContext;
use rdkafka::{
    ClientConfig,
    consumer::{Consumer, StreamConsumer},
    error::KafkaResult,
    message::OwnedHeaders,
    producer::{FutureProducer, FutureRecord},
    util::Timeout,
};

use crate::{envelope::Envelope, settings::Settings};

/// Takes events and holds the place of this worker in the group.
pub(crate) type Events = StreamConsumer<LogContext>;

/// A member of the group for the topics of new orders and retries.
pub(crate) fn consumer(settings: &Settings, client_id: &str) -> KafkaResult<Events> {
    let consumer: Events = ClientConfig::new()
        .set("bootstrap.servers", &settings.kafka_brokers)
        .set("client.id", client_id)
        .set("group.id", &settings.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // Others go on with their partitions while one worker comes or goes.
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "2000")
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.max.ms", "3000")
        .set("fetch.wait.max.ms", "250")
        .set("topic.metadata.refresh.interval.ms", "10000")
        // Events are small and handled one by one: a short queue saves memory.
        .set("queued.min.messages", "100")
        .set("queued.max.messages.kbytes", "2048")
        .create_with_context(LogContext)?;
    consumer.subscribe(&[&settings.topic_orders, &settings.topic_retry])?;
    Ok(consumer)
}

/// A producer for the retry and dead-letter topics.
pub(crate) fn producer(settings: &Settings, client_id: &str) -> KafkaResult<FutureProducer<LogContext>> {
    ClientConfig::new()
        .set("bootstrap.servers", &settings.kafka_brokers)
        .set("client.id", client_id)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", "8000")
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.max.ms", "3000")
        .create_with_context(LogContext)
}

/// Sends an event on to another topic and waits until it is safe there.
pub(crate) async fn forward(
    producer: &FutureProducer<LogContext>,
    topic: &str,
    envelope: &Envelope,
    headers: OwnedHeaders,
) -> Result<(), String> {
    let key = envelope.key.clone().unwrap_or_default();
    let record = FutureRecord::to(topic).key(&key).payload(&envelope.payload).headers(headers);
    producer.send(record, Timeout::Never).await.map(|_| ()).map_err(|(error, _)| error.to_string())
}
