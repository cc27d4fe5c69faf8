//! Where a Kubernetes cluster comes from: namespaces of this host (`native`), the tools kind and k3d,
//! or a context that is there already (`current`).
//!
//! A provider makes, finds, changes and removes a cluster; it does not install anything into it.
//! Everything here is blocking: callers on an async runtime use a blocking task.

pub mod command;
pub mod current;
pub mod error;
pub mod event;
pub mod k3d;
pub mod kind;
pub mod kubeconfig;
pub mod name;
pub mod native;
pub mod provider;

pub use error::{Error, Result};
pub use event::{Event, Events, Work};
pub use name::ClusterName;
pub use provider::{ClusterInfo, ClusterSpec, Health, NodeInfo, Provider, ProviderKind, Role};
