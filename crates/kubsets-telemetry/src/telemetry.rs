//! Sets up logs and traces of a process, and flushes them at its end.

use std::{
    fmt::Display,
    io,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use tracing::{Level, subscriber::SetGlobalDefaultError};
use tracing_subscriber::{Layer, Registry, filter::filter_fn, layer::SubscriberExt};

use crate::{
    Identity,
    logs::{JsonLogs, LogLevel, LogLevelError, Sink},
    traces::{FLUSH_TIMEOUT, tracer_provider},
};

/// Time for work on blocking threads to end after the service has.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Logs and traces of this process.
pub struct Telemetry {
    provider: SdkTracerProvider,
    level: LogLevel,
}

/// What can go wrong while telemetry is set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `RUST_LOG` is not a filter.
    #[error("cannot set the log filter")]
    Filter(#[source] LogLevelError),
    /// The endpoint of `OTEL_EXPORTER_OTLP_*` is refused.
    #[error("cannot set up the export of traces")]
    Exporter(#[source] ExporterBuildError),
    /// Something else has set up logging before.
    #[error("cannot install the log subscriber")]
    Subscriber(#[source] SetGlobalDefaultError),
}

impl Telemetry {
    /// Sets up JSON logs on stdout and traces. Call once, before the async runtime starts.
    ///
    /// # Errors
    /// When the filter or the export endpoint is invalid, or logging is already set up.
    pub fn init(identity: &Identity, filter: &str) -> Result<Self, TelemetryError> {
        let provider = tracer_provider(identity).map_err(TelemetryError::Exporter)?;
        let (subscriber, level) = subscriber(identity, filter, &provider, Arc::new(Mutex::new(io::stdout())))
            .map_err(TelemetryError::Filter)?;
        tracing::subscriber::set_global_default(subscriber).map_err(TelemetryError::Subscriber)?;
        Ok(Self { provider, level })
    }

    /// The live log level.
    pub fn log_level(&self) -> LogLevel {
        self.level.clone()
    }

    /// Runs a service until it ends, logs why if that is an error, and sends what is left of the traces, once
    /// the runtime is gone and no task can add to them. Work that blocks a thread, such as closing a consumer whose
    /// broker is away, is left behind after a second.
    pub fn run<E: Display>(self, runtime: Runtime, service: impl Future<Output = Result<(), E>>) -> ExitCode {
        let outcome = runtime.block_on(service);
        runtime.shutdown_timeout(LAST_WORK);
        let code = match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "service ended with an error");
                ExitCode::FAILURE
            }
        };
        self.shutdown();
        code
    }

    /// Sends what is left of the traces. The last act of a service.
    pub fn shutdown(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(error = %error, "some traces were not exported");
        }
    }
}

/// The subscriber behind [`Telemetry::init`], for tests with a sink and exporter of their own.
///
/// # Errors
/// When the filter is invalid.
pub fn subscriber(
    identity: &Identity,
    filter: &str,
    provider: &SdkTracerProvider,
    sink: Sink,
) -> Result<(impl tracing::Subscriber + Send + Sync + use<>, LogLevel), LogLevelError> {
    let (filter, level) = LogLevel::new(filter)?;
    let logs = JsonLogs::new(identity.clone(), sink).with_filter(filter);
    // Spans do not depend on the log level: a quiet service still has whole traces. Events stay in
    // the logs, which carry the ids.
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("kubsets"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|meta| meta.is_span() && *meta.level() <= Level::INFO));
    Ok((Registry::default().with(logs).with(traces), level))
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::InMemorySpanExporter;
    use serde_json::Value;
    use tracing::info_span;

    use super::*;
    use crate::propagation::{self, TraceFields};

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn logs_spans_and_headers_share_one_trace() {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (subscriber, level) =
            subscriber(&Identity::local("demo-app"), "info", &provider, bytes.clone()).unwrap();
        let stored = tracing::subscriber::with_default(subscriber, || {
            let span = info_span!("request", otel.kind = "server");
            let parent = TraceFields { traceparent: Some(PARENT.to_owned()), tracestate: None };
            propagation::set_parent(&span, &parent.to_context());
            let _guard = span.enter();
            tracing::debug!("not shown");
            tracing::info!("shown");
            level.set("debug").unwrap();
            tracing::debug!("shown after the level changed");
            TraceFields::of(&span)
        });
        let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(lines[1]["trace_flags"], "01");
        let spans = exporter.get_finished_spans().unwrap();
        assert_eq!(spans.len(), 1);
        assert_eq!(spans[0].parent_span_id.to_string(), "b7ad6b7169203331");
        let span_id = spans[0].span_context.span_id().to_string();
        assert_eq!(lines[0]["span_id"], span_id.as_str());
        assert_eq!(stored.traceparent.unwrap(), format!("00-0af7651916cd43dd8448eb211c80319c-{span_id}-01"));
    }

    #[test]
    fn a_quiet_log_does_not_stop_traces() {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let sink = Arc::new(Mutex::new(Vec::new()));
        let (subscriber, _) = subscriber(&Identity::local("demo-app"), "off", &provider, sink).unwrap();
        tracing::subscriber::with_default(subscriber, || drop(info_span!("request").entered()));
        assert_eq!(exporter.get_finished_spans().unwrap().len(), 1);
    }
}
