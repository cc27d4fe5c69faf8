//! Node agent of the demo stack: telemetry of its node.

use std::process::ExitCode;

use clap::Parser;
use kubsets_telemetry::{Telemetry, supervisor::stop_signal};
use node_agent::{NodeAgent, Settings};

fn main() -> anyhow::Result<ExitCode> {
    let settings = Settings::parse();
    let telemetry = Telemetry::init(&settings.service.identity("node-agent"), &settings.service.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let level = telemetry.log_level();
    Ok(telemetry.run(runtime, async {
        NodeAgent::build(settings, level).await?.run_until_stopped(stop_signal).await
    }))
}
