//! Command lines that run inside a node.

use super::process::Process;
use super::state::{ClusterState, Layout, NodeState};
use crate::command::Invocation;

/// The search path inside a node, after the cluster's own programs.
pub const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command that runs inside a node's namespaces.
pub fn inside(process: &Process, command: &[&str]) -> Invocation {
    let pid = process.pid.to_string();
    Invocation::new("nsenter")
        .args(["-t", &pid, "-m", "-u", "-n", "-p", "--wd=/", "--"])
        .args(command.iter().copied())
}

/// A command line inside a node with the cluster's programs on the path, `HOME` in the node's folder.
pub fn with_programs(
    layout: &Layout,
    state: &ClusterState,
    node: &NodeState,
    process: &Process,
) -> Invocation {
    let folder = layout.node(&state.name, &node.name);
    let path = format!("PATH={}:{SYSTEM_PATH}", layout.programs(&state.name).display());
    inside(process, &["env", &path, &format!("HOME={}", folder.display())])
}
