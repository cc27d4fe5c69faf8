//! What every command gets: the global flags and the printer.

use std::path::PathBuf;

use kubsets_kube::{Access, AccessOptions};

use crate::cli::GlobalArgs;
use crate::ui::Printer;
use crate::usual_times::UsualTimes;

/// Namespace of the demo stack.
pub(crate) const STACK_NAMESPACE: &str = "kubsets-demo";

/// What the first line of a command says where every namespace is at stake.
pub(crate) const EVERY_NAMESPACE: &str = "(all)";

/// The surroundings of one command.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// Flags that every command takes.
    pub(crate) global: GlobalArgs,
    /// Says things.
    pub(crate) ui: Printer,
}

impl App {
    /// The surroundings that the global flags ask for.
    pub(crate) fn new(global: GlobalArgs) -> Self {
        let ui = Printer::new(global.printer_options());
        Self { global, ui }
    }

    /// Folder of run records and undo journals.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.global
            .state_dir
            .clone()
            .unwrap_or_else(|| base("XDG_STATE_HOME", ".local/state").join("kubsets"))
    }

    /// Folder of built images, binaries and downloads.
    #[expect(clippy::unused_self, reason = "a flag may name it one day, as one names the state folder")]
    pub(crate) fn cache_dir(&self) -> PathBuf {
        match set("KUBSETS_CACHE") {
            Some(folder) => folder,
            None => base("XDG_CACHE_HOME", ".cache").join("kubsets"),
        }
    }

    /// How long things usually take here.
    pub(crate) fn usual_times(&self) -> UsualTimes {
        UsualTimes::in_cache(&self.cache_dir())
    }
}

/// A base folder by the XDG rules: the variable where it holds an absolute path, else below the home folder.
fn base(variable: &str, below_home: &str) -> PathBuf {
    match set(variable) {
        Some(folder) if folder.is_absolute() => folder,
        _ => set("HOME").unwrap_or_else(|| PathBuf::from("/")).join(below_home),
    }
}

fn set(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

impl App {
    /// How the flags want the cluster to be reached.
    pub(crate) fn access_options(&self) -> AccessOptions {
        let defaults = AccessOptions::default();
        AccessOptions {
            kubeconfig: self.global.kubeconfig.as_ref().map(|file| file.clone().into_os_string()),
            context: self.global.context.clone(),
            cluster: self.global.cluster.clone(),
            user: self.global.user.clone(),
            act_as: self.global.impersonate.clone(),
            namespace: self.global.namespace.clone(),
            request_timeout: self.global.request_timeout.unwrap_or(defaults.request_timeout),
            read_only: self.global.read_only,
            allow_namespaces: self.global.allow_namespace.clone(),
        }
    }

    /// The cluster that the flags name; no request is sent yet.
    ///
    /// # Errors
    /// When there is no such context or its entry is not usable.
    pub(crate) async fn access(&self) -> anyhow::Result<Access> {
        Ok(Access::connect(&self.access_options()).await?)
    }

    /// The cluster that the flags name, in the namespace of the demo stack unless `-n` names another, proved
    /// to answer.
    ///
    /// # Errors
    /// When there is no such context, or no answer.
    pub(crate) async fn stack_access(&self) -> anyhow::Result<Access> {
        let access = self.access().await?;
        self.ui.detail(format!("asking {}", access.facts().server));
        access.server_version().await?;
        Ok(match self.global.namespace {
            Some(_) => access,
            None => access.with_namespace(STACK_NAMESPACE),
        })
    }
}
