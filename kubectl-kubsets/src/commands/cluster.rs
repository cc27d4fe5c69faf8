//! `cluster`: makes and manages clusters.

mod loading;
mod providers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use kubsets_cluster::native::DEFAULT_ROOT;
use kubsets_cluster::{ClusterInfo, ClusterName, ClusterSpec, Health, ProviderKind, Role};
use serde::Serialize;

use crate::app::App;
use crate::cli::values::parse_nodes;
use crate::ui::{Cell, ExitCode, Failure, Format, Risk, Style, Table, Tone};

pub(crate) use loading::load;
pub(crate) use providers::{Choice, Clusters, Progress};

/// Arguments of `cluster`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// Which cluster.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Which {
    /// Name of the cluster
    #[arg(long, value_name = "NAME", default_value = "kubsets", value_parser = cluster_name)]
    pub(crate) name: ClusterName,

    /// Who makes it: native (namespaces of this host), kind, k3d, current (a context that exists), or auto
    #[arg(long, value_name = "PROVIDER", default_value = "auto",
          add = clap_complete::ArgValueCandidates::new(Choice::candidates))]
    pub(crate) provider: Choice,
}

/// The answer to a question that asks for a name.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Confirmed {
    /// Agree beforehand, by the name that the question asks for; another name changes nothing
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

impl Confirmed {
    /// The loss of what has this name for good.
    pub(crate) fn loss_of<'a>(&'a self, name: &'a str) -> Risk<'a> {
        Risk::Severe { name, confirmed: self.confirm.as_deref() }
    }
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make a cluster with DNS, metrics and storage, or repair one
    Create {
        #[command(flatten)]
        which: Which,
        /// Nodes in all, 1 to 5; the first is the control plane
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = parse_nodes)]
        nodes: u8,
    },
    /// Remove a cluster and everything that belongs to it
    Delete {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        confirmed: Confirmed,
    },
    /// List the clusters that kubsets made
    List,
    /// Show the nodes of a cluster
    Status {
        #[command(flatten)]
        which: Which,
    },
    /// Print a kubeconfig for a cluster
    Kubeconfig {
        #[command(flatten)]
        which: Which,
    },
    /// Add a worker to a running cluster
    AddNode {
        #[command(flatten)]
        which: Which,
    },
    /// Drain a worker and remove it
    RemoveNode {
        #[command(flatten)]
        which: Which,
        /// Name of the node
        #[arg(value_name = "NODE")]
        node: String,
    },
    /// Bring images (docker archives) to every node
    ///
    /// Ends when the nodes list the images too, which takes up to 45 s, so that the next command finds them.
    LoadImage {
        #[command(flatten)]
        which: Which,
        /// Archives, as `kubectl kubsets images save` or `docker save` write them
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

/// Runs `cluster`.
///
/// # Errors
/// What the provider says.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let clusters = Clusters::new(app);
    match args.command {
        Command::Create { which, nodes } => {
            let kind = clusters.check(&which)?;
            clusters.announce(kind, &which.name, "kube-system").await?;
            if kind != ProviderKind::Current {
                super::doctor::builders_must_be_here(app)?;
            }
            let info = clusters.create(&which, nodes).await?;
            crate::platform::provision(app, &clusters, &info).await?;
            show(app, &[info])?;
            app.ui.hint("`kubectl kubsets up` deploys the demo stack on it");
        }
        Command::Delete { which, confirmed } => {
            clusters.announce_deleted(&which).await?;
            let risk = confirmed.loss_of(which.name.as_str());
            app.ui.confirm(risk, &format!("delete cluster {}", which.name))?;
            clusters.delete(&which).await?;
            done(app, "ClusterDelete", &Done { cluster: &which.name, node: None, archives: &[] }, "")?;
        }
        Command::List => show(app, &clusters.list().await?)?,
        Command::Status { which } => {
            let info = clusters.status(&which).await?;
            let healthy = info.health == Health::Running;
            show(app, &[info])?;
            return Ok(if healthy { ExitCode::Success } else { ExitCode::VerdictFailed });
        }
        Command::Kubeconfig { which } => {
            let text = clusters.on(&which, |provider, name| provider.kubeconfig(name)).await?;
            app.ui.data(&kubeconfig(text, app.ui.format())?);
        }
        Command::AddNode { which } => {
            clusters.announce_existing(&which).await?;
            let progress = Progress::new(app);
            let told = progress.clone();
            let node = clusters.on(&which, move |provider, name| provider.add_node(name, &told)).await?;
            progress.done();
            let info = clusters.status(&which).await?;
            crate::platform::load_on_all(app, &clusters, &info).await?;
            let text = format!("{node}\n");
            done(app, "NodeAdd", &Done { cluster: &which.name, node: Some(&node), archives: &[] }, &text)?;
        }
        Command::RemoveNode { which, node } => {
            clusters.announce_existing(&which).await?;
            app.ui.confirm(Risk::Moderate, &format!("drain and remove {node}"))?;
            let progress = Progress::new(app);
            let (told, removed) = (progress.clone(), node.clone());
            clusters.on(&which, move |provider, name| provider.remove_node(name, &removed, &told)).await?;
            progress.done();
            done(app, "NodeRemove", &Done { cluster: &which.name, node: Some(&node), archives: &[] }, "")?;
        }
        Command::LoadImage { which, files } => {
            for file in &files {
                if !file.is_file() {
                    return Err(Failure::new(
                        ExitCode::Usage,
                        format!("there is no file {}", file.display()),
                    )
                    .with_hint("`kubectl kubsets images save REFERENCE --to FILE` writes one")
                    .into());
                }
            }
            clusters.announce_existing(&which).await?;
            load(app, &clusters, &which, &files).await?;
            done(app, "ImageLoad", &Done { cluster: &which.name, node: None, archives: &files }, "")?;
        }
    }
    Ok(ExitCode::Success)
}

