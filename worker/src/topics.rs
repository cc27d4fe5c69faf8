//! Makes the topics that are missing, also after a broker has lost its disk.

use std::time::Duration;

use kubsets_telemetry::kafka::LogContext;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureProducer, Producer},
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The topics of the demo stack.
#[derive(Debug, Clone)]
pub(crate) struct Topics {
    pub(crate) brokers: String,
    pub(crate) names: [String; 3],
    pub(crate) partitions: i32,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum TopicsError {
    #[error("{0}")]
    Broker(#[from] KafkaError),
    #[error("topic {topic}: {code}")]
    Topic { topic: String, code: RDKafkaErrorCode },
    #[error("the broker could not be asked: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Topics {
    /// Makes topics that do not exist and adds partitions to those that have too few.
    pub(crate) async fn ensure(&self, producer: &FutureProducer<LogContext>) -> Result<(), TopicsError> {
        let counts = self.partition_counts(producer.clone()).await?;
        let wanted = self.partitions.cast_unsigned() as usize;
        let missing: Vec<_> =
            self.names.iter().zip(&counts).filter(|(_, count)| **count == 0).map(|(name, _)| name).collect();
        let small: Vec<_> = self
            .names
            .iter()
            .zip(&counts)
            .filter(|(_, count)| (1..wanted).contains(*count))
            .map(|(name, _)| name)
            .collect();
        if missing.is_empty() && small.is_empty() {
            return Ok(());
        }
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create()?;
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT)).request_timeout(Some(TIMEOUT));
        // -1 leaves the number of replicas to the broker.
        let new = |name| NewTopic::new(name, self.partitions, TopicReplication::Fixed(-1));
        let made: Vec<_> = missing.iter().map(|name| new(name.as_str())).collect();
        let grown: Vec<_> = small.iter().map(|name| NewPartitions::new(name, wanted)).collect();
        let mut results = Vec::new();
        if !made.is_empty() {
            results.extend(admin.create_topics(&made, &options).await?);
        }
        if !grown.is_empty() {
            results.extend(admin.create_partitions(&grown, &options).await?);
        }
        for result in results {
            match result {
                Ok(topic) => tracing::info!(topic, partitions = self.partitions, "topic made"),
                // Another worker was faster.
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(TopicsError::Topic { topic, code }),
            }
        }
        Ok(())
    }

    async fn partition_counts(
        &self,
        producer: FutureProducer<LogContext>,
    ) -> Result<Vec<usize>, TopicsError> {
        let names = self.names.clone();
        let counts = tokio::task::spawn_blocking(move || {
            // All topics at once: to ask for one by name may make it, with too few partitions.
            let metadata = producer.client().fetch_metadata(None, TIMEOUT)?;
            let count = |name: &String| {
                metadata
                    .topics()
                    .iter()
                    .find(|topic| topic.name() == name && topic.error().is_none())
                    .map_or(0, |topic| topic.partitions().len())
            };
            Ok::<_, KafkaError>(names.iter().map(count).collect())
        });
        Ok(counts.await??)
    }
}
