//! Migration Job of the demo stack: versioned schema, safe to run side by side.

use std::process::ExitCode;

use clap::Parser;
use kubsets_telemetry::{ServiceArgs, Telemetry};
use migrator::MigrateArgs;
use tracing::{Instrument, info_span};

/// Brings the schema of the demo stack up to date and ends.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    migrate: MigrateArgs,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let telemetry = Telemetry::init(&cli.service.identity("migrator"), &cli.service.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let span = info_span!("migrate", otel.kind = "internal", otel.status_code = tracing::field::Empty);
    let outcome = runtime.block_on(migrator::run(&cli.migrate).instrument(span.clone()));
    let code = span.in_scope(|| match outcome {
        Ok(outcome) => {
            tracing::info!(
                before = outcome.before,
                after = outcome.after,
                waited_ms = outcome.waited.as_millis() as u64,
                took_ms = outcome.took.as_millis() as u64,
                "schema is up to date"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            span.record("otel.status_code", "ERROR");
            tracing::error!(error = format!("{:#}", anyhow::Error::new(error)), "schema is not up to date");
            ExitCode::FAILURE
        }
    });
    drop(span);
    telemetry.shutdown();
    Ok(code)
}
