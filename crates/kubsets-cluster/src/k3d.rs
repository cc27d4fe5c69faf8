//! k3s in Docker by the tool `k3d`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::command::{Invocation, Runner, WORK};
use crate::kind::GATEWAY_PORT;
use crate::{
    ClusterInfo, ClusterName, ClusterSpec, Error, Events, Health, NodeInfo, Provider, ProviderKind, Result,
    Role, Work,
};

/// Drives the tool `k3d`.
pub struct K3d<R> {
    runner: R,
    kubeconfig: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    nodes: Vec<ListedNode>,
}

#[derive(Deserialize)]
struct ListedNode {
    name: String,
    role: String,
    #[serde(rename = "State", default)]
    state: ListedState,
}

#[derive(Deserialize, Default)]
struct ListedState {
    #[serde(default)]
    running: bool,
}

impl<R: Runner> K3d<R> {
    /// The provider with a runner of programs. Clusters are put into this kubeconfig; `None` takes that of the tool.
    pub fn new(runner: R, kubeconfig: Option<PathBuf>) -> Self {
        Self { runner, kubeconfig }
    }

    /// Puts a cluster into the kubeconfig and makes it current.
    fn enter(&self, name: &ClusterName) -> Result<()> {
        let file = self.kubeconfig.as_ref().map(|file| file.to_string_lossy());
        let place = match &file {
            Some(file) => vec!["--output", file],
            None => vec!["--kubeconfig-merge-default"],
        };
        let merge = ["kubeconfig", "merge", name.as_str(), "--kubeconfig-switch-context"];
        self.k3d(merge.into_iter().chain(place)).map(drop)
    }

    /// Takes a cluster out of a kubeconfig that was named; the tool does that only for its own.
    fn leave(&self, name: &ClusterName) {
        let Some(file) = self.kubeconfig.as_ref().map(|file| file.to_string_lossy()) else { return };
        let entry = format!("k3d-{name}");
        let user = format!("admin@{entry}");
        for (act, entry) in [("delete-context", &entry), ("delete-cluster", &entry), ("delete-user", &user)] {
            let kubectl = Invocation::new("kubectl").args(["--kubeconfig", &file, "config", act, entry]);
            // an entry that somebody took out before is no loss
            let _ = self.runner.run(&kubectl);
        }
    }

    fn k3d<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<String> {
        self.runner.run(&Invocation::new("k3d").args(args))
    }

    /// A command of the tool that makes, loads or removes something.
    fn work<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<String> {
        self.runner.run(&Invocation::new("k3d").args(args).within(WORK))
    }

    fn listed(&self) -> Result<Vec<Listed>> {
        let json = self.k3d(["cluster", "list", "-o", "json"])?;
        serde_json::from_str(&json)
            .map_err(|e| Error::Format { path: "the output of k3d".into(), reason: e.to_string() })
    }
}

impl<R: Runner> Provider for K3d<R> {
    fn kind(&self) -> ProviderKind {
        ProviderKind::K3d
    }

    fn check(&self) -> Result<()> {
        self.k3d(["version"]).map_err(|error| Error::no_tool("k3d", &error))?;
        self.k3d(["runtime-info"]).map(drop).map_err(|error| Error::no_engine("k3d", &error))
    }

    fn create(&self, spec: &ClusterSpec, events: &dyn Events) -> Result<ClusterInfo> {
        spec.validate()?;
        self.check()?;
        if self.listed()?.iter().any(|c| c.name == spec.name.as_str()) {
            events.note(&format!("k3d cluster `{}` exists already", spec.name));
        } else {
            events.stage("creating the k3d cluster", Work::once("create a k3d cluster", 40));
            let agents = (spec.nodes - 1).to_string();
            let port = format!("127.0.0.1:{GATEWAY_PORT}:{GATEWAY_PORT}@server:0");
            self.work([
                "cluster",
                "create",
                spec.name.as_str(),
                "--agents",
                &agents,
                "--port",
                &port,
                // the gateway is ours; k3s' own would take its place
                "--k3s-arg",
                "--disable=traefik@server:*",
                "--kubeconfig-update-default=false",
                "--wait",
                "--timeout",
                "180s",
            ])?;
        }
        self.enter(&spec.name)?;
        self.status(&spec.name)
    }

    fn delete(&self, name: &ClusterName, events: &dyn Events) -> Result<()> {
        if self.listed()?.iter().all(|c| c.name != name.as_str()) {
            return Ok(());
        }
        events.stage("deleting the k3d cluster", Work::once("delete a k3d cluster", 5));
        self.work(["cluster", "delete", name.as_str()])?;
        self.leave(name);
        Ok(())
    }

    fn list(&self) -> Result<Vec<ClusterInfo>> {
        let clusters = self.listed()?.into_iter().map(|cluster| {
            let nodes: Vec<NodeInfo> = cluster
                .nodes
                .iter()
                // the load balancer in front is no node of Kubernetes
                .filter(|n| n.role == "server" || n.role == "agent")
                .map(|n| NodeInfo {
                    name: n.name.clone(),
                    role: if n.role == "server" { Role::ControlPlane } else { Role::Worker },
                    address: String::new(),
                    health: if n.state.running { Health::Running } else { Health::Stopped },
                })
                .collect();
            let stopped = nodes.iter().filter(|n| n.health == Health::Stopped).count();
            let health = match stopped {
                0 => Health::Running,
                n if n == nodes.len() => Health::Stopped,
                n => Health::Degraded(format!("{n} of {} nodes do not run", nodes.len())),
            };
            ClusterInfo {
                context: format!("k3d-{}", cluster.name),
                name: cluster.name,
                provider: ProviderKind::K3d,
                nodes,
                health,
                hint: None,
            }
        });
        Ok(clusters.collect())
    }

