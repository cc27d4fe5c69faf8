//! Puts the agent together and runs it until it is stopped.

use std::{future::Future, net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use kubsets_telemetry::{
    Health, Metrics, ServiceArgs, Supervisor, admin,
    health::{Dependency, Need, WatchPeriods},
    logs::LogLevel,
    serve::Server,
};
use tokio_util::sync::CancellationToken;

use crate::{collector::NodeCollector, proc::ProcFiles};

const PERIODS: WatchPeriods = WatchPeriods { up: Duration::from_secs(15), down: Duration::from_secs(1) };
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Shows what a node does, on the admin port.
#[derive(Clone, Parser)]
#[command(version)]
pub struct Settings {
    /// What all services have.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Where the process file system is. When that of the host is mounted elsewhere, network
    /// numbers are those of the node; else they are those of the pod.
    #[arg(long, env = "PROC_ROOT", default_value = "/proc")]
    pub proc_root: PathBuf,
}

/// The agent with its port bound.
pub struct NodeAgent {
    settings: Settings,
    health: Health,
    files: ProcFiles,
    readable: Dependency,
    admin: Server,
}

impl NodeAgent {
    /// Binds the port.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn build(settings: Settings, level: LogLevel) -> anyhow::Result<Self> {
        let identity = settings.service.identity("node-agent");
        let metrics = Metrics::with_labels(&identity, [("node_name", identity.node.clone())]);
        let (health, files) = (Health::new(), ProcFiles::new(&settings.proc_root));
        metrics.collect(NodeCollector::new(files.clone()));
        let readable = health.dependency("proc", Need::Required);
        let admin =
            Server::bind(settings.service.admin_addr, admin::router(metrics, health.clone(), level)).await?;
        Ok(Self { settings, health, files, readable, admin })
    }

    /// Address of the admin port as bound.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Serves until `signal`.
    ///
    /// # Errors
    /// When a part ended on its own.
    pub async fn run_until_stopped<F: Future<Output = ()>>(
        self,
        signal: impl FnMut() -> F,
    ) -> anyhow::Result<()> {
        let root = self.settings.proc_root.display().to_string();
        tracing::info!(admin = %self.admin_address(), root, "node-agent listens");
        let service = &self.settings.service;
        let mut supervisor = Supervisor::new(self.health, service.drain_delay, service.drain_timeout);
        let admin_stop = CancellationToken::new();
        let admin = tokio::spawn(self.admin.run(admin_stop.clone()));
        let (stop, files) = (supervisor.stop_token(), self.files);
        supervisor.spawn("proc watch", async move {
            let check = || async { files.cpu().map(|_| ()).map_err(|error| error.to_string()) };
            self.readable.watch(PERIODS, stop, check).await;
        });
        let outcome = supervisor.run_until(signal).await;
        admin_stop.cancel();
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, admin).await;
        Ok(outcome?)
    }
}
