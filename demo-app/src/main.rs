//! Web API of the demo stack: takes orders, writes them with an outbox row.

use std::process::ExitCode;

use clap::Parser;
use demo_app::{Application, Settings};
use kubsets_telemetry::{Telemetry, supervisor::stop_signal};

fn main() -> anyhow::Result<ExitCode> {
    let settings = Settings::parse();
    let telemetry = Telemetry::init(&settings.service.identity("demo-app"), &settings.service.log)?;
    // Two threads are enough for what one pod serves, and keep its memory small.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let level = telemetry.log_level();
    Ok(telemetry.run(runtime, async {
        Application::build(settings, level).await?.run_until_stopped(stop_signal).await
    }))
}
