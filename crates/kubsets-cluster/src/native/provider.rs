//! The native provider itself.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::AddressPlan;
use super::host::{self, HostJournal};
use super::lock::{ClusterLock, RootLock};
use super::node::{self, NodeStarter};
use super::process::Process;
use super::state::{ClusterState, Layout, NodeState};
use super::template::{Template, TemplateStore};
use super::{bootstrap, cgroup, network};
use crate::command::{HostRunner, Runner, WORK};
use crate::{
    ClusterInfo, ClusterName, ClusterSpec, Error, Events, Health, NodeInfo, Provider, ProviderKind, Result,
    Work,
};

/// What nodes are made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// kubelet, kubeadm, kubectl, containerd, containerd-shim-runc-v2 and ctr.
    pub programs: Vec<PathBuf>,
    /// Docker archives that the control plane needs before it starts.
    pub control_plane_images: Vec<PathBuf>,
    /// Docker archives that every node needs before it joins.
    pub node_images: Vec<PathBuf>,
    /// Docker archives of all images that seldom change, the ones above among them: nodes get them at once.
    pub preload: Vec<PathBuf>,
    /// Folder of the cache in which unpacked images are kept.
    pub templates: PathBuf,
}

/// Supplies the parts, building those that are missing.
pub trait PartsSource: Send + Sync {
    /// The parts for a Kubernetes version.
    ///
    /// # Errors
    /// [`Error::Parts`] with the cause; [`Error::Invalid`] for a version that nobody knows how to make.
    fn parts(&self, kubernetes: &str, events: &dyn Events) -> Result<Parts>;
}

/// Nodes as namespaces of this host.
pub struct Native {
    layout: Layout,
    supervisor: Vec<OsString>,
    source: Box<dyn PartsSource>,
}

impl Native {
    /// The provider with its state below `root`. `supervisor` is the command that calls
    /// [`super::node_init::supervise`] with the folder behind ` --dir`.
    pub fn new(root: impl Into<PathBuf>, supervisor: Vec<OsString>, source: Box<dyn PartsSource>) -> Self {
        Self { layout: Layout::new(root), supervisor, source }
    }

    /// A cluster as its record tells it; `None` where there is no record.
    fn recorded(&self, name: &ClusterName) -> Result<Option<ClusterInfo>> {
        match self.layout.load(name).and_then(|state| state.map(|state| self.info(&state)).transpose()) {
            // one that is damaged hides no other
            Err(why @ (Error::Format { .. } | Error::Invalid { .. })) => Ok(Some(damaged(name, &why))),
            read => read,
        }
    }

    fn known(&self, name: &ClusterName) -> Result<ClusterState> {
        self.layout.load(name)?.ok_or_else(|| Error::NoCluster { name: name.to_string() })
    }

    /// A slot for a cluster that has no bridge.
    fn free_slot(&self, cluster: &ClusterName) -> Result<u8> {
        let mut recorded = Vec::new();
        for name in self.layout.clusters()?.iter().filter(|name| *name != cluster) {
            // one with a damaged record has its bridge
            recorded.extend(self.layout.load(name).ok().flatten().map(|s| s.slot));
        }
        network::free_slot(&HostRunner, &recorded, network::link_exists)
    }

    /// Works on a cluster that nobody else changes meanwhile; of one that is not there afterwards no trace stays.
    fn exclusively<T>(&self, name: &ClusterName, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let _lock = ClusterLock::take(&self.layout, name)?;
        let result = work();
        if self.layout.cluster(name).exists() {
            return result;
        }
        let left = self.leave(name);
        let value = result?;
        left.map(|()| value)
    }

    /// Removes the lock of a cluster without a folder and, after the last cluster, all that was for every one.
    fn leave(&self, name: &ClusterName) -> Result<()> {
        let _root = RootLock::take(&self.layout)?;
        if self.layout.clusters()?.is_empty() {
            HostJournal::restore(&self.layout)?;
        }
        ClusterLock::forget(&self.layout, name);
        // the root goes with its last cluster
        let _ = fs::remove_dir(self.layout.root());
        Ok(())
    }

