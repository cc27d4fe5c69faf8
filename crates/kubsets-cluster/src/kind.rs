//! Kubernetes in Docker by the tool `kind`, which pulls the image of its nodes; ours come from archives.

use std::path::PathBuf;

use serde_json::json;

use crate::command::{Invocation, Runner, WORK};
use crate::{
    ClusterInfo, ClusterName, ClusterSpec, Error, Events, Health, NodeInfo, Provider, ProviderKind, Result,
    Role, Work,
};

/// The port of the host that leads to the gateway's `NodePort`.
pub const GATEWAY_PORT: u16 = 30080;

/// Drives the tool `kind`.
pub struct Kind<R> {
    runner: R,
    kubeconfig: Option<PathBuf>,
}

impl<R: Runner> Kind<R> {
    /// The provider with a runner of programs. Clusters are put into this kubeconfig; `None` takes that of the tool.
    pub fn new(runner: R, kubeconfig: Option<PathBuf>) -> Self {
        Self { runner, kubeconfig }
    }

    /// A command of the tool that changes the kubeconfig.
    fn entering<const N: usize>(&self, args: [&str; N]) -> Invocation {
        let file = self.kubeconfig.iter().flat_map(|f| ["--kubeconfig".into(), f.to_string_lossy()]);
        Invocation::new("kind").args(args).args(file)
    }

    fn kind<const N: usize>(&self, args: [&str; N]) -> Result<String> {
        self.runner.run(&Invocation::new("kind").args(args))
    }

    fn names(&self) -> Result<Vec<String>> {
        let known = |line: &&str| !line.is_empty() && !line.contains(' ');
        Ok(self
            .kind(["get", "clusters", "--quiet"])?
            .lines()
            .map(str::trim)
            .filter(known)
            .map(str::to_owned)
            .collect())
    }
}

