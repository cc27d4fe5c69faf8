//! A cluster that is there already: any context of the kubeconfig. Nothing is made or removed.

use std::path::PathBuf;

use crate::command::{Invocation, Runner};
use crate::{ClusterInfo, ClusterName, ClusterSpec, Error, Events, Health, Provider, ProviderKind, Result};

/// Which cluster is meant, as kubectl's flags name it; what is `None` the kubeconfig decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// The context.
    pub context: Option<String>,
    /// The cluster entry.
    pub cluster: Option<String>,
    /// The user entry.
    pub user: Option<String>,
    /// The user to act as.
    pub act_as: Option<String>,
}

impl Target {
    /// The flags that name it.
    fn flags(&self) -> Vec<String> {
        let kubeconfig = self.kubeconfig.as_ref().map(|file| file.to_string_lossy().into_owned());
        [
            ("--kubeconfig", &kubeconfig),
            ("--context", &self.context),
            ("--cluster", &self.cluster),
            ("--user", &self.user),
            ("--as", &self.act_as),
        ]
        .into_iter()
        .filter_map(|(flag, value)| Some([flag.to_owned(), value.clone()?]))
        .flatten()
        .collect()
    }
}

/// The cluster in force, or one that was named.
pub struct Current<R> {
    runner: R,
    target: Target,
}

impl<R: Runner> Current<R> {
    /// The provider for a cluster.
    pub fn new(runner: R, target: Target) -> Self {
        Self { runner, target }
    }

    fn kubectl(&self) -> Invocation {
        Invocation::new("kubectl").args(self.target.flags())
    }

    fn context_name(&self) -> Result<String> {
        match &self.target.context {
            Some(context) => Ok(context.clone()),
            None => Ok(self.runner.run(&self.kubectl().args(["config", "current-context"]))?.trim().into()),
        }
    }

    fn refuse<T>(act: &str) -> Result<T> {
        Err(Error::Unavailable {
            provider: "current",
            reason: format!("kubsets did not make this cluster and does not {act}"),
            fix: "use the cluster's own tools, or a cluster of ours: `kubectl kubsets cluster create`".into(),
        })
    }
}

impl<R: Runner> Provider for Current<R> {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Current
    }

    fn check(&self) -> Result<()> {
        let answer =
            self.runner.run(&self.kubectl().args(["get", "--raw", "/readyz", "--request-timeout=5s"]));
        match answer {
            Ok(_) => Ok(()),
            Err(error @ Error::Start { .. }) => Err(Error::no_tool("kubectl", &error)),
            Err(error) => {
                let another = "name one with --context, or let kubsets make one: `kubectl kubsets up --provider native`";
                Err(Error::Unavailable {
                    provider: "current",
                    reason: format!("no cluster answers: {error}"),
                    fix: error.late_hint().unwrap_or_else(|| another.into()),
                })
            }
        }
    }

    fn create(&self, _: &ClusterSpec, events: &dyn Events) -> Result<ClusterInfo> {
        self.check()?;
        let context = self.context_name()?;
        events.note(&format!("using the cluster of context `{context}` as it is"));
        Ok(ClusterInfo {
            name: context.clone(),
            provider: ProviderKind::Current,
            context,
            nodes: Vec::new(),
            health: Health::Running,
            hint: None,
        })
    }

    fn delete(&self, _: &ClusterName, events: &dyn Events) -> Result<()> {
        events.note("the cluster stays: kubsets did not make it");
        Ok(())
    }

    fn list(&self) -> Result<Vec<ClusterInfo>> {
        Ok(Vec::new())
    }

    fn kubeconfig(&self, _: &ClusterName) -> Result<String> {
        self.runner.run(&self.kubectl().args(["config", "view", "--minify", "--flatten", "--raw"]))
    }

    fn add_node(&self, _: &ClusterName, _: &dyn Events) -> Result<String> {
        Self::refuse("add nodes to it")
    }

    fn remove_node(&self, _: &ClusterName, _: &str, _: &dyn Events) -> Result<()> {
        Self::refuse("remove its nodes")
    }

    fn load_images(&self, _: &ClusterName, _: &[PathBuf], _: &dyn Events) -> Result<()> {
        Self::refuse(
            "load images into its nodes; push them to a registry that it can reach: `kubectl kubsets images push`",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::command::transcript::Transcript;

    fn spec() -> ClusterSpec {
        ClusterSpec { name: ClusterName::default(), nodes: 2, kubernetes: "v1.36.3".into() }
    }

    #[test]
    fn the_current_context_is_used_and_nothing_is_made() {
        let transcript = Transcript::new(vec![
            ("kubectl get --raw /readyz --request-timeout=5s", "ok"),
            ("kubectl config current-context", "work\n"),
        ]);
        let info = Current::new(&transcript, Target::default()).create(&spec(), &|_: Event| {}).unwrap();
        assert_eq!(info.context, "work");
        transcript.finish();
    }

    #[test]
    fn a_named_context_that_does_not_answer_is_refused_with_a_fix() {
        let transcript = Transcript::new(vec![])
            .failing("kubectl --context far get --raw /readyz --request-timeout=5s", "connection refused");
        let target = Target { context: Some("far".into()), ..Target::default() };
        let error = Current::new(&transcript, target).check().unwrap_err();
        assert!(error.to_string().contains("connection refused"), "{error}");
        assert!(error.hint().unwrap().contains("--context"));
    }

    #[test]
    fn a_login_program_that_waits_is_told_from_a_cluster_that_is_not_there() {
        let transcript = Transcript::new(vec![]).hanging("kubectl get --raw /readyz --request-timeout=5s");
        let error = Current::new(&transcript, Target::default()).check().unwrap_err();
        assert!(error.to_string().contains("did not end within 30s"), "{error}");
        assert!(error.hint().unwrap().contains("login program"), "{:?}", error.hint());
    }

    #[test]
    fn every_flag_that_names_a_cluster_reaches_kubectl() {
        let transcript = Transcript::new(vec![(
            "kubectl --kubeconfig /k --context a --cluster b --user c --as d get --raw /readyz --request-timeout=5s",
            "ok",
        )]);
        let some = |text: &str| Some(text.to_owned());
        let target = Target {
            kubeconfig: Some("/k".into()),
            context: some("a"),
            cluster: some("b"),
            user: some("c"),
            act_as: some("d"),
        };
        Current::new(&transcript, target).check().unwrap();
        transcript.finish();
    }

    #[test]
    fn nodes_of_a_foreign_cluster_are_not_touched() {
        let transcript = Transcript::new(vec![]);
        let provider = Current::new(&transcript, Target::default());
        assert!(provider.add_node(&ClusterName::default(), &|_: Event| {}).is_err());
        provider.delete(&ClusterName::default(), &|_: Event| {}).unwrap();
        transcript.finish();
    }
}
