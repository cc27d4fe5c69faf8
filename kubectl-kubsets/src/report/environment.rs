//! What a run ran with: noted beside its record, because nobody can tell afterwards.

use kubsets_kube::Access;
use serde::{Deserialize, Serialize};

/// File with the environment in the folder of a run.
pub(crate) const ENVIRONMENT_FILE: &str = "environment.json";

/// Versions of plugin and cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Environment {
    /// Version of this plugin.
    pub(crate) plugin: String,
    /// Commit that it was built from.
    pub(crate) commit: String,
    /// Operating system and processor of the machine that drove the run and sent its load.
    pub(crate) platform: String,
    /// Processors that this process may use.
    pub(crate) processors: Option<usize>,
    /// Release of the kernel, where it is known.
    pub(crate) kernel: Option<String>,
    /// Version of the API server, where it was asked and answered.
    pub(crate) kubernetes: Option<String>,
}

impl Environment {
    /// Looks around, at the cluster too.
    pub(crate) async fn here(access: &Access) -> Self {
        Self { kubernetes: access.server_version().await.ok(), ..Self::of_machine() }
    }

    /// Looks around on this machine.
    pub(crate) fn of_machine() -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        Self {
            plugin: env!("CARGO_PKG_VERSION").to_owned(),
            commit: env!("KUBSETS_BUILD_COMMIT").to_owned(),
            platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
            processors: std::thread::available_parallelism().ok().map(std::num::NonZero::get),
            kernel: kernel.map(|release| release.trim().to_owned()),
            kubernetes: None,
        }
    }
}
