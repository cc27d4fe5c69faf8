//! A node seen from the host: started, entered, stopped.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

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

/// What was brought into a node, the oldest call first.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Recorded")]
struct Imports {
    calls: Vec<Call>,
}

/// One call of [`import`], in identities of archives.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Call {
    /// Those that were asked for: no two of them have an image of the same name.
    wanted: Vec<String>,
    /// Those that were brought in, but for those that a later call brought in again.
    imported: Vec<String>,
}

/// The record as it is read.
#[derive(Deserialize)]
#[serde(untagged)]
enum Recorded {
    Calls {
        calls: Vec<Call>,
    },
    /// That of an earlier version, in no order.
    Set(Vec<String>),
}

impl From<Recorded> for Imports {
    fn from(recorded: Recorded) -> Self {
        match recorded {
            Recorded::Calls { calls } => Self { calls },
            Recorded::Set(set) => Self { calls: vec![Call { wanted: set.clone(), imported: set }] },
        }
    }
}

impl Imports {
    /// Whether an archive's images still have their names: nothing came in later that may have taken one.
    fn have(&self, archive: &String, wanted: &[String]) -> bool {
        let Some(place) = self.calls.iter().position(|call| call.imported.contains(archive)) else {
            return false;
        };
        let beside =
            |call: &Call| call.wanted.contains(archive) || call.imported.iter().all(|i| wanted.contains(i));
        self.calls[place + 1..].iter().all(beside)
    }

    /// Begins a call.
    fn begin(&mut self, wanted: Vec<String>) {
        self.calls.push(Call { wanted, imported: Vec::new() });
    }

    /// Writes down what the last call brought in, and forgets earlier calls of which nothing is left.
    fn add(&mut self, archive: &str) {
        for call in &mut self.calls {
            call.imported.retain(|imported| imported != archive);
        }
        if let Some(last) = self.calls.last_mut() {
            last.imported.push(archive.to_owned());
        }
        self.calls.retain(|call| !call.imported.is_empty());
    }
}

/// Brings docker archives into a node's containerd, those that it does not have, or of which a later archive may have
/// taken a name.
///
/// # Errors
/// [`Error::Command`] of `ctr`.
pub fn import(layout: &Layout, state: &ClusterState, node: &NodeState, archives: &[PathBuf]) -> Result<()> {
    let process = running(layout, state, node)?;
    let record = layout.node(&state.name, &node.name).join("images.json");
    let mut imports: Imports = read_json(&record)?.unwrap_or_default();
    // `ctr` runs in a folder of its own
    let archives: Vec<PathBuf> = archives
        .iter()
        .map(|archive| path::absolute(archive).map_err(Error::file("find", archive)))
        .collect::<Result<_>>()?;
    let wanted: Vec<String> = archives.iter().map(|archive| identity(archive)).collect::<Result<_>>()?;
    let missing: Vec<_> =
        archives.iter().zip(&wanted).filter(|(_, identity)| !imports.have(identity, &wanted)).collect();
    imports.begin(wanted.clone());
    for (archive, identity) in missing {
        let path = archive.to_string_lossy();
        let import = ["ctr", "--namespace", "k8s.io", "images", "import", "--digests=false", &path];
        HostRunner.run(&with_programs(layout, state, node, &process).args(import).within(WORK))?;
        imports.add(identity);
        write_json(&record, &imports)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A call as [`import`] makes it; returns what it brings in.
    fn call(imports: &mut Imports, wanted: &[&str]) -> Vec<String> {
        let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        let missing: Vec<String> = wanted.iter().filter(|w| !imports.have(w, &wanted)).cloned().collect();
        imports.begin(wanted);
        for archive in &missing {
            imports.add(archive);
        }
        missing
    }

    #[test]
    fn an_archive_that_a_later_one_may_have_replaced_is_brought_in_again() {
        let mut imports = Imports::default();
        for wanted in ["a", "b", "a"] {
            assert_eq!(call(&mut imports, &[wanted]), [wanted]);
            assert!(call(&mut imports, &[wanted]).is_empty(), "{wanted} twice");
        }
    }

    #[test]
    fn a_change_of_one_archive_brings_in_only_that_one() {
        let mut imports = Imports::default();
        assert_eq!(call(&mut imports, &["pause", "kafka"]).len(), 2);
        for own in ["own 1", "own 2", "own 1"] {
            assert_eq!(call(&mut imports, &["kafka", own]), [own]);
            assert!(call(&mut imports, &["kafka", own]).is_empty(), "{own} twice");
        }
        let recorded: usize = imports.calls.iter().map(|call| call.imported.len()).sum();
        assert_eq!(recorded, 4, "{imports:?}");
    }

    #[test]
    fn a_record_of_an_earlier_version_counts_as_one_call() {
        let mut imports: Imports = serde_json::from_str(r#"["a", "b"]"#).unwrap();
        assert!(call(&mut imports, &["a"]).is_empty() && call(&mut imports, &["b"]).is_empty());
        assert_eq!(call(&mut imports, &["c"]), ["c"]);
        let again: Imports = serde_json::from_str(&serde_json::to_string(&imports).unwrap()).unwrap();
        assert_eq!(again, imports);
    }
}