    /// Whether nothing of a cluster is left, of a removal that was killed neither.
    fn is_gone(&self, name: &ClusterName) -> Result<bool> {
        let unrestored = HostJournal::exists(&self.layout) && self.layout.clusters()?.is_empty();
        Ok(!unrestored
            && !self.layout.cluster(name).exists()
            && !ClusterLock::exists(&self.layout, name)
            && self.networks(name, None).is_empty()
            && cgroup::left(name).is_empty())
    }

    /// The networks of a cluster: that of its record, and those whose bridge carries its name.
    fn networks(&self, name: &ClusterName, state: Option<&ClusterState>) -> Vec<AddressPlan> {
        let mut plans = network::owned(Path::new(network::LINKS), &self.mark(name));
        plans.extend(state.and_then(|s| s.addresses().ok()).filter(|plan| !plans.contains(plan)));
        plans
    }

    /// What the bridge of a cluster carries.
    fn mark(&self, name: &ClusterName) -> String {
        network::owner(&self.layout.cluster(name))
    }

    /// The record to work on, with addresses that nobody else uses, written down.
    fn record(&self, spec: &ClusterSpec, events: &dyn Events) -> Result<ClusterState> {
        let _root = RootLock::take(&self.layout)?;
        let state = self.adopt(spec, events)?;
        let plan = state.addresses()?;
        if !network::link_exists(&plan.bridge_link()) {
            // after a reboot somebody else may have come first
            network::check_free(&HostRunner, plan)?;
        }
        self.layout.save(&state)?;
        HostJournal::prepare(&self.layout)?;
        Ok(state)
    }

    /// The record of a new cluster, or that of one that is there, with what is broken in it cleared.
    fn adopt(&self, spec: &ClusterSpec, events: &dyn Events) -> Result<ClusterState> {
        let Some(mut state) = self.layout.load(&spec.name)? else {
            if self.layout.cluster(&spec.name).exists() {
                events.note("found the folder of a cluster without a record: cleared it");
                self.sweep(&spec.name, None)?;
            }
            let nodes = vec![NodeState { index: 0, name: spec.name.node(0), joined: false }];
            return Ok(ClusterState {
                name: spec.name.clone(),
                slot: self.free_slot(&spec.name)?,
                kubernetes: spec.kubernetes.clone(),
                initialised: false,
                nodes,
            });
        };
        let control_plane = self.layout.node(&spec.name, &spec.name.node(0));
        if state.initialised && bootstrap::is_initialised(&control_plane) {
            let dead: Vec<&str> =
                state.nodes.iter().filter(|n| !self.alive(&state, n)).map(|n| n.name.as_str()).collect();
            if let Some(found) = found(&dead, state.nodes.len()) {
                events.note(&format!("cluster `{}` exists and {found}: starting it again", spec.name));
            }
            if state.nodes.len() > usize::from(spec.nodes) {
                events.note(&format!(
                    "cluster `{}` has {} nodes and keeps them: `kubectl kubsets cluster remove-node` removes one",
                    spec.name,
                    state.nodes.len()
                ));
            }
            return Ok(state);
        }
        events.note(&format!(
            "found a cluster `{}` that was never finished: cleared it to begin anew",
            spec.name
        ));
        self.sweep(&spec.name, Some(&state))?;
        state.slot = self.free_slot(&spec.name)?;
        state.initialised = false;
        state.kubernetes.clone_from(&spec.kubernetes);
        state.nodes = vec![NodeState { index: 0, name: spec.name.node(0), joined: false }];
        Ok(state)
    }

    fn alive(&self, state: &ClusterState, node: &NodeState) -> bool {
        self.layout.process(&state.name, &node.name).is_some_and(|p| p.is_alive())
    }

