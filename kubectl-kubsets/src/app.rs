//! What every command gets: the global flags and the printer.

use std::path::PathBuf;

use crate::cli::GlobalArgs;
use crate::ui::Printer;

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
    pub(crate) fn cache_dir(&self) -> PathBuf {
        match set("KUBSETS_CACHE") {
            Some(folder) => folder,
            None => base("XDG_CACHE_HOME", ".cache").join("kubsets"),
        }
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
    /// A client for the cluster that the flags name, and the context's name.
    ///
    /// # Errors
    /// When there is no such context or its entry is not usable.
    pub(crate) async fn connect(&self) -> anyhow::Result<(kube::Client, String)> {
        let options = kube::config::KubeConfigOptions {
            context: self.global.context.clone(),
            cluster: self.global.cluster.clone(),
            user: self.global.user.clone(),
        };
        let config = kube::Config::from_kubeconfig(&options).await?;
        Ok((kube::Client::try_from(config)?, self.global.context.clone().unwrap_or_default()))
    }
}
