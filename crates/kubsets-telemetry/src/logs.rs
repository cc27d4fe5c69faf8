//! JSON log lines on one line each, with the ids of the trace that they belong to.

use std::{
    fmt,
    io::Write,
    sync::{Arc, Mutex},
};

use opentelemetry::{Context, trace::TraceContextExt};
use serde_json::{Value, json};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    layer,
    registry::LookupSpan,
    reload,
};

use crate::Identity;

/// Where log lines go.
pub type Sink = Arc<Mutex<dyn Write + Send>>;

/// A subscriber layer that writes each event as a JSON object.
pub struct JsonLogs {
    sink: Sink,
    identity: Identity,
}

impl JsonLogs {
    /// A layer that writes to `sink` in the name of `identity`.
    pub fn new(identity: Identity, sink: Sink) -> Self {
        Self { sink, identity }
    }

    fn line(&self, event: &Event<'_>) -> Vec<u8> {
        let meta = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields.name_the_nameless();
        let mut line = JsonLine::new();
        line.push("timestamp", &json!(jiff::Timestamp::now().to_string()));
        line.push("severity", &json!(severity(*meta.level())));
        line.push("message", &json!(fields.message));
        line.push("service.name", &json!(self.identity.service));
        line.push("service.version", &json!(&*self.identity.version));
        line.push("k8s.pod.name", &json!(&*self.identity.pod));
        let context = Context::current();
        let span = context.span();
        let span = span.span_context();
        if span.is_valid() {
            line.push("trace_id", &json!(span.trace_id().to_string()));
            line.push("span_id", &json!(span.span_id().to_string()));
            line.push("trace_flags", &json!(format!("{:02x}", span.trace_flags().to_u8())));
        }
        line.push("target", &json!(meta.target()));
        for (name, value) in &fields.rest {
            line.push(name, value);
        }
        line.finish()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLogs {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let line = self.line(event);
        // A closed stdout must not end the service: the line is lost, the work goes on.
        if let Ok(mut sink) = self.sink.lock() {
            let _ = sink.write_all(&line);
        }
    }
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

struct JsonLine(Vec<u8>);

impl JsonLine {
    fn new() -> Self {
        let mut buffer = Vec::with_capacity(512);
        buffer.push(b'{');
        Self(buffer)
    }

    fn push(&mut self, name: &str, value: &Value) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend_from_slice(json!(name).to_string().as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(value.to_string().as_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"}\n");
        self.0
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl Fields {
    /// Events of the trace library have a name in place of a message.
    fn name_the_nameless(&mut self) {
        if self.message.is_empty()
            && let Some(index) = self.rest.iter().position(|(name, _)| *name == "name")
            && let (_, Value::String(name)) = self.rest.swap_remove(index)
        {
            self.message = name;
        }
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            // Fields of events that come from the `log` crate repeat what the line has already.
            (name, _) if name.starts_with("log.") => {}
            (name, value) => self.rest.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }
}

/// The log filter, which can be changed while the service runs.
#[derive(Clone)]
pub struct LogLevel(Option<reload::Handle<Targets, Registry>>);

/// A log filter that cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum LogLevelError {
    /// The text is not a filter.
    #[error(
        "`{filter}` is not a log filter: write a level (error, warn, info, debug, trace) or target=level pairs"
    )]
    Invalid {
        /// What was given.
        filter: String,
    },
    /// Logging is not set up in this process.
    #[error("logging is not set up in this process")]
    NotSetUp,
}

impl LogLevel {
    /// A filter and the handle to change it.
    ///
    /// # Errors
    /// When the text is not a filter.
    pub fn new(filter: &str) -> Result<(reload::Layer<Targets, Registry>, Self), LogLevelError> {
        let (layer, handle) = reload::Layer::new(parse(filter)?);
        Ok((layer, Self(Some(handle))))
    }

    /// A level that belongs to no log, for tests of routes.
    pub fn detached() -> Self {
        Self(None)
    }

    /// The filter in force.
    pub fn current(&self) -> String {
        self.0
            .as_ref()
            .and_then(|handle| handle.with_current(ToString::to_string).ok())
            .unwrap_or_else(|| "off".to_owned())
    }

    /// Puts another filter in force.
    ///
    /// # Errors
    /// When the text is not a filter or logging is not set up.
    pub fn set(&self, filter: &str) -> Result<(), LogLevelError> {
        let parsed = parse(filter)?;
        let handle = self.0.as_ref().ok_or(LogLevelError::NotSetUp)?;
        handle.reload(parsed).map_err(|_| LogLevelError::NotSetUp)
    }
}

/// Levels and targets are all that is wanted here; the filter that also knows spans and fields
/// would bring a regular expression engine into each binary.
fn parse(filter: &str) -> Result<Targets, LogLevelError> {
    let invalid = || LogLevelError::Invalid { filter: filter.chars().take(200).collect() };
    let trimmed = filter.trim();
    // A bare word that is no level would be taken as a target and silence everything else.
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    if trimmed.is_empty() || trimmed.split(',').any(|part| !part.contains('=') && !is_level(part.trim())) {
        return Err(invalid());
    }
    trimmed.parse().map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_json_with_identity_and_fields() {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let logs = JsonLogs::new(Identity::local("demo-app"), bytes.clone());
        tracing::subscriber::with_default(Registry::default().with(logs), || {
            tracing::warn!(order = "a\"b", attempts = 3, "it \"broke\"");
        });
        let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["severity"], "WARN");
        assert_eq!(line["message"], "it \"broke\"");
        assert_eq!(line["order"], "a\"b");
        assert_eq!(line["attempts"], 3);
        assert_eq!(line["service.name"], "demo-app");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(line.get("trace_id").is_none());
    }

    #[test]
    fn events_with_only_a_name_have_a_message() {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let logs = JsonLogs::new(Identity::local("demo-app"), bytes.clone());
        tracing::subscriber::with_default(Registry::default().with(logs), || {
            tracing::error!(name = "Export.Failed", error = "refused");
        });
        let line: Value = serde_json::from_slice(&bytes.lock().unwrap()).unwrap();
        assert_eq!((&line["message"], &line["error"]), (&"Export.Failed".into(), &"refused".into()));
        assert!(line.get("name").is_none());
    }

    #[test]
    fn filters_are_checked() {
        for bad in ["", "loud", "info,loud", "a=b=c"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for good in ["info", "INFO", "warn,demo_app=debug", "off"] {
            assert!(parse(good).is_ok(), "{good}");
        }
    }
}