    fn kubeconfig(&self, name: &ClusterName) -> Result<String> {
        self.k3d(["kubeconfig", "get", name.as_str()])
    }

    fn add_node(&self, name: &ClusterName, events: &dyn Events) -> Result<String> {
        let taken = self.status(name)?.nodes;
        let free = (1..=u16::MAX)
            .map(|i| format!("{name}-extra{i}"))
            .find(|n| taken.iter().all(|t| !t.name.contains(n.as_str())));
        let node = free.expect("a cluster has fewer nodes than names");
        events.stage(&format!("adding {node}"), Work::once("add a k3d node", 15));
        self.work(["node", "create", &node, "--cluster", name.as_str(), "--role", "agent", "--wait"])?;
        Ok(format!("k3d-{node}-0"))
    }

    fn remove_node(&self, name: &ClusterName, node: &str, events: &dyn Events) -> Result<()> {
        let nodes = self.status(name)?.nodes;
        if !nodes.iter().any(|n| n.name == node && n.role == Role::Worker) {
            let known = nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Error::NoNode { cluster: name.to_string(), node: node.into(), known });
        }
        events.stage(&format!("removing {node}"), Work::once("remove a k3d node", 5));
        self.work(["node", "delete", node]).map(drop)
    }

    fn load_images(&self, name: &ClusterName, archives: &[PathBuf], events: &dyn Events) -> Result<()> {
        events.stage("loading images into k3d", Work::each("load an image into k3d", 3, archives.len()));
        let paths: Vec<_> = archives.iter().map(|a| a.to_string_lossy()).collect();
        let args = ["image", "import", "--cluster", name.as_str()];
        self.work(args.into_iter().chain(paths.iter().map(AsRef::as_ref))).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::command::transcript::Transcript;

    const LIST: &str = "k3d cluster list -o json";
    const ONE: &str = r#"[{"name":"kubsets","nodes":[
        {"name":"k3d-kubsets-server-0","role":"server","State":{"running":true}},
        {"name":"k3d-kubsets-agent-0","role":"agent","State":{"running":false}},
        {"name":"k3d-kubsets-serverlb","role":"loadbalancer","State":{"running":true}}]}]"#;

    #[test]
    fn the_load_balancer_is_no_node_and_a_stopped_agent_is_seen() {
        let transcript = Transcript::new(vec![(LIST, ONE)]);
        let info = K3d::new(&transcript, None).status(&ClusterName::default()).unwrap();
        assert_eq!(info.nodes.len(), 2);
        assert_eq!(info.health, Health::Degraded("1 of 2 nodes do not run".into()));
        assert_eq!(info.context, "k3d-kubsets");
    }

    #[test]
    fn creation_maps_the_gateway_and_leaves_traefik_out() {
        let create = "k3d cluster create kubsets --agents 1 --port 127.0.0.1:30080:30080@server:0 \
                      --k3s-arg --disable=traefik@server:* --kubeconfig-update-default=false --wait --timeout 180s";
        let transcript = Transcript::new(vec![
            ("k3d version", "k3d version v5.8.3"),
            ("k3d runtime-info", "Name: docker"),
            (LIST, "[]"),
            (create, ""),
            ("k3d kubeconfig merge kubsets --kubeconfig-switch-context --kubeconfig-merge-default", ""),
            (LIST, ONE),
        ]);
        let spec = ClusterSpec { name: ClusterName::default(), nodes: 2, kubernetes: "v1.36.3".into() };
        K3d::new(&transcript, None).create(&spec, &|_: Event| {}).unwrap();
        transcript.finish();
        assert_eq!(transcript.work(), [create]);
    }

    #[test]
    fn a_kubeconfig_that_is_named_gets_a_cluster_that_exists_and_loses_it() {
        let transcript = Transcript::new(vec![
            ("k3d version", "k3d version v5.8.3"),
            ("k3d runtime-info", "Name: docker"),
            (LIST, ONE),
            ("k3d kubeconfig merge kubsets --kubeconfig-switch-context --output /k", "/k"),
            (LIST, ONE),
            (LIST, ONE),
            ("k3d cluster delete kubsets", ""),
            ("kubectl --kubeconfig /k config delete-context k3d-kubsets", ""),
            ("kubectl --kubeconfig /k config delete-cluster k3d-kubsets", ""),
            ("kubectl --kubeconfig /k config delete-user admin@k3d-kubsets", ""),
        ]);
        let provider = K3d::new(&transcript, Some("/k".into()));
        let spec = ClusterSpec { name: ClusterName::default(), nodes: 2, kubernetes: "v1.36.3".into() };
        provider.create(&spec, &|_: Event| {}).unwrap();
        provider.delete(&spec.name, &|_: Event| {}).unwrap();
        transcript.finish();
    }

    #[test]
    fn a_cluster_that_is_gone_is_no_error() {
        let transcript = Transcript::new(vec![(LIST, "[]")]);
        K3d::new(&transcript, None).delete(&ClusterName::default(), &|_: Event| {}).unwrap();
        transcript.finish();
    }

    #[test]
    fn only_agents_can_be_removed() {
        let transcript = Transcript::new(vec![(LIST, ONE)]);
        let error = K3d::new(&transcript, None)
            .remove_node(&ClusterName::default(), "k3d-kubsets-server-0", &|_: Event| {})
            .unwrap_err();
        assert!(matches!(error, Error::NoNode { .. }), "{error}");
    }
}
