//! The native provider itself.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::{AddressPlan, SLOTS};
use super::host::{self, HostJournal};
use super::lock::ClusterLock;
use super::node::{self, NodeStarter};
use super::process::Process;
use super::state::{ClusterState, Layout, NodeState};
use super::template::{Template, TemplateStore};
use super::{bootstrap, cgroup, network};
use crate::command::{HostRunner, Runner};
use crate::{
    ClusterInfo, ClusterName, ClusterSpec, Error, Events, Health, NodeInfo, Provider, ProviderKind, Result,
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
    /// [`Error::Unavailable`] or [`Error::Command`] with what could not be made.
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

    fn known(&self, name: &ClusterName) -> Result<ClusterState> {
        self.layout.load(name)?.ok_or_else(|| Error::NoCluster { name: name.to_string() })
    }

    fn free_slot(&self) -> Result<u8> {
        let mut taken = Vec::new();
        for name in self.layout.clusters()? {
            taken.extend(self.layout.load(&name)?.map(|s| s.slot));
        }
        (0..SLOTS).find(|s| !taken.contains(s)).ok_or_else(|| Error::Unavailable {
            provider: "native",
            reason: format!("there are {SLOTS} native clusters on this host, the most that it holds"),
            fix: "`kubectl kubsets cluster delete NAME` removes one".into(),
        })
    }

    /// The record to work on: a new one, or that of a cluster that is there, with what is broken in it cleared.
    fn adopt(&self, spec: &ClusterSpec, events: &dyn Events) -> Result<ClusterState> {
        let Some(mut state) = self.layout.load(&spec.name)? else {
            if self.layout.cluster(&spec.name).exists() {
                events.note("found the folder of a cluster without a record: cleared it");
                self.sweep(&spec.name, None)?;
            }
            let nodes = vec![NodeState { index: 0, name: spec.name.node(0), joined: false }];
            let slot = self.free_slot()?;
            network::check_free(&HostRunner, AddressPlan::new(slot)?)?;
            return Ok(ClusterState {
                name: spec.name.clone(),
                slot,
                kubernetes: spec.kubernetes.clone(),
                initialised: false,
                nodes,
            });
        };
        let control_plane = self.layout.node(&spec.name, &spec.name.node(0));
        if state.initialised && bootstrap::is_initialised(&control_plane) {
            let dead: Vec<&str> =
                state.nodes.iter().filter(|n| !self.alive(&state, n)).map(|n| n.name.as_str()).collect();
            if !dead.is_empty() {
                events.note(&format!(
                    "cluster `{}` exists and is half-dead ({} not running): starting it again",
                    spec.name,
                    dead.join(", ")
                ));
            }
            return Ok(state);
        }
        events.note(&format!(
            "found a cluster `{}` that was never finished: cleared it to begin anew",
            spec.name
        ));
        self.sweep(&spec.name, Some(&state))?;
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

    /// Adds one worker to the record, starts and joins it.
    fn grow(&self, state: &mut ClusterState, parts: &Parts, events: &dyn Events) -> Result<String> {
        let index = state.free_index();
        if index >= 5 {
            return Err(Error::Invalid {
                field: "nodes",
                value: (index + 1).to_string(),
                accepted: "5 nodes at the most",
            });
        }
        let name = state.name.node(index);
        events.stage(&format!("joining {name}"), 6);
        state.nodes.push(NodeState { index, name: name.clone(), joined: false });
        self.layout.save(state)?;
        self.join(state, index, parts)?;
        Ok(name)
    }

    /// Starts and joins a worker that is recorded and has not joined.
    fn join(&self, state: &mut ClusterState, index: u8, parts: &Parts) -> Result<()> {
        let place = state.nodes.iter().position(|n| n.index == index).expect("the node is recorded");
        template(parts)?.stamp(&self.layout.node(&state.name, &state.nodes[place].name))?;
        bootstrap::start_nodes(&self.starter(state))?;
        let node = &state.nodes[place];
        let process = node::running(&self.layout, state, node)?;
        node::import(&self.layout, state, node, &parts.node_images)?;
        bootstrap::join(&self.layout, state, node, &process)?;
        state.nodes[place].joined = true;
        self.layout.save(state)
    }

    /// Gives the first node its images: those kept from an earlier node, else by an import that is kept.
    fn preload(&self, state: &ClusterState, parts: &Parts, events: &dyn Events) -> Result<()> {
        let (template, first) = (template(parts)?, &state.nodes[0]);
        let folder = self.layout.node(&state.name, &first.name);
        if template.stamp(&folder)? {
            return Ok(());
        }
        events.stage("unpacking images, once", 2 * parts.preload.len() as u32);
        self.starter(state).start(first)?;
        node::import(&self.layout, state, first, &parts.preload)?;
        node::stop(&self.layout, state, first)?;
        template.harvest(&folder)
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
        if let Some(state) = state {
            network::remove(&HostRunner, state.addresses()?)?;
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
            Health::Degraded("its creation did not finish".into())
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
        let _lock = ClusterLock::take(&self.layout, &spec.name)?;
        let parts = self.source.parts(&spec.kubernetes, events)?;
        let mut state = self.adopt(spec, events)?;
        self.layout.save(&state)?;
        HostJournal::prepare(&self.layout)?;
        install(&parts.programs, &self.layout.programs(&spec.name))?;
        network::create_bridge(&HostRunner, state.addresses()?)?;
        if !state.initialised {
            self.preload(&state, &parts, events)?;
        }
        events.stage("starting the nodes", 3);
        let processes = bootstrap::start_nodes(&self.starter(&state))?;
        if !state.initialised {
            let first = &state.nodes[0];
            let images: Vec<PathBuf> =
                parts.node_images.iter().chain(&parts.control_plane_images).cloned().collect();
            node::import(&self.layout, &state, first, &images)?;
            events.stage("starting the control plane", 15);
            bootstrap::init(&self.layout, &state, first, &processes[0])?;
            state.initialised = true;
            state.nodes[0].joined = true;
            self.layout.save(&state)?;
        }
        bootstrap::wait_for_api(&self.layout, &state, Duration::from_mins(2))?;
        for index in state.nodes.iter().filter(|n| !n.joined).map(|n| n.index).collect::<Vec<_>>() {
            self.join(&mut state, index, &parts)?;
        }
        while state.nodes.len() < usize::from(spec.nodes) {
            self.grow(&mut state, &parts, events)?;
        }
        events.stage("waiting for the nodes", 5);
        bootstrap::wait_for_nodes(&self.layout, &state, Duration::from_mins(2))?;
        self.info(&state)
    }

    fn delete(&self, name: &ClusterName, events: &dyn Events) -> Result<()> {
        let folder = self.layout.cluster(name);
        if !folder.exists() && cgroup::left(name).is_empty() {
            return Ok(());
        }
        let _lock = ClusterLock::take(&self.layout, name)?;
        events.stage(&format!("removing cluster {name}"), 3);
        // a damaged record must not keep a cluster alive
        let state = self.layout.load(name).ok().flatten();
        self.sweep(name, state.as_ref())?;
        remove_dir(&folder)?;
        if self.layout.clusters()?.is_empty() {
            HostJournal::restore(&self.layout)?;
        }
        ClusterLock::forget(&self.layout, name);
        // the root goes with its last cluster
        let _ = fs::remove_dir(self.layout.root());
        let left = cgroup::left(name);
        if left.is_empty() {
            return Ok(());
        }
        let left = left.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
        Err(Error::Leftover { name: name.to_string(), left })
    }

    fn list(&self) -> Result<Vec<ClusterInfo>> {
        let mut list = Vec::new();
        for name in self.layout.clusters()? {
            if let Some(state) = self.layout.load(&name)? {
                list.push(self.info(&state)?);
            }
        }
        Ok(list)
    }

    fn kubeconfig(&self, name: &ClusterName) -> Result<String> {
        let state = self.known(name)?;
        let path = self.layout.admin_kubeconfig(&state.name);
        fs::read_to_string(&path).map_err(Error::file("read", &path))
    }

    fn add_node(&self, name: &ClusterName, events: &dyn Events) -> Result<String> {
        let _lock = ClusterLock::take(&self.layout, name)?;
        let mut state = self.known(name)?;
        let parts = self.source.parts(&state.kubernetes, events)?;
        let node = self.grow(&mut state, &parts, events)?;
        bootstrap::wait_for_nodes(&self.layout, &state, Duration::from_mins(2))?;
        Ok(node)
    }

    fn remove_node(&self, name: &ClusterName, node: &str, events: &dyn Events) -> Result<()> {
        let _lock = ClusterLock::take(&self.layout, name)?;
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
        events.stage(&format!("draining {node}"), 10);
        let kubectl = |args: &[&str]| {
            HostRunner.run(&bootstrap::kubectl(&self.layout, &state).args(args.iter().copied()))
        };
        if state.nodes[place].joined {
            let drained = kubectl(&[
                "drain",
                node,
                "--ignore-daemonsets",
                "--delete-emptydir-data",
                "--force",
                "--timeout=60s",
            ]);
            if let Err(error) = drained {
                events.note(&format!("the node goes without a full drain: {error}"));
            }
            kubectl(&["delete", "node", node, "--ignore-not-found"])?;
        }
        node::stop(&self.layout, &state, &state.nodes[place])?;
        remove_dir(&self.layout.node(name, node))?;
        state.nodes.remove(place);
        self.layout.save(&state)
    }

    fn load_images(&self, name: &ClusterName, archives: &[PathBuf], events: &dyn Events) -> Result<()> {
        let state = self.known(name)?;
        events.stage(
            &format!("loading {} images on {} nodes", archives.len(), state.nodes.len()),
            2 * archives.len() as u32,
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
            fs::copy(program, &target).map_err(Error::file("copy", program))?;
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