/// What a command did to a cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Done<'a> {
    /// Name of the cluster.
    pub(crate) cluster: &'a ClusterName,
    /// The node that it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<&'a str>,
    /// Archives that every node has now.
    #[serde(skip_serializing_if = "<[PathBuf]>::is_empty")]
    pub(crate) archives: &'a [PathBuf],
}

/// Prints what was done, for programs; people get `text`.
pub(crate) fn done(app: &App, kind: &str, done: &Done<'_>, text: &str) -> anyhow::Result<()> {
    app.ui.emit(kind, done, |_| text.to_owned())
}

fn cluster_name(text: &str) -> Result<ClusterName, String> {
    text.parse().map_err(|e: kubsets_cluster::Error| e.to_string())
}

/// A kubeconfig in the form asked for; its own is YAML.
fn kubeconfig(text: String, format: Format) -> anyhow::Result<String> {
    if format != Format::Json {
        return Ok(text);
    }
    let config: serde_json::Value = serde_saphyr::from_str(&text).context("cannot read the kubeconfig")?;
    Ok(format!("{config:#}\n"))
}

/// Prints clusters with their nodes.
fn show(app: &App, list: &[ClusterInfo]) -> anyhow::Result<()> {
    app.ui.emit_list(
        "ClusterList",
        list,
        |cluster| cluster.name.clone(),
        |style| {
            if list.is_empty() {
                return "no clusters\n".into();
            }
            let mut table = Table::new(["CLUSTER", "PROVIDER", "NODE", "ROLE", "ADDRESS", "STATE"]);
            for cluster in list {
                let provider = cluster.provider.to_string();
                table.row(vec![
                    Cell::from(cluster.name.as_str()),
                    Cell::from(provider.as_str()),
                    Cell::from(""),
                    Cell::from(""),
                    Cell::from(""),
                    state(style, &cluster.health),
                ]);
                for node in &cluster.nodes {
                    let role = if node.role == Role::ControlPlane { "control-plane" } else { "worker" };
                    table.row(vec![
                        Cell::from(""),
                        Cell::from(""),
                        Cell::from(node.name.as_str()),
                        Cell::from(role),
                        Cell::from(node.address.as_str()),
                        state(style, &node.health),
                    ]);
                }
            }
            table.render(style)
        },
    )?;
    for hint in list.iter().filter_map(|cluster| cluster.hint.as_ref()) {
        app.ui.hint(hint);
    }
    Ok(())
}

fn state(_: Style, health: &Health) -> Cell {
    match health {
        Health::Running => Cell::new(Tone::Good, "running"),
        Health::Stopped => Cell::new(Tone::Bad, "stopped"),
        Health::Degraded(reason) => Cell::new(Tone::Warn, format!("degraded: {reason}")),
        Health::Damaged(reason) => Cell::new(Tone::Bad, format!("damaged: {reason}")),
    }
}

/// How long a cluster of this kind takes to come up, for the progress line.
pub(crate) fn usual_time(kind: ProviderKind) -> Duration {
    match kind {
        ProviderKind::Native => Duration::from_secs(30),
        ProviderKind::Kind => Duration::from_secs(90),
        ProviderKind::K3d => Duration::from_mins(1),
        ProviderKind::Current => Duration::from_secs(2),
    }
}

/// The wanted cluster as the providers take it.
pub(crate) fn spec(name: &ClusterName, nodes: u8, kubernetes: String) -> ClusterSpec {
    ClusterSpec { name: name.clone(), nodes, kubernetes }
}

/// Where the state of native clusters lies: `KUBSETS_NATIVE_ROOT`, else the usual place.
pub(crate) fn native_root() -> PathBuf {
    std::env::var_os("KUBSETS_NATIVE_ROOT").map_or_else(|| DEFAULT_ROOT.into(), PathBuf::from)
}
