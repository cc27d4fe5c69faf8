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

/// The group of a node's own processes (its init, containerd, kubelet), relative to the mount. It is beside that of
/// the pods: on version 2 a group with others below it holds no process.
pub fn init_group(cluster: &ClusterName, node: &str) -> String {
    format!("{}-init", node_group(cluster, node))
}

/// Makes the group of a node's own processes in every hierarchy, [`create`] having made those above it.
///
/// # Errors
/// [`Error::File`] where the host does not allow it.
pub fn create_init(cluster: &ClusterName, node: &str) -> Result<()> {
    for hierarchy in hierarchies() {
        let folder = below(&hierarchy, &init_group(cluster, node));
        fs::create_dir_all(&folder).map_err(Error::file("create the control group", &folder))?;
        inherit(folder.parent().unwrap_or(&hierarchy), &folder)?;
    }
    Ok(())
}

/// Moves a process into a group in every hierarchy, so that what ends its caller's session does not end it.
///
/// # Errors
/// [`Error::File`] names the first group that refused it; it is in those that did not.
pub fn enter(group: &str, pid: u32) -> Result<()> {
    enter_all(&hierarchies(), group, pid)
}

fn enter_all(hierarchies: &[PathBuf], group: &str, pid: u32) -> Result<()> {
    let mut first = Ok(());
    for hierarchy in hierarchies {
        let file = below(hierarchy, group).join("cgroup.procs");
        let entered =
            fs::write(&file, pid.to_string()).map_err(Error::file("enter the control group by", file));
        first = first.and(entered);
    }
    first
}

fn below(hierarchy: &Path, group: &str) -> PathBuf {
    hierarchy.join(group.trim_start_matches('/'))
}

/// Whether groups can be made here: makes one in every hierarchy and removes it.
///
/// # Errors
/// [`Error::File`] names the place that refuses.
pub fn probe() -> Result<()> {
    probe_all(&hierarchies(), &format!("kubsets-probe-{}", std::process::id()))
}

fn probe_all(hierarchies: &[PathBuf], name: &str) -> Result<()> {
    for hierarchy in hierarchies {
        let group = hierarchy.join(name);
        fs::create_dir(&group).map_err(Error::file("create the control group", &group))?;
        fs::remove_dir(&group).map_err(Error::file("remove the control group", &group))?;
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
        if let Some(node) = node {
            remove_tree(&below(&hierarchy, &node_group(cluster, node)))?;
            remove_tree(&below(&hierarchy, &init_group(cluster, node)))?;
        } else {
            remove_tree(&cluster_group)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_enters_its_group_in_every_hierarchy_that_takes_it() {
        let mount = tempfile::tempdir().unwrap();
        let group = init_group(&ClusterName::default(), "a");
        let hierarchies = ["cpu", "refusing", "systemd"].map(|h| mount.path().join(h));
        for hierarchy in [&hierarchies[0], &hierarchies[2]] {
            fs::create_dir_all(below(hierarchy, &group)).unwrap();
        }
        let error = enter_all(&hierarchies, &group, 7).unwrap_err();
        assert!(error.to_string().contains("refusing"), "{error}");
        for hierarchy in ["cpu", "systemd"] {
            let procs = mount.path().join(hierarchy).join("kubsets/kubsets/a-init/cgroup.procs");
            assert_eq!(fs::read_to_string(procs).unwrap(), "7");
        }
    }

    #[test]
    fn a_node_s_own_processes_are_not_above_its_pods() {
        let name = ClusterName::default();
        let (pods, own) = (node_group(&name, "a"), init_group(&name, "a"));
        assert!(!Path::new(&pods).starts_with(&own) && !Path::new(&own).starts_with(&pods), "{own} {pods}");
    }

    #[test]
    fn a_hierarchy_that_refuses_groups_is_named() {
        let mount = tempfile::tempdir().unwrap();
        probe_all(&[mount.path().into()], "x").unwrap();
        assert_eq!(fs::read_dir(mount.path()).unwrap().count(), 0, "the probe stays");
        let error = probe_all(&[mount.path().into(), mount.path().join("absent")], "x").unwrap_err();
        assert!(error.to_string().contains("absent/x"), "{error}");
    }
}
