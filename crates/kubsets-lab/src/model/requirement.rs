//! What a lab needs of the cluster.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A need of a lab. One that is missing skips the lab and names the command that supplies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Requirement {
    /// A group and version of the API, such as `gateway.networking.k8s.io/v1`.
    Api(String),
    /// A Deployment in the demo stack's namespace.
    Deployment(String),
    /// A `StatefulSet` in the demo stack's namespace.
    StatefulSet(String),
    /// A platform component.
    Component(Component),
    /// Nodes that are ready, at least.
    Nodes(u32),
    /// A default `StorageClass`.
    DefaultStorageClass {},
}

impl fmt::Display for Requirement {
    /// In words, such as `Deployment demo-app`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(api) => f.write_str(api),
            Self::Deployment(name) => write!(f, "Deployment {name}"),
            Self::StatefulSet(name) => write!(f, "StatefulSet {name}"),
            Self::Component(component) => f.write_str(component.name()),
            Self::Nodes(count) => write!(f, "{count} nodes"),
            Self::DefaultStorageClass {} => f.write_str("a default StorageClass"),
        }
    }
}

/// A component of the platform that not every cluster has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// The gateway's controller.
    EnvoyGateway,
    /// Figures of pods and nodes for autoscalers.
    MetricsServer,
    /// Metrics, which `query` asks.
    Prometheus,
}

impl Component {
    /// Its name, which is that of its Deployment.
    pub fn name(self) -> &'static str {
        match self {
            Self::EnvoyGateway => "envoy-gateway",
            Self::MetricsServer => "metrics-server",
            Self::Prometheus => "prometheus",
        }
    }
}
