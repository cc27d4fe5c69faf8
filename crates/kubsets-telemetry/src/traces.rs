//! The tracer: W3C ids always, OTLP export only when an endpoint is set.

use std::time::Duration;

use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    resource::EnvResourceDetector,
    trace::{SdkTracerProvider, TracerProviderBuilder},
};

use crate::Identity;

/// Spans that wait for export are dropped when the collector does not answer within this time at
/// the end of the process.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Builds the tracer of a service.
///
/// Without `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, or with
/// `OTEL_SDK_DISABLED=true`, spans get ids but go nowhere. Sampling follows `OTEL_TRACES_SAMPLER`
/// and `OTEL_TRACES_SAMPLER_ARG` and is parent based and complete by default; the batch processor
/// follows `OTEL_BSP_*`.
///
/// # Errors
/// When an endpoint is set and the exporter refuses it.
pub fn tracer_provider(identity: &Identity) -> Result<SdkTracerProvider, ExporterBuildError> {
    let builder = SdkTracerProvider::builder().with_resource(resource(identity));
    Ok(with_exporter(builder)?.build())
}

fn with_exporter(builder: TracerProviderBuilder) -> Result<TracerProviderBuilder, ExporterBuildError> {
    if !is_export_on(|name| std::env::var(name).ok()) {
        return Ok(builder);
    }
    // The batch processor has a thread of its own without an async runtime: hence the blocking client.
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?;
    Ok(builder.with_batch_exporter(exporter))
}

/// Whether the environment asks for export.
fn is_export_on(get: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name| get(name).is_some_and(|value| !value.trim().is_empty());
    let is_disabled = get("OTEL_SDK_DISABLED").is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
        || get("OTEL_TRACES_EXPORTER").is_some_and(|value| value.trim() == "none");
    !is_disabled && (is_set("OTEL_EXPORTER_OTLP_ENDPOINT") || is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
}

/// What the environment says of the resource wins over what we know.
fn resource(identity: &Identity) -> Resource {
    let known = [
        ("service.name", identity.service.to_owned()),
        ("service.namespace", "kubsets".to_owned()),
        ("service.version", identity.version.to_string()),
        ("service.instance.id", identity.instance_id()),
        ("k8s.namespace.name", identity.namespace.to_string()),
        ("k8s.pod.name", identity.pod.to_string()),
        ("k8s.node.name", identity.node.to_string()),
        ("k8s.container.name", identity.service.to_owned()),
        ("telemetry.sdk.name", "opentelemetry".to_owned()),
        ("telemetry.sdk.language", "rust".to_owned()),
    ];
    let mut builder = Resource::builder_empty()
        .with_attributes(known.map(|(name, value)| KeyValue::new(Key::from_static_str(name), value)))
        .with_detector(Box::new(EnvResourceDetector::new()));
    if let Ok(name) = std::env::var("OTEL_SERVICE_NAME")
        && !name.is_empty()
    {
        builder = builder.with_service_name(name);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_endpoint_means_no_export() {
        let environment = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned())
        };
        assert!(!is_export_on(environment(&[])));
        assert!(!is_export_on(environment(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")])));
        assert!(is_export_on(environment(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")])));
        assert!(is_export_on(environment(&[(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://c:4318/v1/traces"
        )])));
        assert!(!is_export_on(environment(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
            ("OTEL_SDK_DISABLED", "true"),
        ])));
        assert!(!is_export_on(environment(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ])));
    }

    #[test]
    fn the_resource_names_the_instance() {
        let resource = resource(&Identity::local("worker"));
        assert_eq!(resource.get(&Key::new("service.name")).unwrap().as_str(), "worker");
        assert_eq!(resource.get(&Key::new("service.instance.id")).unwrap().as_str(), "default.local.worker");
    }
}
