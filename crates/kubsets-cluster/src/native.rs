//! The native provider: real Kubernetes on this Linux host without a container engine.
//!
//! A node is a set of namespaces (mount, network, host name, processes) with its own containerd and
//! kubelet; kubeadm bootstraps the cluster. The first process of a node supervises both, and when it
//! ends the kernel ends everything in the node with it, network devices and mounts included.
//! What outlives a node is written down before it is made: see [`host`].

pub mod address;
pub mod bootstrap;
pub mod cgroup;
pub mod config;
pub mod enter;
pub mod host;
pub mod lock;
pub mod network;
pub mod node;
pub mod node_init;
pub mod process;
mod provider;
pub mod state;
pub mod template;
mod wait;

pub use provider::{Native, Parts, PartsSource};

/// Folder of all native clusters' state, unless a test or a person names another.
pub const DEFAULT_ROOT: &str = "/var/lib/kubsets";
