//! The producer: idempotent, every message acknowledged by all replicas.

use std::time::Duration;

use kubsets_telemetry::kafka::LogContext;
use rdkafka::{
    ClientConfig,
    error::KafkaResult,
    message::OwnedHeaders,
    producer::{FutureProducer, FutureRecord, Producer, future_producer::DeliveryFuture},
};

/// After this time a message counts as not delivered and stays in the outbox.
const DELIVERY_TIMEOUT_MS: &str = "8000";
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// The way to the broker.
pub(crate) struct Broker {
    config: ClientConfig,
    producer: FutureProducer<LogContext>,
}

impl Broker {
    /// A producer, which connects in the background.
    pub(crate) fn new(brokers: &str, client_id: &str) -> KafkaResult<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("client.id", client_id)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", DELIVERY_TIMEOUT_MS)
            .set("linger.ms", "5")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.max.ms", "3000")
            // The outbox is the queue; this one only has to hold a few batches.
            .set("queue.buffering.max.messages", "2000")
            .set("queue.buffering.max.kbytes", "8192");
        let producer = create(&config)?;
        Ok(Self { config, producer })
    }

    /// Hands a message over; the future tells whether it was delivered.
    pub(crate) fn send(
        &self,
        topic: &str,
        key: &str,
        payload: &str,
        headers: OwnedHeaders,
    ) -> KafkaResult<DeliveryFuture> {
        let record = FutureRecord::to(topic).key(key).payload(payload).headers(headers);
        self.producer.send_result(record).map_err(|(error, _)| error)
    }

    /// Replaces a producer that has declared itself broken for good.
    pub(crate) fn heal(&mut self) -> KafkaResult<()> {
        if let Some((code, reason)) = self.producer.client().fatal_error() {
            tracing::error!(code = %code, reason, "producer is broken, making a new one");
            self.producer = create(&self.config)?;
        }
        Ok(())
    }

    /// Asks for the list of topics.
    pub(crate) async fn check(&self) -> Result<(), String> {
        let producer = self.producer.clone();
        let asked =
            tokio::task::spawn_blocking(move || producer.client().fetch_metadata(None, CHECK_TIMEOUT));
        match asked.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn create(config: &ClientConfig) -> KafkaResult<FutureProducer<LogContext>> {
    config.create_with_context(LogContext)
}
