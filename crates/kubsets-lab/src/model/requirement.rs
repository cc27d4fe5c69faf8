//! What a lab needs of the cluster.

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
    /// A platform component, such as `prometheus` or `metrics-server`.
    Component(String),
    /// Nodes that are ready, at least.
    Nodes(u32),
    /// A default `StorageClass`.
    DefaultStorageClass {},
}
