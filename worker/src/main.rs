//! Kafka worker of the demo stack: fulfils orders once.

use std::process::ExitCode;

use clap::Parser;
use kubsets_telemetry::{Telemetry, supervisor::stop_signal};
use worker::{Settings, Worker};

fn main() -> anyhow::Result<ExitCode> {
    let settings = Settings::parse();
    let telemetry = Telemetry::init(&settings.service.identity("worker"), &settings.service.log)?;
    // The client library has threads of its own: one is enough for the rest.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let level = telemetry.log_level();
    Ok(telemetry
        .run(runtime, async { Worker::build(settings, level).await?.run_until_stopped(stop_signal).await }))
}