    fn starter<'a>(&'a self, state: &'a ClusterState) -> NodeStarter<'a> {
        NodeStarter { layout: &self.layout, state, supervisor: &self.supervisor }
    }

    /// Joins one worker: one that is recorded and did not join, else a new one.
    fn grow(&self, state: &mut ClusterState, parts: &Parts, events: &dyn Events) -> Result<String> {
        let index = state.next_worker()?;
        self.layout.save(state)?;
        let node = state.nodes.iter().find(|n| n.index == index).expect("the node is recorded").clone();
        events.stage(&format!("joining {}", node.name), Work::once("join a native node", 6));
        let folder = self.layout.node(&state.name, &node.name);
        if folder.exists() {
            // kubeadm refuses a node that got half-way before
            self.forget(state, &node)?;
        }
        template(parts)?.stamp(&folder)?;
        bootstrap::start_nodes(&self.starter(state))?;
        let process = node::running(&self.layout, state, &node)?;
        node::import(&self.layout, state, &node, &parts.node_images)?;
        bootstrap::join(&self.layout, state, &node, &process)?;
        state.set_joined(index);
        self.layout.save(state)?;
        Ok(node.name)
    }

    /// Ends a worker and removes it from Kubernetes and its files, but not its place in the record.
    fn forget(&self, state: &ClusterState, node: &NodeState) -> Result<()> {
        let delete = ["delete", "node", &node.name, "--ignore-not-found"];
        HostRunner.run(&bootstrap::kubectl(&self.layout, state).args(delete).within(WORK))?;
        node::stop(&self.layout, state, node)?;
        remove_dir(&self.layout.node(&state.name, &node.name))
    }

    /// Gives the first node its images: those kept from an earlier node, else by an import that is kept.
    fn preload(&self, state: &ClusterState, parts: &Parts, events: &dyn Events) -> Result<()> {
        let (template, first) = (template(parts)?, &state.nodes[0]);
        let folder = self.layout.node(&state.name, &first.name);
        if template.stamp(&folder)? {
            return Ok(());
        }
        events.stage("unpacking images, once", Work::each("unpack an image", 1, parts.preload.len()));
        self.starter(state).start(first)?;
        node::import(&self.layout, state, first, &parts.preload)?;
        node::stop(&self.layout, state, first)?;
        template.harvest(&folder)
    }

    /// Makes a cluster or repairs it, from whatever state it is in.
    fn bring_up(&self, spec: &ClusterSpec, events: &dyn Events) -> Result<ClusterInfo> {
        if self.layout.load(&spec.name)?.is_none() {
            // told before a long build, not after it
            self.free_slot(&spec.name)?;
        }
        let parts = self.source.parts(&spec.kubernetes, events)?;
        let mut state = self.record(spec, events)?;
        install(&parts.programs, &self.layout.programs(&spec.name))?;
        network::create_bridge(&HostRunner, state.addresses()?, &self.mark(&spec.name))?;
        if !state.initialised {
            self.preload(&state, &parts, events)?;
        }
        events.stage("starting the nodes", Work::once("start native nodes", 1));
        let processes = bootstrap::start_nodes(&self.starter(&state))?;
        if !state.initialised {
            let first = &state.nodes[0];
            let images: Vec<PathBuf> =
                parts.node_images.iter().chain(&parts.control_plane_images).cloned().collect();
            node::import(&self.layout, &state, first, &images)?;
            events.stage("starting the control plane", Work::once("start a native control plane", 8));
            bootstrap::init(&self.layout, &state, first, &processes[0])?;
            state.initialised = true;
            state.set_joined(0);
            self.layout.save(&state)?;
        }
        bootstrap::wait_for_api(&self.layout, &state, Duration::from_mins(2))?;
        while state.unjoined().is_some() || state.nodes.len() < usize::from(spec.nodes) {
            self.grow(&mut state, &parts, events)?;
        }
        events.stage("waiting for the nodes", Work::once("wait for native nodes", 4));
        bootstrap::wait_for_nodes(&self.layout, &state, Duration::from_mins(2))?;
        self.info(&state)
    }