/// kind's configuration for a cluster.
pub fn config(spec: &ClusterSpec) -> String {
    let mapping =
        json!([{"containerPort": GATEWAY_PORT, "hostPort": GATEWAY_PORT, "listenAddress": "127.0.0.1"}]);
    let mut nodes = vec![json!({"role": "control-plane", "extraPortMappings": mapping})];
    nodes.extend((1..spec.nodes).map(|_| json!({"role": "worker"})));
    format!("{:#}\n", json!({"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes}))
}

impl<R: Runner> Provider for Kind<R> {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Kind
    }

    fn check(&self) -> Result<()> {
        self.kind(["version"]).map_err(|error| Error::no_tool("kind", &error))?;
        let engine = Invocation::new("docker").args(["info", "--format", "{{.ServerVersion}}"]);
        self.runner.run(&engine).map(drop).map_err(|error| Error::no_engine("kind", &error))
    }

    fn create(&self, spec: &ClusterSpec, events: &dyn Events) -> Result<ClusterInfo> {
        spec.validate()?;
        self.check()?;
        if self.names()?.iter().any(|n| n == spec.name.as_str()) {
            events.note(&format!("kind cluster `{}` exists already", spec.name));
            self.runner.run(&self.entering(["export", "kubeconfig", "--name", spec.name.as_str()]))?;
        } else {
            events.stage("creating the kind cluster", Work::once("create a kind cluster", 60));
            // the tool names the image of its nodes: each of its releases has its own
            let args = ["create", "cluster", "--name", spec.name.as_str(), "--config", "-", "--wait", "120s"];
            self.runner.run(&self.entering(args).stdin(config(spec)).within(WORK))?;
        }
        self.status(&spec.name)
    }

    fn delete(&self, name: &ClusterName, events: &dyn Events) -> Result<()> {
        events.stage("deleting the kind cluster", Work::once("delete a kind cluster", 5));
        let delete = self.entering(["delete", "cluster", "--name", name.as_str()]);
        self.runner.run(&delete.within(WORK)).map(drop)
    }

    fn list(&self) -> Result<Vec<ClusterInfo>> {
        let mut list = Vec::new();
        for name in self.names()? {
            let nodes = self.kind(["get", "nodes", "--name", &name])?;
            let nodes = nodes.split_ascii_whitespace().map(|node| NodeInfo {
                name: node.into(),
                role: if node.contains("control-plane") { Role::ControlPlane } else { Role::Worker },
                address: String::new(),
                health: Health::Running,
            });
            list.push(ClusterInfo {
                context: format!("kind-{name}"),
                nodes: nodes.collect(),
                name,
                provider: ProviderKind::Kind,
                health: Health::Running,
                hint: None,
            });
        }
        Ok(list)
    }

    fn kubeconfig(&self, name: &ClusterName) -> Result<String> {
        self.kind(["get", "kubeconfig", "--name", name.as_str()])
    }

    fn add_node(&self, _: &ClusterName, _: &dyn Events) -> Result<String> {
        Err(fixed_nodes())
    }

    fn remove_node(&self, _: &ClusterName, _: &str, _: &dyn Events) -> Result<()> {
        Err(fixed_nodes())
    }

    fn load_images(&self, name: &ClusterName, archives: &[PathBuf], events: &dyn Events) -> Result<()> {
        events.stage("loading images into kind", Work::each("load an image into kind", 3, archives.len()));
        for archive in archives {
            let archive = archive.to_string_lossy();
            let load = ["load", "image-archive", &archive, "--name", name.as_str()];
            self.runner.run(&Invocation::new("kind").args(load).within(WORK))?;
        }
        Ok(())
    }
}

fn fixed_nodes() -> Error {
    Error::Unavailable {
        provider: "kind",
        reason: "kind cannot change the nodes of a running cluster".into(),
        fix: "create it with the nodes it needs: `kubectl kubsets cluster create --provider kind --nodes N`"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::command::transcript::Transcript;

    const VERSION: (&str, &str) = ("kind version", "kind v0.33.0 go1.26.7 linux/amd64");
    const DOCKER: (&str, &str) = ("docker info --format {{.ServerVersion}}", "28.2.2");
    const CREATE: &str = "kind create cluster --name kubsets --config - --wait 120s";
    const NODES: (&str, &str) = ("kind get nodes --name kubsets", "kubsets-control-plane\nkubsets-worker\n");

    fn spec() -> ClusterSpec {
        ClusterSpec { name: ClusterName::default(), nodes: 2, kubernetes: "v1.36.3".into() }
    }

    #[test]
    fn a_cluster_is_created_once() {
        let quiet = |_: Event| {};
        let transcript = Transcript::new(vec![
            VERSION,
            DOCKER,
            ("kind get clusters --quiet", "other\n"),
            (CREATE, ""),
            ("kind get clusters --quiet", "kubsets\n"),
            NODES,
            VERSION,
            DOCKER,
            ("kind get clusters --quiet", "kubsets\n"),
            ("kind export kubeconfig --name kubsets", ""),
            ("kind get clusters --quiet", "kubsets\n"),
            NODES,
        ]);
        let provider = Kind::new(&transcript, None);
        for _ in 0..2 {
            let info = provider.create(&spec(), &quiet).unwrap();
            assert_eq!((info.context.as_str(), info.nodes.len()), ("kind-kubsets", 2));
            assert_eq!(info.nodes[1].role, Role::Worker);
        }
        transcript.finish();
        assert_eq!(transcript.work(), [CREATE]);
    }

    #[test]
    fn a_kubeconfig_that_is_named_gets_the_cluster_and_loses_it() {
        let transcript = Transcript::new(vec![
            VERSION,
            DOCKER,
            ("kind get clusters --quiet", ""),
            (&format!("{CREATE} --kubeconfig /k"), ""),
            ("kind get clusters --quiet", "kubsets\n"),
            NODES,
            ("kind delete cluster --name kubsets --kubeconfig /k", ""),
        ]);
        let provider = Kind::new(&transcript, Some("/k".into()));
        provider.create(&spec(), &|_: Event| {}).unwrap();
        provider.delete(&ClusterName::default(), &|_: Event| {}).unwrap();
        transcript.finish();
    }

    #[test]
    fn the_gateway_s_port_is_mapped_to_loopback_only() {
        let config: serde_json::Value = serde_json::from_str(&config(&spec())).unwrap();
        assert_eq!(config["nodes"].as_array().unwrap().len(), 2);
        assert_eq!(config["nodes"][0]["extraPortMappings"][0]["listenAddress"], "127.0.0.1");
    }

    #[test]
    fn the_file_for_the_tool_alone_makes_the_same_cluster() {
        let file = include_str!("../../../kind/cluster.yaml");
        let mut file: serde_json::Value = serde_saphyr::from_str(file).unwrap();
        assert_eq!(file.as_object_mut().unwrap().remove("name"), Some("kubsets".into()));
        let ours: serde_json::Value = serde_json::from_str(&config(&spec())).unwrap();
        assert_eq!(file, ours);
    }

    #[test]
    fn without_an_engine_the_reason_is_told() {
        let transcript = Transcript::new(vec![VERSION])
            .failing("docker info --format {{.ServerVersion}}", "Cannot connect to the Docker daemon");
        let error = Kind::new(&transcript, None).check().unwrap_err();
        assert!(error.to_string().contains("Cannot connect to the Docker daemon"), "{error}");
    }

    #[test]
    fn an_engine_that_hangs_is_told_from_one_that_is_not_there() {
        let transcript = Transcript::new(vec![VERSION]).hanging("docker info --format {{.ServerVersion}}");
        let error = Kind::new(&transcript, None).check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the kind provider cannot be used here: no container engine answers: `docker info --format \
             {{.ServerVersion}}` did not end within 30s and was stopped"
        );
        assert!(error.hint().unwrap().contains("restart it"), "{:?}", error.hint());
    }

    #[test]
    fn archives_are_loaded_one_by_one() {
        let transcript = Transcript::new(vec![
            ("kind load image-archive /c/a.tar --name kubsets", ""),
            ("kind load image-archive /c/b.tar --name kubsets", ""),
        ]);
        Kind::new(&transcript, None)
            .load_images(&ClusterName::default(), &["/c/a.tar".into(), "/c/b.tar".into()], &|_: Event| {})
            .unwrap();
        transcript.finish();
        assert_eq!(transcript.work().len(), 2);
    }
}
