//! The one interface of all providers.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ClusterName, Error, Events, Result};

/// What kind of provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Nodes are namespaces on this Linux host.
    Native,
    /// Kubernetes in Docker, by the tool `kind`.
    Kind,
    /// k3s in Docker, by the tool `k3d`.
    K3d,
    /// A context of the kubeconfig; the cluster is not ours.
    Current,
}

impl ProviderKind {
    /// The name as a person writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Kind => "kind",
            Self::K3d => "k3d",
            Self::Current => "current",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProviderKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Native, Self::Kind, Self::K3d, Self::Current]
            .into_iter()
            .find(|k| k.as_str() == text)
            .ok_or_else(|| Error::Invalid {
                field: "provider",
                value: text.into(),
                accepted: "native, kind, k3d or current",
            })
    }
}

/// The cluster that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// Its name.
    pub name: ClusterName,
    /// Nodes in all, the control plane among them: 1 to 5.
    pub nodes: u8,
    /// Kubernetes version, e.g. `v1.36.3`.
    pub kubernetes: String,
}

impl ClusterSpec {
    /// Checks the bounds that all providers share.
    ///
    /// # Errors
    /// [`Error::Invalid`] where `nodes` is not 1 to 5.
    pub fn validate(&self) -> Result<()> {
        if (1..=5).contains(&self.nodes) {
            return Ok(());
        }
        Err(Error::Invalid {
            field: "nodes",
            value: self.nodes.to_string(),
            accepted: "a whole number from 1 to 5",
        })
    }
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the API server, the controllers and etcd, and pods too.
    ControlPlane,
    /// Runs pods.
    Worker,
}

/// How a cluster or a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "lowercase")]
pub enum Health {
    /// It answers.
    Running,
    /// It is there in part, with the reason.
    Degraded(String),
    /// It is recorded and not running.
    Stopped,
    /// Its record cannot be read, with the reason.
    Damaged(String),
}

/// A node as the provider sees it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    /// Its name in Kubernetes.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its address; empty where the provider does not say.
    pub address: String,
    /// How it is.
    pub health: Health,
}

/// A cluster as the provider sees it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterInfo {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub provider: ProviderKind,
    /// The context in the kubeconfig.
    pub context: String,
    /// Its nodes; empty where the provider does not know.
    pub nodes: Vec<NodeInfo>,
    /// How it is as a whole.
    pub health: Health,
    /// What helps, where we know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Makes, finds, changes and removes clusters of one kind.
pub trait Provider: Send + Sync {
    /// Its kind.
    fn kind(&self) -> ProviderKind;

    /// Whether it can work here.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason and the fix.
    fn check(&self) -> Result<()>;

    /// Makes the cluster, or repairs it where it exists in part. Doing it twice changes nothing.
    ///
    /// # Errors
    /// Any [`Error`]; what was made stays recorded, so that [`Provider::delete`] or another call goes on from it.
    fn create(&self, spec: &ClusterSpec, events: &dyn Events) -> Result<ClusterInfo>;

    /// Removes the cluster and everything that belongs to it. One that does not exist is no error.
    ///
    /// # Errors
    /// [`Error::Leftover`] where something stayed behind.
    fn delete(&self, name: &ClusterName, events: &dyn Events) -> Result<()>;

    /// The clusters of this provider.
    ///
    /// # Errors
    /// Any [`Error`] that reading their state brings.
    fn list(&self) -> Result<Vec<ClusterInfo>>;

    /// One cluster.
    ///
    /// # Errors
    /// [`Error::NoCluster`] where it does not exist.
    fn status(&self, name: &ClusterName) -> Result<ClusterInfo> {
        self.list()?
            .into_iter()
            .find(|c| c.name == name.as_str())
            .ok_or_else(|| Error::NoCluster { name: name.to_string() })
    }

    /// A kubeconfig of its own for the cluster, as YAML.
    ///
    /// # Errors
    /// [`Error::NoCluster`] where it does not exist.
    fn kubeconfig(&self, name: &ClusterName) -> Result<String>;

    /// Adds a worker and returns its name.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the provider cannot.
    fn add_node(&self, name: &ClusterName, events: &dyn Events) -> Result<String>;

    /// Removes a worker.
    ///
    /// # Errors
    /// [`Error::NoNode`] where it does not exist.
    fn remove_node(&self, name: &ClusterName, node: &str, events: &dyn Events) -> Result<()>;

    /// Brings images (docker archives) to every node.
    ///
    /// # Errors
    /// Any [`Error`] of the tool that loads them.
    fn load_images(&self, name: &ClusterName, archives: &[PathBuf], events: &dyn Events) -> Result<()>;
}
