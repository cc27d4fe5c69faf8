//! The providers as the command line sees them: one is chosen, called off the async runtime, and heard.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use clap_complete::CompletionCandidate;
use kubsets_cluster::command::HostRunner;
use kubsets_cluster::current::{Current, Target};
use kubsets_cluster::k3d::K3d;
use kubsets_cluster::kind::Kind;
use kubsets_cluster::kubeconfig::{self, Entry};
use kubsets_cluster::native::Native;
use kubsets_cluster::{ClusterInfo, ClusterName, Event, Events, Provider, ProviderKind};
use kubsets_kube::{Access, AccessOptions};

use super::{Which, native_root, spec, usual_time};
use crate::app::{App, EVERY_NAMESPACE};
use crate::platform::{self, ImageStore, PlatformParts};
use crate::ui::{ExitCode, Failure, Printer, Step};
use crate::usual_times::UsualTimes;

/// The providers that make clusters, in the order in which they are asked for one.
const MAKERS: [ProviderKind; 3] = [ProviderKind::Native, ProviderKind::Kind, ProviderKind::K3d];

/// A provider that could not say whether it has a cluster, and why.
type Untold = (ProviderKind, kubsets_cluster::Error);

/// The provider that a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The first that is possible.
    Auto,
    /// This one.
    Only(ProviderKind),
}

impl Choice {
    /// What can be typed, for completion.
    pub(super) fn candidates() -> Vec<CompletionCandidate> {
        ["auto", "native", "kind", "k3d", "current"].map(CompletionCandidate::new).into()
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            other => other
                .parse()
                .map(Self::Only)
                .map_err(|_| "it takes auto, native, kind, k3d or current".into()),
        }
    }
}

/// Prints what a provider tells: one step a stage.
#[derive(Clone)]
pub(crate) struct Progress {
    ui: Printer,
    times: UsualTimes,
    step: Arc<Mutex<Option<Step>>>,
}

impl Progress {
    /// Progress on the command's printer.
    pub(crate) fn new(app: &App) -> Self {
        Self { ui: app.ui.clone(), times: app.usual_times(), step: Arc::default() }
    }

    /// Ends the last stage well.
    pub(crate) fn done(&self) {
        if let Some(step) = self.step.lock().unwrap_or_else(PoisonError::into_inner).take() {
            step.done("");
        }
    }
}

impl Events for Progress {
    fn emit(&self, event: Event) {
        match event {
            Event::Note { text } => self.ui.message(text),
            Event::Stage { name, work } => {
                self.done();
                let mut letters = name.chars();
                let title = letters
                    .next()
                    .map_or(String::new(), |first| first.to_uppercase().chain(letters).collect());
                let step = self.ui.step(title);
                let usual = Duration::from_secs(work.usual_s.into());
                step.expect_usual(&self.times, work.kind, work.count, usual);
                *self.step.lock().unwrap_or_else(PoisonError::into_inner) = Some(step);
            }
        }
    }
}

/// All providers of this host.
pub(crate) struct Clusters<'a> {
    app: &'a App,
}

impl<'a> Clusters<'a> {
    /// The providers for one command.
    pub(crate) fn new(app: &'a App) -> Self {
        Self { app }
    }

    /// A provider of this kind.
    ///
    /// # Errors
    /// When this program cannot find itself or its parts.
    pub(crate) fn provider(&self, kind: ProviderKind) -> anyhow::Result<Box<dyn Provider>> {
        Ok(match kind {
            ProviderKind::Native => {
                let own = std::env::current_exe().context("cannot find this program")?;
                let supervisor: Vec<OsString> = vec![own.into(), "internal".into(), "node-supervisor".into()];
                let parts = PlatformParts(ImageStore::open(self.app)?);
                Box::new(Native::new(native_root(), supervisor, Box::new(parts)))
            }
            ProviderKind::Kind => Box::new(Kind::new(HostRunner, self.app.global.kubeconfig.clone())),
            ProviderKind::K3d => Box::new(K3d::new(HostRunner, self.app.global.kubeconfig.clone())),
            ProviderKind::Current => Box::new(Current::new(HostRunner, self.target())),
        })
    }

