//! What both ends of a topic share: logs of the client library and trace headers of messages.

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::KafkaError,
    message::{Header, Headers, OwnedHeaders},
};

use crate::propagation::{TRACEPARENT, TRACESTATE, TraceFields};

/// Sends the log of the client library to ours.
///
/// The library repeats itself while a broker is away, and the service reports that state once: so
/// its lines are shown at `debug`, fatal ones excepted.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogContext;

impl ClientContext for LogContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "librdkafka", facility, "{message}");
            }
            _ => tracing::debug!(target: "librdkafka", facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", error = %error, "{reason}");
    }
}

impl ConsumerContext for LogContext {}

/// The value of a header as text, when it is there and is text.
pub fn header<'a, H: Headers>(headers: Option<&'a H>, name: &str) -> Option<&'a str> {
    let value = headers?.iter().find(|header| header.key == name)?.value?;
    std::str::from_utf8(value).ok()
}

/// The trace that a message belongs to.
pub fn trace_fields<H: Headers>(headers: Option<&H>) -> TraceFields {
    TraceFields {
        traceparent: header(headers, TRACEPARENT).map(str::to_owned),
        tracestate: header(headers, TRACESTATE).map(str::to_owned),
    }
}

/// Adds a text header.
pub fn with_header(headers: OwnedHeaders, name: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key: name, value: Some(value) })
}

/// Adds the trace that a message belongs to.
pub fn with_trace(headers: OwnedHeaders, trace: &TraceFields) -> OwnedHeaders {
    trace.pairs().fold(headers, |headers, (name, value)| with_header(headers, name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_headers_come_back() {
        let trace = TraceFields {
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            tracestate: None,
        };
        let headers = with_trace(with_header(OwnedHeaders::new(), "attempt", "2"), &trace);
        assert_eq!(trace_fields(Some(&headers)), trace);
        assert_eq!(header(Some(&headers), "attempt"), Some("2"));
        assert_eq!(header(Some(&headers), "absent"), None);
    }
}