    /// Drains a worker and removes it.
    fn take_away(&self, name: &ClusterName, node: &str, events: &dyn Events) -> Result<()> {
        let mut state = self.known(name)?;
        let known = || state.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>().join(", ");
        let Some(place) = state.nodes.iter().position(|n| n.name == node) else {
            return Err(Error::NoNode { cluster: name.to_string(), node: node.into(), known: known() });
        };
        if state.nodes[place].index == 0 {
            return Err(Error::Invalid {
                field: "node",
                value: node.into(),
                accepted: "a worker: the control plane goes with its cluster",
            });
        }
        events.stage(&format!("draining {node}"), Work::once("drain a native node", 10));
        // one that is killed from here on leaves a node for the next `create` to join anew
        let joined = std::mem::replace(&mut state.nodes[place].joined, false);
        self.layout.save(&state)?;
        if joined {
            let drain =
                ["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=60s"];
            let drained = HostRunner.run(&bootstrap::kubectl(&self.layout, &state).args(drain).within(WORK));
            if let Err(error) = drained {
                events.note(&format!("the node goes without a full drain: {error}"));
            }
        }
        self.forget(&state, &state.nodes[place])?;
        state.nodes.remove(place);
        self.layout.save(&state)
    }

    /// Ends and removes everything of a cluster but the host's own changes, with or without a record.
    fn sweep(&self, name: &ClusterName, state: Option<&ClusterState>) -> Result<()> {
        let nodes = self.layout.cluster(name).join("nodes");
        if let Ok(entries) = fs::read_dir(&nodes) {
            for entry in entries.filter_map(std::result::Result::ok) {
                if let Some(process) = Process::read(&entry.path().join("process.json")) {
                    process.kill()?;
                }
            }
        }
        for plan in self.networks(name, state) {
            network::remove(&HostRunner, plan)?;
        }
        cgroup::remove(name, None)?;
        remove_dir(&nodes)
    }

    fn info(&self, state: &ClusterState) -> Result<ClusterInfo> {
        let plan = state.addresses()?;
        let nodes: Vec<NodeInfo> = state
            .nodes
            .iter()
            .map(|node| NodeInfo {
                name: node.name.clone(),
                role: node.role(),
                address: plan.node(node.index).to_string(),
                health: if !self.alive(state, node) {
                    Health::Stopped
                } else if node.joined {
                    Health::Running
                } else {
                    Health::Degraded("it did not join the cluster".into())
                },
            })
            .collect();
        let stopped = nodes.iter().filter(|n| n.health == Health::Stopped).count();
        let api = format!("{}:6443", plan.node(0));
        let health = if stopped == nodes.len() {
            Health::Stopped
        } else if !state.initialised {
            Health::Degraded(match ClusterLock::owner(&self.layout, &state.name) {
                Some(owner) => format!("it is being created by {owner}"),
                None => "its creation did not finish".into(),
            })
        } else if stopped > 0 {
            Health::Degraded(format!("{stopped} of {} nodes do not run", nodes.len()))
        } else if !answers(&api) {
            Health::Degraded(format!("the API server does not answer at {api}"))
        } else {
            Health::Running
        };
        Ok(ClusterInfo {
            name: state.name.to_string(),
            provider: ProviderKind::Native,
            context: state.name.context(),
            nodes,
            health,
            hint: None,
        })
    }
}

