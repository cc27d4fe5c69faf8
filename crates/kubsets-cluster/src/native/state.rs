//! What is written down of a native cluster: one folder a cluster, one file that says what there is.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::address::AddressPlan;
use super::process::Process;
use crate::{ClusterName, Error, Result, Role};

/// Nodes of a cluster at the most, the control plane among them.
const MAX_NODES: u8 = 5;

/// A native cluster as it is recorded, before and while it exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterState {
    /// Its name.
    pub name: ClusterName,
    /// Which addresses it has.
    pub slot: u8,
    /// Kubernetes version, e.g. `v1.36.3`.
    pub kubernetes: String,
    /// Whether kubeadm finished: from then on the cluster is repaired, before it is made anew.
    pub initialised: bool,
    /// Its nodes by index; the first is the control plane.
    pub nodes: Vec<NodeState>,
}

/// A node as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeState {
    /// Its place, from 0; decides its addresses.
    pub index: u8,
    /// Its name in Kubernetes.
    pub name: String,
    /// Whether it joined the cluster.
    pub joined: bool,
}

impl NodeState {
    /// What it does.
    pub fn role(&self) -> Role {
        if self.index == 0 { Role::ControlPlane } else { Role::Worker }
    }
}

impl ClusterState {
    /// Its addresses.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a damaged record.
    pub fn addresses(&self) -> Result<AddressPlan> {
        AddressPlan::new(self.slot)
    }

    /// The control plane's node.
    pub fn control_plane(&self) -> Option<&NodeState> {
        self.nodes.iter().find(|n| n.index == 0)
    }

    /// A worker that is recorded and did not join.
    pub fn unjoined(&self) -> Option<&NodeState> {
        self.nodes.iter().find(|n| n.index != 0 && !n.joined)
    }

    /// The place of the worker to join next: one that did not join, else a new one that is put into the record.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the cluster has as many nodes as it can.
    pub fn next_worker(&mut self) -> Result<u8> {
        if let Some(node) = self.unjoined() {
            return Ok(node.index);
        }
        let free = (1..MAX_NODES).find(|i| self.nodes.iter().all(|n| n.index != *i));
        let index = free.ok_or_else(|| Error::Invalid {
            field: "nodes",
            value: (self.nodes.len() + 1).to_string(),
            accepted: "5 nodes at the most",
        })?;
        self.nodes.push(NodeState { index, name: self.name.node(index), joined: false });
        Ok(index)
    }

    /// Writes down that a node joined.
    pub fn set_joined(&mut self, index: u8) {
        for node in self.nodes.iter_mut().filter(|n| n.index == index) {
            node.joined = true;
        }
    }
}

/// Paths below the root of all native clusters.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A cluster's folder.
    pub fn cluster(&self, name: &ClusterName) -> PathBuf {
        self.root.join(name.as_str())
    }

    /// A node's folder.
    pub fn node(&self, name: &ClusterName, node: &str) -> PathBuf {
        self.cluster(name).join("nodes").join(node)
    }

    /// The folder of the programs that the nodes run.
    pub fn programs(&self, name: &ClusterName) -> PathBuf {
        self.cluster(name).join("bin")
    }

    /// The kubeconfig of the cluster's administrator.
    pub fn admin_kubeconfig(&self, name: &ClusterName) -> PathBuf {
        self.cluster(name).join("kubeconfig")
    }

    /// Where our calls of `kubectl` keep what they learnt about the API, instead of in the user's `~/.kube/cache`.
    pub fn kubectl_cache(&self, name: &ClusterName) -> PathBuf {
        self.cluster(name).join("kubectl-cache")
    }

    fn state_file(&self, name: &ClusterName) -> PathBuf {
        self.cluster(name).join("cluster.json")
    }

    /// The record of a cluster; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Format`] where it is damaged.
    pub fn load(&self, name: &ClusterName) -> Result<Option<ClusterState>> {
        read_json(&self.state_file(name))
    }

    /// Writes a cluster's record so that a crash leaves the old or the new one.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, state: &ClusterState) -> Result<()> {
        write_json(&self.state_file(&state.name), state)
    }

    /// The names of the clusters that have a folder, with or without a record, sorted.
    ///
    /// # Errors
    /// [`Error::File`] where the root cannot be listed.
    pub fn clusters(&self) -> Result<Vec<ClusterName>> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::file("list", &self.root)(e)),
        };
        let mut names: Vec<ClusterName> = entries
            .filter_map(|e| e.ok().filter(|e| e.path().is_dir()))
            .filter_map(|e| e.file_name().to_str()?.parse().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The first process of a node, where it was written down.
    pub fn process(&self, name: &ClusterName, node: &str) -> Option<Process> {
        Process::read(&self.node(name, node).join("process.json"))
    }
}

/// Reads a JSON file; `None` where it does not exist.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::file("read", path)(e)),
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|e| Error::Format { path: path.into(), reason: e.to_string() })
}

/// Writes a JSON file by way of a temporary one beside it.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::Format { path: path.into(), reason: e.to_string() })?;
    write_atomically(path, text.as_bytes(), 0o600)
}

/// Writes a file by way of a temporary one beside it, synced before it takes the name.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    write_prepared(path, bytes, mode, |_| Ok(()))
}

/// [`write_atomically`], but a file that is there keeps its mode and owner, and a link to it stays a link.
pub(crate) fn rewrite_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let Ok(target) = fs::canonicalize(path) else { return write_atomically(path, bytes, mode) };
    let old = fs::metadata(&target).map_err(Error::file("read", &target))?;
    write_prepared(&target, bytes, mode, |file| {
        std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()))?;
        file.set_permissions(old.permissions())
    })
}

fn write_prepared(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    prepare: impl Fn(&fs::File) -> std::io::Result<()>,
) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let write = || -> std::io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        prepare(&file)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> ClusterState {
        let node = |index, name: &str| NodeState { index, name: name.into(), joined: true };
        ClusterState {
            name: ClusterName::default(),
            slot: 0,
            kubernetes: "v1.36.3".into(),
            initialised: true,
            nodes: vec![node(0, "a"), node(2, "c")],
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        assert_eq!(layout.load(&ClusterName::default()).unwrap(), None);
        layout.save(&state()).unwrap();
        assert_eq!(layout.load(&ClusterName::default()).unwrap(), Some(state()));
        assert_eq!(layout.clusters().unwrap(), vec![ClusterName::default()]);
    }

    #[test]
    fn a_damaged_record_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        fs::create_dir_all(layout.cluster(&ClusterName::default())).unwrap();
        fs::write(layout.state_file(&ClusterName::default()), "{").unwrap();
        let error = layout.load(&ClusterName::default()).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{error}");
    }

    #[test]
    fn a_gap_among_the_nodes_is_filled_first() {
        let mut state = state();
        assert_eq!(state.next_worker().unwrap(), 1);
        assert_eq!(state.nodes[2].name, "kubsets-worker");
    }

    #[test]
    fn a_worker_that_did_not_join_comes_before_a_new_one() {
        let mut state = state();
        let failed = state.next_worker().unwrap();
        assert_eq!(state.next_worker().unwrap(), failed);
        assert_eq!(state.nodes.len(), 3, "a second entry beside the failed one");
        state.set_joined(failed);
        for index in [3, 4] {
            assert_eq!(state.next_worker().unwrap(), index);
            state.set_joined(index);
        }
        assert!(state.unjoined().is_none());
        assert!(matches!(state.next_worker(), Err(Error::Invalid { .. })));
    }
}
