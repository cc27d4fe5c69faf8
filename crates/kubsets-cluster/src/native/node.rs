//! A node seen from the host: started, entered, stopped.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::enter::with_programs;
use super::process::Process;
use super::state::{ClusterState, Layout, NodeState, read_json, write_atomically, write_json};
use super::wait::wait;
use super::{cgroup, config, host, network, node_init::NodeInit};
use crate::command::{HostRunner, Runner, WORK, last_lines};
use crate::{Error, Result};

/// Starts nodes of one cluster.
pub struct NodeStarter<'a> {
    /// Where the cluster is recorded.
    pub layout: &'a Layout,
    /// The cluster.
    pub state: &'a ClusterState,
    /// The command that becomes a node's first process; ` --dir FOLDER` is put behind it.
    pub supervisor: &'a [OsString],
}

impl NodeStarter<'_> {
    /// Starts a node with its containerd, on the cluster's network. A node that runs there is left alone.
    ///
    /// # Errors
    /// Any [`Error`]; what was started is in the node's folder.
    pub fn start(&self, node: &NodeState) -> Result<Process> {
        let name = &self.state.name;
        let plan = self.state.addresses()?;
        let folder = self.layout.node(name, &node.name);
        if let Some(process) = self.layout.process(name, &node.name).filter(Process::is_alive) {
            if !network::is_attached(Path::new(network::LINKS), &plan.node_link(node.index)) {
                // who started it was killed before its network was whole
                network::attach(&HostRunner, plan, node, &process)?;
                wait_for_containerd(&folder, &process)?;
            }
            return Ok(process);
        }
        self.write_files(node, &folder)?;
        // groups of containers that died with the node would hold the kubelet up for minutes
        cgroup::remove(name, Some(&node.name))?;
        cgroup::create(name, &node.name)?;
        cgroup::create_init(name, &node.name)?;
        let process = self.spawn(&folder)?;
        network::attach(&HostRunner, plan, node, &process)?;
        wait_for_containerd(&folder, &process)?;
        Ok(process)
    }

    fn write_files(&self, node: &NodeState, folder: &Path) -> Result<()> {
        for (_, own) in host::MOUNTPOINTS {
            create_dir(&folder.join(own))?;
        }
        for own in ["containerd", "cni", "cni-ipam", "etcd", "patches"] {
            create_dir(&folder.join(own))?;
        }
        let plan = self.state.addresses()?;
        let write = |file: &str, text: String| write_atomically(&folder.join(file), text.as_bytes(), 0o644);
        write("containerd.toml", config::containerd(folder))?;
        write("cni/10-kubsets.conflist", config::cni(plan, node.index, folder))?;
        write("resolv.conf", "# pods ask the cluster's DNS; names outside it are not resolved\n".into())?;
        for stale in ["process.json", "ready"] {
            // a file of a node that is not running any more
            let _ = fs::remove_file(folder.join(stale));
        }
        let init = NodeInit {
            name: node.name.clone(),
            programs: self.layout.programs(&self.state.name),
            group: cgroup::init_group(&self.state.name, &node.name),
        };
        write_json(&folder.join("node.json"), &init)
    }

    fn spawn(&self, folder: &Path) -> Result<Process> {
        let line = || self.supervisor.iter().map(|p| p.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let log_path = folder.join("supervisor.log");
        let log = fs::File::create(&log_path).map_err(Error::file("create", &log_path))?;
        let errors = log.try_clone().map_err(Error::file("open", &log_path))?;
        let (program, args) = self.supervisor.split_first().expect("the supervisor's command has a program");
        let status = Command::new(program)
            .args(args)
            .arg("--dir")
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .status()
            .map_err(|source| Error::Start { program: line(), source })?;
        let failed = || Error::Command {
            program: line(),
            code: status.code(),
            output: last_lines(&fs::read_to_string(&log_path).unwrap_or_default(), 12),
        };
        if !status.success() {
            return Err(failed());
        }
        let process = Process::read(&folder.join("process.json")).ok_or_else(failed)?;
        wait("the node's mounts", Duration::from_secs(20), || {
            if folder.join("ready").exists() {
                return Ok(None);
            }
            if process.is_alive() { Ok(Some("its first process is at work".into())) } else { Err(failed()) }
        })?;
        Ok(process)
    }
}

/// Ends a node and everything that runs in it. Its files stay.
///
/// # Errors
/// [`Error::Timeout`] where it does not end.
pub fn stop(layout: &Layout, state: &ClusterState, node: &NodeState) -> Result<()> {
    if let Some(process) = layout.process(&state.name, &node.name) {
        process.kill()?;
    }
    network::remove_link(&HostRunner, &state.addresses()?.node_link(node.index))?;
    cgroup::remove(&state.name, Some(&node.name))
}

/// Brings docker archives into a node's containerd, those that it does not have yet.
///
/// # Errors
/// [`Error::Command`] of `ctr`.
pub fn import(layout: &Layout, state: &ClusterState, node: &NodeState, archives: &[PathBuf]) -> Result<()> {
    let process = running(layout, state, node)?;
    let record = layout.node(&state.name, &node.name).join("images.json");
    let mut imported: BTreeSet<String> = read_json(&record)?.unwrap_or_default();
    for archive in archives {
        // `ctr` runs in a folder of its own
        let archive = path::absolute(archive).map_err(Error::file("find", archive))?;
        let identity = identity(&archive)?;
        if imported.contains(&identity) {
            continue;
        }
        let path = archive.to_string_lossy();
        let import = ["ctr", "--namespace", "k8s.io", "images", "import", "--digests=false", &path];
        HostRunner.run(&with_programs(layout, state, node, &process).args(import).within(WORK))?;
        imported.insert(identity);
        write_json(&record, &imported)?;
    }
    Ok(())
}

/// What tells a file from another version of itself: path, size and time of change.
pub(super) fn identity(file: &Path) -> Result<String> {
    let metadata = fs::metadata(file).map_err(Error::file("read", file))?;
    Ok(format!("{} {} {}.{:09}", file.display(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

/// The first process of a node that must be running.
///
/// # Errors
/// [`Error::DeadNode`] where it is not.
pub fn running(layout: &Layout, state: &ClusterState, node: &NodeState) -> Result<Process> {
    let process = layout.process(&state.name, &node.name).filter(Process::is_alive);
    process.ok_or_else(|| Error::DeadNode {
        cluster: state.name.to_string(),
        node: node.name.clone(),
        nodes: state.nodes.len(),
    })
}

fn wait_for_containerd(folder: &Path, process: &Process) -> Result<()> {
    let socket = PathBuf::from(format!("/proc/{}/root/run/containerd/containerd.sock", process.pid));
    let log = folder.join("containerd.log");
    wait("the start of containerd", Duration::from_mins(1), || match std::os::unix::net::UnixStream::connect(
        &socket,
    ) {
        Ok(_) => Ok(None),
        Err(e) => Ok(Some(format!("{e}; {}", last_lines(&fs::read_to_string(&log).unwrap_or_default(), 2)))),
    })
}

fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::file("create", path))
}
