//! W3C trace context: into and out of HTTP headers, message headers and table rows.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::identity::header_value;

/// Name of the header that carries the trace and parent span.
pub const TRACEPARENT: &str = "traceparent";
/// Name of the header that carries vendor data of the trace.
pub const TRACESTATE: &str = "tracestate";

/// The two W3C values, as they are stored in a row or a message header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceFields {
    /// `00-<trace id>-<span id>-<flags>`.
    pub traceparent: Option<String>,
    /// Vendor data, mostly absent.
    pub tracestate: Option<String>,
}

impl TraceFields {
    /// The values that make `span` the parent.
    pub fn of(span: &Span) -> Self {
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
        Self {
            traceparent: carrier.remove(TRACEPARENT),
            tracestate: carrier.remove(TRACESTATE).filter(|state| !state.is_empty()),
        }
    }

    /// The context that the values describe; empty when they are absent or malformed.
    pub fn to_context(&self) -> Context {
        TraceContextPropagator::new().extract_with_context(&Context::new(), self)
    }

    /// Name and value of what is there.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [(TRACEPARENT, self.traceparent.as_deref()), (TRACESTATE, self.tracestate.as_deref())]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Extractor for TraceFields {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => self.traceparent.as_deref(),
            TRACESTATE => self.tracestate.as_deref(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        self.pairs().map(|(name, _)| name).collect()
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let Ok(name) = HeaderName::try_from(key)
            && !value.is_empty()
        {
            self.0.insert(name, header_value(&value));
        }
    }
}

/// The remote context of an HTTP request, or `None` when it has none.
pub fn extract_http(headers: &HeaderMap) -> Option<Context> {
    headers
        .contains_key(TRACEPARENT)
        .then(|| TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers)))
}

/// Puts the context of `span` into the headers of a request that is about to be sent.
pub fn inject_http(span: &Span, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&span.context(), &mut HeadersMut(headers));
}

/// Makes `context` the parent of `span`, which must not have been entered yet. Without a valid
/// parent the span starts a trace of its own.
pub fn set_parent(span: &Span, context: &Context) {
    if context.span().span_context().is_valid() {
        // Fails only when spans are switched off, where there is nothing to connect.
        let _ = span.set_parent(context.clone());
    }
}

/// Links `span` to `context`, so that the edge is seen even where a tool cuts the trace.
pub fn link(span: &Span, context: &Context) {
    span.add_link(context.span().span_context().clone());
}

/// Ids of a span; invalid when no tracer is installed.
pub fn span_context(span: &Span) -> SpanContext {
    span.context().span().span_context().clone()
}

/// The trace id of a span as 32 hexadecimal digits, or `None` when no tracer is installed.
pub fn trace_id(span: &Span) -> Option<String> {
    let context = span_context(span);
    context.is_valid().then(|| context.trace_id().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn reads_headers_and_rows_alike() {
        let mut headers = HeaderMap::new();
        assert!(extract_http(&headers).is_none());
        headers.insert(TRACEPARENT, PARENT.parse().unwrap());
        headers.insert(TRACESTATE, "vendor=1".parse().unwrap());
        let from_headers = extract_http(&headers).unwrap();
        let row = TraceFields { traceparent: Some(PARENT.into()), tracestate: Some("vendor=1".into()) };
        for context in [from_headers, row.to_context()] {
            let span = context.span().span_context().clone();
            assert_eq!(span.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
            assert!(span.is_sampled() && span.is_remote());
            assert_eq!(span.trace_state().header(), "vendor=1");
        }
    }

    #[test]
    fn malformed_values_are_no_parent() {
        for text in ["", "junk", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
            let fields = TraceFields { traceparent: Some(text.into()), tracestate: None };
            assert!(!fields.to_context().span().span_context().is_valid(), "{text}");
        }
    }

    #[test]
    fn nothing_is_invented_without_a_tracer() {
        assert_eq!(TraceFields::of(&Span::none()), TraceFields::default());
        assert_eq!(trace_id(&Span::none()), None);
    }
}
