//! Who a process is: service, version, pod, namespace, node.

use std::sync::Arc;

use http::HeaderValue;

/// Names that appear in headers, metric labels, log lines and the trace resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the service, such as `demo-app`.
    pub service: &'static str,
    /// Version as it was deployed.
    pub version: Arc<str>,
    /// Name of the pod, or of the host.
    pub pod: Arc<str>,
    /// Namespace of the pod.
    pub namespace: Arc<str>,
    /// Name of the node.
    pub node: Arc<str>,
}

impl Identity {
    /// An identity for tests and local runs.
    pub fn local(service: &'static str) -> Self {
        Self {
            service,
            version: env!("CARGO_PKG_VERSION").into(),
            pod: "local".into(),
            namespace: "default".into(),
            node: "local".into(),
        }
    }

    /// `service.instance.id` of the trace resource: namespace, pod and container.
    pub fn instance_id(&self) -> String {
        format!("{}.{}.{}", self.namespace, self.pod, self.service)
    }
}

/// A header value from any text: characters that a header cannot hold become `?`.
pub fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| {
        let safe: String = text.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect();
        HeaderValue::from_str(&safe).unwrap_or(HeaderValue::from_static("?"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_never_fail() {
        assert_eq!(header_value("1.2.3"), "1.2.3");
        assert_eq!(header_value("a\nb"), "a?b");
    }
}