impl Provider for Native {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Native
    }

    fn check(&self) -> Result<()> {
        host::check()
    }

    fn create(&self, spec: &ClusterSpec, events: &dyn Events) -> Result<ClusterInfo> {
        spec.validate()?;
        self.check()?;
        self.exclusively(&spec.name, || self.bring_up(spec, events))
    }

    fn delete(&self, name: &ClusterName, events: &dyn Events) -> Result<()> {
        if self.is_gone(name)? {
            // one that was killed in its last act leaves the empty root
            let _ = fs::remove_dir(self.layout.root());
            return Ok(());
        }
        events.stage(&format!("removing cluster {name}"), Work::once("remove a native cluster", 3));
        let networks = self.exclusively(name, || {
            // a damaged record must not keep a cluster alive
            let state = self.layout.load(name).ok().flatten();
            let networks = self.networks(name, state.as_ref());
            self.sweep(name, state.as_ref())?;
            remove_dir(&self.layout.cluster(name))?;
            Ok(networks)
        })?;
        let groups = cgroup::left(name).into_iter().map(|group| group.display().to_string());
        let links = networks.into_iter().flat_map(network::left).map(|link| format!("link {link}"));
        let left: Vec<String> = groups.chain(links).collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Error::Leftover { name: name.to_string(), left: left.join(", ") })
    }

    fn list(&self) -> Result<Vec<ClusterInfo>> {
        let recorded = self.layout.clusters()?;
        recorded.iter().filter_map(|name| self.recorded(name).transpose()).collect()
    }

    fn status(&self, name: &ClusterName) -> Result<ClusterInfo> {
        self.recorded(name)?.ok_or_else(|| Error::NoCluster { name: name.to_string() })
    }

    fn kubeconfig(&self, name: &ClusterName) -> Result<String> {
        let state = self.known(name)?;
        let path = self.layout.admin_kubeconfig(&state.name);
        fs::read_to_string(&path).map_err(Error::file("read", &path))
    }

    fn add_node(&self, name: &ClusterName, events: &dyn Events) -> Result<String> {
        self.exclusively(name, || {
            let mut state = self.known(name)?;
            let parts = self.source.parts(&state.kubernetes, events)?;
            let mut node = self.grow(&mut state, &parts, events)?;
            while state.unjoined().is_some() {
                node = self.grow(&mut state, &parts, events)?;
            }
            bootstrap::wait_for_nodes(&self.layout, &state, Duration::from_mins(2))?;
            Ok(node)
        })
    }

    fn remove_node(&self, name: &ClusterName, node: &str, events: &dyn Events) -> Result<()> {
        self.exclusively(name, || self.take_away(name, node, events))
    }

    fn load_images(&self, name: &ClusterName, archives: &[PathBuf], events: &dyn Events) -> Result<()> {
        let state = self.known(name)?;
        events.stage(
            &format!("loading {} images on {} nodes", archives.len(), state.nodes.len()),
            Work::each("load an image on native nodes", 1, archives.len()),
        );
        std::thread::scope(|scope| {
            let jobs: Vec<_> = state
                .nodes
                .iter()
                .map(|n| scope.spawn(|| node::import(&self.layout, &state, n, archives)))
                .collect();
            jobs.into_iter().try_for_each(|job| job.join().expect("an import does not panic"))
        })
    }
}

/// How a cluster was found of whose nodes some are dead; `None` where all of them run.
fn found(dead: &[&str], nodes: usize) -> Option<String> {
    match dead.len() {
        0 => None,
        count if count == nodes => Some("is stopped".into()),
        _ => Some(format!("is half-dead ({} not running)", dead.join(", "))),
    }
}

/// A cluster of which only the name is known.
fn damaged(name: &ClusterName, why: &Error) -> ClusterInfo {
    ClusterInfo {
        name: name.to_string(),
        provider: ProviderKind::Native,
        context: name.context(),
        nodes: Vec::new(),
        health: Health::Damaged(why.to_string()),
        hint: Some(format!("`kubectl kubsets cluster delete --name {name}` removes what is left of it")),
    }
}

fn template(parts: &Parts) -> Result<Template> {
    TemplateStore::new(&parts.templates).template(&parts.preload)
}

