//! Heartbeat job of the demo stack: places a probe order and waits for it.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use heartbeat::{Target, beat};
use kubsets_telemetry::{ServiceArgs, Telemetry, config::parse_duration};
use tracing::{Instrument, field::Empty, info_span};

/// Places one order, waits until it is fulfilled and logs one line with the times.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,
    /// Address of the demo app.
    #[arg(long, env = "KUBSETS_TARGET", default_value = "http://demo-app")]
    target: Target,
    /// Longest time from the order to its fulfilment.
    #[arg(long, env = "KUBSETS_BUDGET", default_value = "20s", value_parser = parse_duration)]
    budget: Duration,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let telemetry = Telemetry::init(&cli.service.identity("heartbeat"), &cli.service.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let span = info_span!("heartbeat", otel.kind = "internal", otel.status_code = Empty);
    let outcome = runtime.block_on(beat(&cli.target, cli.budget).instrument(span.clone()));
    let code = span.in_scope(|| match outcome {
        Ok(beat) => {
            tracing::info!(
                order = beat.order,
                order_trace_id = beat.trace_id,
                app_version = beat.version,
                app_pod = beat.pod,
                retries = beat.retries,
                attempts = beat.attempts,
                accepted_ms = beat.accepted_ms,
                fulfilled_ms = beat.fulfilled_ms,
                "heartbeat"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            span.record("otel.status_code", "ERROR");
            tracing::error!(error = %error, budget_ms = cli.budget.as_millis() as u64, "no heartbeat");
            ExitCode::FAILURE
        }
    });
    drop(span);
    telemetry.shutdown();
    Ok(code)
}
