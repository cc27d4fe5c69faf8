//! Flags and environment variables.

use std::time::Duration;

use clap::Parser;
use kubsets_telemetry::{ServiceArgs, config::parse_duration, fault::FaultArgs};
use sqlx::postgres::PgConnectOptions;

/// Fulfils orders that arrive on a topic.
#[derive(Clone, Parser)]
#[command(version)]
pub struct Settings {
    /// What all services have.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Faults from the start on: `error_rate` makes attempts fail, `latency` makes them slow.
    #[command(flatten)]
    pub faults: FaultArgs,
    /// The database, as `postgres://user:password@host:port/name`.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "postgres://kubsets@postgres:5432/kubsets"
    )]
    pub database_url: PgConnectOptions,
    /// Brokers, as `host:port`, separated by commas.
    #[arg(long, env = "KAFKA_BROKERS", default_value = "kafka:9092")]
    pub kafka_brokers: String,
    /// Topic of new orders.
    #[arg(long, env = "KAFKA_TOPIC_ORDERS", default_value = "orders")]
    pub topic_orders: String,
    /// Topic of events that are tried again later.
    #[arg(long, env = "KAFKA_TOPIC_RETRY", default_value = "orders.retry")]
    pub topic_retry: String,
    /// Topic of events that are not tried again.
    #[arg(long, env = "KAFKA_TOPIC_DLQ", default_value = "orders.dlq")]
    pub topic_dlq: String,
    /// Consumer group.
    #[arg(long, env = "KAFKA_GROUP", default_value = "worker")]
    pub group: String,
    /// Partitions of topics that do not exist yet.
    #[arg(long, env = "KAFKA_PARTITIONS", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=100))]
    pub partitions: i32,
    /// Attempts before an event goes to the dead-letter topic.
    #[arg(long, env = "MAX_ATTEMPTS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub max_attempts: u32,
    /// Wait before the second attempt; doubled for each further one.
    #[arg(long, env = "RETRY_DELAY", default_value = "1s", value_parser = parse_duration)]
    pub retry_delay: Duration,
}