/// Puts programs into the cluster's own folder, so that it does not depend on the cache; links where it can.
fn install(programs: &[PathBuf], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    for program in programs {
        let Some(name) = program.file_name() else { continue };
        let target = folder.join(name);
        if target.exists() {
            continue;
        }
        if fs::hard_link(program, &target).is_err() {
            // half a copy of one that was killed must not pass for a program
            let part = folder.join(format!("{}.part", name.to_string_lossy()));
            fs::copy(program, &part).map_err(Error::file("copy", program))?;
            fs::rename(&part, &target).map_err(Error::file("rename", &part))?;
        }
    }
    Ok(())
}

fn answers(address: &str) -> bool {
    address
        .parse()
        .is_ok_and(|a| std::net::TcpStream::connect_timeout(&a, Duration::from_millis(500)).is_ok())
}

/// Removes a folder and all in it; tries again while the kernel still lets go of a dead node's mounts.
fn remove_dir(folder: &Path) -> Result<()> {
    let mut last = Ok(());
    for _ in 0..100 {
        last = match fs::remove_dir_all(folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        if last.is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    last.map_err(Error::file("remove", folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    /// Parts that cannot be made.
    struct NoParts;

    impl PartsSource for NoParts {
        fn parts(&self, _: &str, _: &dyn Events) -> Result<Parts> {
            Err(Error::NoCluster { name: "no parts".into() })
        }
    }

    /// A provider below a root that does not exist, and a name that no cluster of this host has.
    fn native(root: &Path) -> (Native, ClusterName) {
        (Native::new(root.join("root"), Vec::new(), Box::new(NoParts)), "unit-test-only".parse().unwrap())
    }

    #[test]
    fn a_removal_that_was_killed_at_any_moment_is_ended_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let (native, name) = native(folder.path());
        let (layout, made) = (&native.layout, folder.path().join("mount-point"));
        let journal = HostJournal { folders: vec![made.clone()], ..HostJournal::default() };
        // the traces that are there after each act of a removal, from its first to its last
        for left in ["folder, journal, lock", "journal, lock", "lock", ""] {
            fs::create_dir_all(layout.root()).unwrap();
            if left.contains("folder") {
                fs::create_dir_all(layout.node(&name, "a")).unwrap();
            }
            if left.contains("journal") {
                fs::create_dir_all(&made).unwrap();
                journal.save(layout).unwrap();
            }
            if left.contains("lock") {
                drop(ClusterLock::take(layout, &name).unwrap());
            }
            native.delete(&name, &|_: Event| {}).unwrap();
            assert!(!layout.root().exists(), "after `{left}` the root is left");
            assert!(!made.exists(), "after `{left}` a folder of the host is left");
        }
    }

    #[test]
    fn a_damaged_record_hides_no_other_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let (native, good) = native(folder.path());
        let state = |name: &ClusterName, slot| ClusterState {
            name: name.clone(),
            slot,
            kubernetes: "v1".into(),
            initialised: true,
            nodes: vec![NodeState { index: 0, name: name.node(0), joined: true }],
        };
        let (cut, moved) = ("unit-test-cut".parse().unwrap(), "unit-test-moved".parse().unwrap());
        native.layout.save(&state(&good, 0)).unwrap();
        native.layout.save(&state(&moved, u8::MAX)).unwrap();
        fs::create_dir_all(native.layout.cluster(&cut)).unwrap();
        fs::write(native.layout.cluster(&cut).join("cluster.json"), "{").unwrap();
        let list = native.list().unwrap();
        let seen: Vec<_> = list.iter().map(|info| (info.name.as_str(), &info.health)).collect();
        assert!(
            matches!(
                seen.as_slice(),
                [
                    ("unit-test-cut", Health::Damaged(why)),
                    ("unit-test-moved", Health::Damaged(_)),
                    ("unit-test-only", Health::Stopped),
                ] if why.contains("cluster.json is not readable")
            ),
            "{seen:?}"
        );
        assert!(list[0].hint.as_ref().unwrap().contains("cluster delete --name unit-test-cut"));
        assert_eq!(list[2].hint, None);
        assert_eq!(native.status(&cut).unwrap().name, "unit-test-cut");
        native.delete(&cut, &|_: Event| {}).unwrap();
        assert_eq!(native.list().unwrap().len(), 2);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_not_taken_for_no_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let (native, name) = native(folder.path());
        assert!(matches!(native.status(&name), Err(Error::NoCluster { .. })));
        // what root may not read either
        let record = native.layout.cluster(&name).join("cluster.json");
        fs::create_dir_all(&record).unwrap();
        let error = native.status(&name).unwrap_err();
        assert_eq!(error.to_string(), format!("failed to read {}", record.display()));
        let refused = Error::file("read", &record)(std::io::ErrorKind::PermissionDenied.into());
        assert!(refused.hint().unwrap().contains("run it as root"));
        assert_eq!(
            native.status(&"unit-test-other".parse().unwrap()).unwrap_err().to_string(),
            "there is no cluster named `unit-test-other`"
        );
    }

    #[test]
    fn a_dead_node_is_told_as_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (native, name) = native(folder.path());
        let state = ClusterState {
            name: name.clone(),
            slot: 0,
            kubernetes: "v1".into(),
            initialised: true,
            nodes: vec![NodeState { index: 0, name: name.node(0), joined: true }],
        };
        native.layout.save(&state).unwrap();
        let error = native.load_images(&name, &["a.tar".into()], &|_: Event| {}).unwrap_err();
        assert_eq!(
            error.to_string(),
            "node `unit-test-only-control-plane` of cluster `unit-test-only` is dead: its first process is gone, and \
             kubelet and containerd with it"
        );
        let repair = "`kubectl kubsets cluster create --name unit-test-only --nodes 1` starts it again";
        assert_eq!(error.hint().unwrap(), repair);
    }

    #[test]
    fn a_cluster_whose_nodes_are_all_dead_is_stopped() {
        assert_eq!(found(&[], 2), None);
        assert_eq!(found(&["a", "b"], 2).unwrap(), "is stopped");
        assert_eq!(found(&["b"], 2).unwrap(), "is half-dead (b not running)");
    }

    #[test]
    fn the_host_is_not_put_back_while_another_cluster_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let (native, name) = native(folder.path());
        HostJournal::default().save(&native.layout).unwrap();
        for cluster in [&name, &"unit-test-other".parse().unwrap()] {
            fs::create_dir_all(native.layout.cluster(cluster)).unwrap();
        }
        native.delete(&name, &|_: Event| {}).unwrap();
        assert!(HostJournal::exists(&native.layout) && !native.layout.cluster(&name).exists());
        assert!(!ClusterLock::exists(&native.layout, &name));
    }

    #[test]
    fn work_that_fails_before_anything_is_made_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let (native, name) = native(folder.path());
        let error = native.exclusively(&name, || native.source.parts("v1", &|_: Event| {})).unwrap_err();
        assert!(error.to_string().contains("no parts"), "{error}");
        assert!(!native.layout.root().exists());
        assert!(native.remove_node(&name, "a", &|_: Event| {}).is_err());
        assert!(!native.layout.root().exists());
    }

    #[test]
    fn a_failure_half_way_keeps_what_the_next_call_goes_on_from() {
        let folder = tempfile::tempdir().unwrap();
        let (native, name) = native(folder.path());
        fs::create_dir_all(native.layout.cluster(&name)).unwrap();
        HostJournal::default().save(&native.layout).unwrap();
        assert!(native.add_node(&name, &|_: Event| {}).is_err());
        assert!(HostJournal::exists(&native.layout) && native.layout.cluster(&name).exists());
    }
}
