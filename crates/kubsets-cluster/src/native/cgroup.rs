//! The control groups of a node, on hosts with version 1 or version 2.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{ClusterName, Error, Result};

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";
/// Controllers that a node gets on a version 2 host, where the kernel has them. The kubelet refuses a group that
/// lacks one of them, but for `io`.
const CONTROLLERS: [&str; 6] = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"];

/// The controllers that a group has for itself, and those that it hands down to the groups below it.
const OFFERED: &str = "cgroup.controllers";
const HANDED_DOWN: &str = "cgroup.subtree_control";

/// Which version of control groups a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy a controller.
    V1,
    /// One hierarchy for all.
    V2,
}

/// The version in force on this host.
pub fn version() -> Version {
    if Path::new(MOUNT).join(OFFERED).exists() { Version::V2 } else { Version::V1 }
}

/// A node's group, relative to the mount: the kubelet's `cgroupRoot`.
pub fn node_group(cluster: &ClusterName, node: &str) -> String {
    format!("/kubsets/{cluster}/{node}")
}

/// Makes a node's group in every hierarchy.
///
/// # Errors
/// [`Error::File`] where the host does not allow it.
pub fn create(cluster: &ClusterName, node: &str) -> Result<()> {
    let group = node_group(cluster, node);
    for hierarchy in hierarchies() {
        let mut folder = hierarchy;
        for part in group.split('/').filter(|p| !p.is_empty()) {
            let parent = folder.clone();
            folder.push(part);
            fs::create_dir_all(&folder).map_err(Error::file("create the control group", &folder))?;
            inherit(&parent, &folder)?;
        }
    }
    Ok(())
}

/// Gives a new group what it does not take over by itself.
fn inherit(parent: &Path, folder: &Path) -> Result<()> {
    if version() == Version::V2 {
        let control = parent.join(HANDED_DOWN);
        for controller in offered(parent)? {
            fs::write(&control, format!("+{controller}"))
                .map_err(Error::file("hand down controllers in", &control))?;
        }
        return Ok(());
    }
    // a version 1 cpuset begins empty, and no process can enter an empty one
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let (from, to) = (parent.join(file), folder.join(file));
        if from.exists() {
            let value = fs::read_to_string(&from).map_err(Error::file("read", &from))?;
            fs::write(&to, value.trim()).map_err(Error::file("write", &to))?;
        }
    }
    Ok(())
}

/// Those of our controllers that a version 2 group has; a kernel need not have all.
fn offered(group: &Path) -> Result<Vec<&'static str>> {
    let has = controllers(&group.join(OFFERED))?;
    Ok(CONTROLLERS.into_iter().filter(|c| has.iter().any(|h| h == c)).collect())
}

fn controllers(file: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).map_err(Error::file("read", file))?;
    Ok(text.split_ascii_whitespace().map(str::to_owned).collect())
}

/// Controllers that the host does not hand down from its root: [`create`] switches some of them on there, and runc
/// all of them.
///
/// # Errors
/// [`Error::File`].
pub fn not_handed_down() -> Result<Vec<String>> {
    if version() == Version::V1 {
        return Ok(Vec::new());
    }
    let root = Path::new(MOUNT);
    let handed_down = controllers(&root.join(HANDED_DOWN))?;
    Ok(controllers(&root.join(OFFERED))?.into_iter().filter(|c| !handed_down.contains(c)).collect())
}

/// Switches controllers off again at the host's root.
///
/// # Errors
/// [`Error::File`].
pub fn switch_off(controllers: &[String]) -> Result<()> {
    let control = Path::new(MOUNT).join(HANDED_DOWN);
    for controller in controllers {
        match fs::write(&control, format!("-{controller}")) {
            // somebody else needs it by now
            Err(e) if e.kind() != std::io::ErrorKind::ResourceBusy => {
                return Err(Error::file("take back controllers in", &control)(e));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes a cluster's groups, or one node's. They must hold no process any more.
///
/// # Errors
/// [`Error::File`] names the group that could not be removed.
pub fn remove(cluster: &ClusterName, node: Option<&str>) -> Result<()> {
    for hierarchy in hierarchies() {
        let base = hierarchy.join("kubsets");
        let cluster_group = base.join(cluster.as_str());
        remove_tree(&node.map_or(cluster_group.clone(), |n| cluster_group.join(n)))?;
        if node.is_none() {
            // other clusters may have groups beside ours
            let _ = fs::remove_dir(&base);
        }
    }
    Ok(())
}

/// Every place where a group exists for a cluster.
pub fn left(cluster: &ClusterName) -> Vec<PathBuf> {
    hierarchies()
        .into_iter()
        .map(|h| h.join("kubsets").join(cluster.as_str()))
        .filter(|p| p.exists())
        .collect()
}

fn hierarchies() -> Vec<PathBuf> {
    if version() == Version::V2 {
        return vec![MOUNT.into()];
    }
    let Ok(entries) = fs::read_dir(MOUNT) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .filter_map(std::result::Result::ok)
        // names such as `cpu,cpuacct` also appear as links to one hierarchy; take the folders only
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()) && e.path().join("cgroup.procs").exists())
        .map(|e| e.path())
        .collect();
    found.sort();
    found
}

/// Removes a group and those below it, deepest first; tries again while the kernel still lets go of processes.
fn remove_tree(group: &Path) -> Result<()> {
    if !group.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(group).map_err(Error::file("list", group))?.filter_map(std::result::Result::ok)
    {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    let mut last = Ok(());
    for _ in 0..100 {
        last = fs::remove_dir(group);
        match &last {
            Err(e) if e.kind() == std::io::ErrorKind::ResourceBusy => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            _ => break,
        }
    }
    match last {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove the control group", group)(e))
        }
        _ => Ok(()),
    }
}
