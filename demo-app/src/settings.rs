//! Flags and environment variables.

use std::{net::SocketAddr, time::Duration};

use clap::Parser;
use kubsets_telemetry::{ServiceArgs, config::parse_duration, fault::FaultArgs};
use sqlx::postgres::PgConnectOptions;

/// Takes orders over HTTP, stores them and hands them to the broker.
#[derive(Clone, Parser)]
#[command(version)]
pub struct Settings {
    /// What all services have.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Faults from the start on.
    #[command(flatten)]
    pub faults: FaultArgs,
    /// Address of the API and the page.
    #[arg(long, env = "LISTEN_ADDR", default_value = "0.0.0.0:8080")]
    pub listen_addr: SocketAddr,
    /// The database, as `postgres://user:password@host:port/name`.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "postgres://kubsets@postgres:5432/kubsets"
    )]
    pub database_url: PgConnectOptions,
    /// Most connections to the database.
    #[arg(long, env = "DATABASE_MAX_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub database_max_connections: u32,
    /// Brokers, as `host:port`, separated by commas.
    #[arg(long, env = "KAFKA_BROKERS", default_value = "kafka:9092")]
    pub kafka_brokers: String,
    /// Topic for new orders.
    #[arg(long, env = "KAFKA_TOPIC_ORDERS", default_value = "orders")]
    pub topic_orders: String,
    /// Longest time that a request may take.
    #[arg(long, env = "REQUEST_TIMEOUT", default_value = "10s", value_parser = parse_duration)]
    pub request_timeout: Duration,
}
