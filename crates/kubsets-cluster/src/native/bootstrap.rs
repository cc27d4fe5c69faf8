//! From running nodes to a Kubernetes cluster: kubeadm, kubeconfig, health.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::config;
use super::enter::with_programs;
use super::node::{NodeStarter, running};
use super::process::Process;
use super::state::{ClusterState, Layout, NodeState, write_atomically};
use super::wait::wait;
use crate::command::{HostRunner, Invocation, Runner, WORK};
use crate::{Error, Result};

/// Where kubeadm puts the administrator's kubeconfig, below a node's folder.
const ADMIN: &str = "kubernetes/admin.conf";

/// Makes the control plane on the first node.
///
/// # Errors
/// [`Error::Command`] of kubeadm with its last lines.
pub fn init(layout: &Layout, state: &ClusterState, node: &NodeState, process: &Process) -> Result<()> {
    let folder = layout.node(&state.name, &node.name);
    let file = folder.join("kubeadm-init.yaml");
    write_atomically(&file, config::kubeadm_init(state, state.addresses()?, &folder).as_bytes(), 0o600)?;
    let init = with_programs(layout, state, node, process).args([
        "kubeadm",
        "init",
        "--config",
        &file.to_string_lossy(),
        "--skip-phases=preflight,addon/coredns",
        "--skip-token-print",
    ]);
    HostRunner.run(&init.within(WORK))?;
    publish_kubeconfig(layout, state, node)
}

/// Makes the administrator's kubeconfig known at the cluster's own place.
fn publish_kubeconfig(layout: &Layout, state: &ClusterState, node: &NodeState) -> Result<()> {
    let admin = layout.node(&state.name, &node.name).join(ADMIN);
    let text = fs::read(&admin).map_err(Error::file("read", &admin))?;
    write_atomically(&layout.admin_kubeconfig(&state.name), &text, 0o600)
}

/// Joins a further node. Doing it again on a node that joined is an error of kubeadm.
///
/// # Errors
/// [`Error::Command`] of kubeadm with its last lines.
pub fn join(layout: &Layout, state: &ClusterState, node: &NodeState, process: &Process) -> Result<()> {
    let control_plane =
        state.control_plane().ok_or_else(|| Error::NoCluster { name: state.name.to_string() })?;
    let first = running(layout, state, control_plane)?;
    let token = HostRunner.run(&with_programs(layout, state, control_plane, &first).args([
        "kubeadm",
        "token",
        "create",
        "--ttl",
        "10m",
        "--kubeconfig",
        "/etc/kubernetes/admin.conf",
    ]))?;
    let token = token.trim();
    let folder = layout.node(&state.name, &node.name);
    write_atomically(&folder.join("discovery.conf"), discovery(layout, state)?.as_bytes(), 0o600)?;
    let file = folder.join("kubeadm-join.yaml");
    let text = config::kubeadm_join(state, node, state.addresses()?, &folder, token);
    write_atomically(&file, text.as_bytes(), 0o600)?;
    let join = with_programs(layout, state, node, process).args([
        "kubeadm",
        "join",
        "--config",
        &file.to_string_lossy(),
        "--skip-phases=preflight",
    ]);
    HostRunner.run(&join.within(WORK)).map(drop)
}

/// A kubeconfig that holds the cluster's address and certificate authority and no credentials.
fn discovery(layout: &Layout, state: &ClusterState) -> Result<String> {
    let path = layout.admin_kubeconfig(&state.name);
    let mut config = crate::kubeconfig::read(&path)?;
    config["users"][0]["user"] = serde_json::json!({});
    Ok(format!("{config:#}"))
}

/// `kubectl` on the host with the administrator's rights. What it learns about the API goes with the cluster.
pub fn kubectl(layout: &Layout, state: &ClusterState) -> Invocation {
    let program = layout.programs(&state.name).join("kubectl");
    Invocation::new(program.to_string_lossy()).args([
        "--kubeconfig",
        &layout.admin_kubeconfig(&state.name).to_string_lossy(),
        "--cache-dir",
        &layout.kubectl_cache(&state.name).to_string_lossy(),
        "--request-timeout=5s",
    ])
}

/// Waits until the API server says that it is ready.
///
/// # Errors
/// [`Error::Timeout`] with what it said last.
pub fn wait_for_api(layout: &Layout, state: &ClusterState, limit: Duration) -> Result<()> {
    let ask = kubectl(layout, state).args(["get", "--raw", "/readyz"]);
    wait("the API server's readiness", limit, || match HostRunner.run(&ask) {
        Ok(answer) if answer.trim() == "ok" => Ok(None),
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Command { output, .. }) => Ok(Some(output)),
        Err(late @ Error::Late { .. }) => Ok(Some(late.to_string())),
        Err(other) => Err(other),
    })
}

/// Waits until every node is ready.
///
/// # Errors
/// [`Error::Timeout`] with the nodes' states.
pub fn wait_for_nodes(layout: &Layout, state: &ClusterState, limit: Duration) -> Result<()> {
    let path =
        "jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type==\"Ready\")].status} {end}";
    let ask = kubectl(layout, state).args(["get", "nodes", "-o", path]);
    let wanted: Vec<String> = state.nodes.iter().map(|n| format!("{}=True", n.name)).collect();
    wait("the readiness of all nodes", limit, || match HostRunner.run(&ask) {
        Ok(answer) => {
            let seen: Vec<&str> = answer.split_ascii_whitespace().collect();
            Ok((!wanted.iter().all(|w| seen.contains(&w.as_str()))).then(|| answer.clone()))
        }
        Err(Error::Command { output, .. }) => Ok(Some(output)),
        Err(late @ Error::Late { .. }) => Ok(Some(late.to_string())),
        Err(other) => Err(other),
    })
}

/// Starts all nodes of a cluster, the control plane first.
///
/// # Errors
/// Any [`Error`] of a node's start.
pub fn start_nodes(starter: &NodeStarter<'_>) -> Result<Vec<Process>> {
    let plan = starter.state.addresses()?;
    let mut processes = Vec::new();
    for node in &starter.state.nodes {
        processes.push(starter.start(node)?);
    }
    for (node, process) in starter.state.nodes.iter().zip(&processes) {
        super::network::route_peers(&HostRunner, plan, node, process, &starter.state.nodes)?;
    }
    Ok(processes)
}

/// Whether kubeadm left a control plane in this node's folder.
pub fn is_initialised(folder: &Path) -> bool {
    folder.join(ADMIN).exists() && folder.join("etcd/member").exists()
}