    /// The cluster that the flags name.
    fn target(&self) -> Target {
        let flags = &self.app.global;
        Target {
            kubeconfig: flags.kubeconfig.clone(),
            context: flags.context.clone(),
            cluster: flags.cluster.clone(),
            user: flags.user.clone(),
            act_as: flags.impersonate.clone(),
        }
    }

    /// The provider that has a cluster of this name, where one has.
    fn owner(&self, name: &ClusterName) -> anyhow::Result<Option<ClusterInfo>> {
        Ok(self.search(name)?.ok())
    }

    /// The cluster of this name; where nobody has it, the providers whose tool failed, and why.
    fn search(&self, name: &ClusterName) -> anyhow::Result<Result<ClusterInfo, Vec<Untold>>> {
        let mut untold_by = Vec::new();
        for kind in MAKERS {
            match self.provider(kind)?.status(name) {
                Ok(info) => return Ok(Ok(info)),
                Err(error @ kubsets_cluster::Error::Command { .. }) => untold_by.push((kind, error)),
                Err(error) if has_none(&error) => {}
                Err(error @ kubsets_cluster::Error::File { .. }) => return Err(untold(name, error).into()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Err(untold_by))
    }

    /// The kind of the cluster that the flags name; `None` where there is none yet.
    ///
    /// # Errors
    /// When nobody can tell whose it is.
    pub(crate) fn named(&self, which: &Which) -> anyhow::Result<Option<ProviderKind>> {
        resolve(which, self.app.global.context.as_deref(), |name| self.owner(name))
    }

    /// Says which cluster is about to change: the first line of every command that does.
    ///
    /// # Errors
    /// When `--context` or the current context of somebody else's cluster is not usable.
    pub(crate) async fn announce(
        &self,
        kind: ProviderKind,
        name: &ClusterName,
        namespace: &str,
    ) -> anyhow::Result<()> {
        let line = if kind == ProviderKind::Current {
            self.app.access().await?.with_namespace(namespace).facts().to_string()
        } else {
            let context = context(kind, name);
            let options = AccessOptions { context: Some(context.clone()), ..self.app.access_options() };
            match Access::connect(&options).await {
                Ok(access) => access.with_namespace(namespace).facts().to_string(),
                Err(_) => format!("context {context}, server not known yet, namespace {namespace}"),
            }
        };
        self.app.ui.message(line);
        Ok(())
    }

    /// [`Clusters::announce`] for a cluster that exists, with what is in every namespace at stake.
    ///
    /// # Errors
    /// That no provider has the cluster.
    pub(crate) async fn announce_existing(&self, which: &Which) -> anyhow::Result<()> {
        let kind = self.existing(which)?;
        self.announce(kind, &which.name, EVERY_NAMESPACE).await
    }

    /// [`Clusters::announce`] for the cluster that [`Clusters::delete`] removes.
    ///
    /// # Errors
    /// When this program cannot find itself or its parts.
    pub(crate) async fn announce_deleted(&self, which: &Which) -> anyhow::Result<()> {
        let (kind, _) = self.deleted(which)?;
        self.announce(kind, &which.name, EVERY_NAMESPACE).await
    }

    /// The kind of a cluster that exists.
    ///
    /// # Errors
    /// That no provider has the cluster.
    pub(super) fn existing(&self, which: &Which) -> anyhow::Result<ProviderKind> {
        if let Choice::Only(kind) = which.provider {
            return Ok(kind);
        }
        let name = &which.name;
        let owner =
            self.owner(name)?.ok_or_else(|| kubsets_cluster::Error::NoCluster { name: name.to_string() })?;
        Ok(owner.provider)
    }

    /// The kind that a new cluster gets.
    fn choose(&self, which: &Which) -> anyhow::Result<ProviderKind> {
        if let Some(kind) = self.named(which)? {
            return Ok(kind);
        }
        let mut failure = Failure::new(ExitCode::Skipped, "no provider can make a cluster on this machine");
        for kind in [ProviderKind::Kind, ProviderKind::K3d, ProviderKind::Native] {
            match self.provider(kind)?.check() {
                Ok(()) => return Ok(kind),
                Err(error) => {
                    let fix = error.hint().map(|fix| format!(" ({fix})")).unwrap_or_default();
                    failure = failure.with_hint(format!("{error}{fix}"));
                }
            }
        }
        Err(failure.into())
    }

    /// The provider that a new cluster gets, when it can work here.
    ///
    /// # Errors
    /// The reason why it cannot.
    pub(crate) fn check(&self, which: &Which) -> anyhow::Result<ProviderKind> {
        let kind = self.choose(which)?;
        self.provider(kind)?.check()?;
        Ok(kind)
    }

    /// Calls a provider about a cluster that exists, off the async runtime.
    ///
    /// # Errors
    /// What the provider says; that no provider has the cluster.
    pub(crate) async fn on<T: Send + 'static>(
        &self,
        which: &Which,
        call: impl FnOnce(&dyn Provider, &ClusterName) -> kubsets_cluster::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let kind = self.existing(which)?;
        let provider = self.provider(kind)?;
        let name = which.name.clone();
        Ok(tokio::task::spawn_blocking(move || call(&*provider, &name)).await??)
    }

    /// Makes or repairs a cluster and puts it into the kubeconfig.
    ///
    /// # Errors
    /// What the provider says.
    pub(crate) async fn create(&self, which: &Which, nodes: u8) -> anyhow::Result<ClusterInfo> {
        let kind = self.choose(which)?;
        let kubernetes = platform::kubernetes_version()?;
        self.app.ui.message(format!(
            "Cluster {} by provider {kind} (usually {} when all is cached)",
            which.name,
            crate::ui::duration(usual_time(kind))
        ));
        let provider = self.provider(kind)?;
        let wanted = spec(&which.name, nodes, kubernetes);
        let progress = Progress::new(self.app);
        let told = progress.clone();
        let info = tokio::task::spawn_blocking(move || provider.create(&wanted, &told)).await??;
        progress.done();
        // the other tools write it themselves
        if kind == ProviderKind::Native {
            self.enter(&which.name, &info)?;
        }
        Ok(info)
    }

    /// Removes a cluster and its entry in the kubeconfig. Returns whether it is gone for sure; says whose tool could
    /// not tell where it is not.
    ///
    /// # Errors
    /// What the provider says.
    pub(crate) async fn delete(&self, which: &Which) -> anyhow::Result<bool> {
        let (kind, untold_by) = self.deleted(which)?;
        if kind == ProviderKind::Native {
            self.leave(&which.name);
        }
        let provider = self.provider(kind)?;
        let (name, progress) = (which.name.clone(), Progress::new(self.app));
        let told = progress.clone();
        tokio::task::spawn_blocking(move || provider.delete(&name, &told)).await??;
        progress.done();
        if untold_by.is_empty() {
            return Ok(true);
        }
        self.app.ui.warn(perhaps_there(&which.name, &untold_by));
        Ok(false)
    }

    /// The provider whose cluster [`Clusters::delete`] removes, and those who could not say whether it is theirs.
    fn deleted(&self, which: &Which) -> anyhow::Result<(ProviderKind, Vec<Untold>)> {
        Ok(match which.provider {
            Choice::Only(kind) => (kind, Vec::new()),
            Choice::Auto => match self.search(&which.name)? {
                Ok(owner) => (owner.provider, Vec::new()),
                // what is left of a native cluster may have no record
                Err(untold_by) => (ProviderKind::Native, untold_by),
            },
        })
    }

    /// One cluster.
    ///
    /// # Errors
    /// When no provider has it.
    pub(crate) async fn status(&self, which: &Which) -> anyhow::Result<ClusterInfo> {
        self.on(which, |provider, name| provider.status(name)).await
    }

    /// The clusters of all providers that can tell; says whose are not among them.
    ///
    /// # Errors
    /// When the native provider's records cannot be read.
    pub(crate) async fn list(&self) -> anyhow::Result<Vec<ClusterInfo>> {
        let native = self.provider(ProviderKind::Native)?;
        let others = [self.provider(ProviderKind::Kind)?, self.provider(ProviderKind::K3d)?];
        let ui = self.app.ui.clone();
        tokio::task::spawn_blocking(move || {
            let mut list = native.list()?;
            for other in others {
                match other.list() {
                    Ok(clusters) => list.extend(clusters),
                    Err(error) if has_none(&error) => {}
                    Err(error) => ui.warn(format!("clusters of {} are not listed: {error}", other.kind())),
                }
            }
            Ok(list)
        })
        .await?
    }

    fn enter(&self, name: &ClusterName, info: &ClusterInfo) -> anyhow::Result<()> {
        let Some(file) = self.app.global.kubeconfig.clone().or_else(kubeconfig::default_path) else {
            self.app.ui.warn("no kubeconfig was written: neither KUBECONFIG nor HOME is set");
            return Ok(());
        };
        // a later command finds it from another folder too
        let file = std::path::absolute(file)?;
        let keep = native_root().join(name.as_str());
        let admin = self.provider(ProviderKind::Native)?.kubeconfig(name)?;
        if fs::read_to_string(keep.join("kubeconfig.path")).is_ok_and(|former| Path::new(&former) != file) {
            self.leave(name);
        }
        // written first, so that a delete finds the file however this one ends
        fs::write(keep.join("kubeconfig.path"), file.as_os_str().as_encoded_bytes())?;
        Entry { file: &file, context: &info.context, keep: &keep }.put(&admin)?;
        Ok(())
    }

    fn leave(&self, name: &ClusterName) {
        let keep = native_root().join(name.as_str());
        let Ok(file) = fs::read_to_string(keep.join("kubeconfig.path")) else { return };
        let file = PathBuf::from(file);
        if let Err(error) = (Entry { file: &file, context: &name.context(), keep: &keep }).take_out() {
            self.app.ui.warn(format!("the entry {} stays in {}: {error}", name.context(), file.display()));
        }
    }
}

/// Whether an error of a provider means that it has no such cluster: its tool does not run here, or finds no engine.
fn has_none(error: &kubsets_cluster::Error) -> bool {
    use kubsets_cluster::Error;
    matches!(error, Error::NoCluster { .. } | Error::Start { .. } | Error::Command { .. })
}

/// That a cluster which nobody has may be there all the same, in one line.
fn perhaps_there(name: &ClusterName, untold_by: &[Untold]) -> String {
    let reasons: Vec<String> = untold_by
        .iter()
        .map(|(kind, error)| {
            let error = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{kind} cannot tell ({error})")
        })
        .collect();
    format!("cluster {name} may still be there: {}", reasons.join("; "))
}

/// A record that cannot be read: it may be that of the cluster that is meant, or only have its name.
fn untold(name: &ClusterName, error: kubsets_cluster::Error) -> Failure {
    let message = format!("cannot tell whether cluster `{name}` is a native one");
    Failure::new(ExitCode::Cluster, message)
        .because(error)
        .with_hint("where another one is meant, name who made it: `--provider kind` (or k3d, current)")
}

/// The kind of the cluster that is meant: the one that was asked for; with a context that is not its own, the
/// cluster of that context; else that of its owner, who is asked only where it matters.
fn resolve(
    which: &Which,
    context: Option<&str>,
    owner: impl FnOnce(&ClusterName) -> anyhow::Result<Option<ClusterInfo>>,
) -> anyhow::Result<Option<ProviderKind>> {
    if let Choice::Only(kind) = which.provider {
        return Ok(Some(kind));
    }
    let own = |context: &str| MAKERS.iter().any(|kind| self::context(*kind, &which.name) == context);
    if context.is_some_and(|context| !own(context)) {
        return Ok(Some(ProviderKind::Current));
    }
    let owner = owner(&which.name)?;
    Ok(match (context, owner) {
        (Some(context), owner) if owner.as_ref().is_none_or(|owner| owner.context != context) => {
            Some(ProviderKind::Current)
        }
        (_, owner) => owner.map(|owner| owner.provider),
    })
}

/// The context that a cluster of ours has in the kubeconfig.
pub(super) fn context(kind: ProviderKind, name: &ClusterName) -> String {
    match kind {
        ProviderKind::Kind => format!("kind-{name}"),
        ProviderKind::K3d => format!("k3d-{name}"),
        ProviderKind::Native | ProviderKind::Current => name.context(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_cluster::Health;

    fn which(provider: Choice) -> Which {
        Which { name: ClusterName::default(), provider }
    }

    #[test]
    fn a_context_of_another_cluster_goes_before_a_cluster_of_the_same_name() {
        let native = || ClusterInfo {
            name: "kubsets".into(),
            provider: ProviderKind::Native,
            context: "kubsets".into(),
            nodes: Vec::new(),
            health: Health::Running,
            hint: None,
        };
        let auto = |context, owner: Option<ClusterInfo>| {
            resolve(&which(Choice::Auto), context, |_| Ok(owner)).expect("is told")
        };
        assert_eq!(auto(None, Some(native())), Some(ProviderKind::Native));
        assert_eq!(auto(Some("kubsets"), Some(native())), Some(ProviderKind::Native));
        assert_eq!(auto(Some("production"), Some(native())), Some(ProviderKind::Current));
        assert_eq!(auto(Some("kind-kubsets"), Some(native())), Some(ProviderKind::Current));
        assert_eq!(auto(Some("kubsets"), None), Some(ProviderKind::Current));
        assert_eq!(auto(None, None), None);
    }

    #[test]
    fn an_owner_who_cannot_tell_is_an_error_only_where_he_is_asked() {
        let refused = |_: &ClusterName| anyhow::bail!("permission denied");
        let kind = Choice::Only(ProviderKind::Kind);
        let asked = resolve(&which(kind), Some("production"), refused).expect("nobody is asked");
        assert_eq!(asked, Some(ProviderKind::Kind));
        let foreign = resolve(&which(Choice::Auto), Some("production"), refused).expect("nobody is asked");
        assert_eq!(foreign, Some(ProviderKind::Current));
        for context in [None, Some("kubsets"), Some("k3d-kubsets")] {
            assert!(resolve(&which(Choice::Auto), context, refused).is_err(), "{context:?}");
        }
    }

    #[test]
    fn only_a_tool_that_does_not_run_has_no_clusters_for_sure() {
        use kubsets_cluster::Error;
        let (program, path) =
            ("kind get clusters".to_owned(), PathBuf::from("/var/lib/kubsets/a/cluster.json"));
        let source = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert!(has_none(&Error::NoCluster { name: "a".into() }));
        assert!(has_none(&Error::Start { program: program.clone(), source: source() }));
        assert!(has_none(&Error::Command { program: program.clone(), code: Some(1), output: String::new() }));
        assert!(!has_none(&Error::Late { program, limit: kubsets_cluster::command::QUESTION }));
        assert!(!has_none(&Error::File { action: "read", path, source: source() }));
    }

    #[test]
    fn a_cluster_is_not_said_to_be_gone_by_a_tool_that_fails() {
        let error = kubsets_cluster::Error::Command {
            program: "kind get clusters --quiet".into(),
            code: Some(1),
            output: "ERROR: failed to list clusters\nCannot connect to the Docker daemon".into(),
        };
        assert_eq!(
            perhaps_there(&ClusterName::default(), &[(ProviderKind::Kind, error)]),
            "cluster kubsets may still be there: kind cannot tell (`kind get clusters --quiet` failed with exit code 1: \
             ERROR: failed to list clusters Cannot connect to the Docker daemon)"
        );
    }

    #[test]
    fn providers_are_taken_by_name() {
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        assert_eq!("native".parse(), Ok(Choice::Only(ProviderKind::Native)));
        assert!("docker".parse::<Choice>().unwrap_err().contains("native, kind, k3d"));
    }
}
