//! `up`: a cluster with the demo stack, in one command.

use std::time::Instant;

use kubsets_cluster::ProviderKind;

use super::cluster::{Clusters, Which};
use super::images::Registry;
use crate::app::App;
use crate::platform;
use crate::ui::{ExitCode, Failure, duration};

/// Arguments of `up`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,

    /// Nodes in all of a new cluster, 1 to 5
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=5))]
    nodes: u8,

    /// Shape of the demo stack
    #[arg(long, value_name = "OVERLAY", default_value = "dev", value_parser = ["dev", "staging", "production"])]
    overlay: String,

    /// With --provider current: registry that the nodes take our images from, see `images push --to`
    #[arg(long, value_name = "HOST[:PORT][/PREFIX]")]
    registry: Option<Registry>,
}

/// Runs `up`. Doing it again repairs what is broken and changes nothing else.
///
/// # Errors
/// What the provider, the builds or the cluster say.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    if app.global.read_only {
        return Err(
            Failure::new(ExitCode::Usage, "`up` changes the cluster, and --read-only forbids that").into()
        );
    }
    let began = Instant::now();
    let clusters = Clusters::new(app);
    // half an hour of building for a provider that cannot work here would be a sad surprise
    let provider = clusters.check(&args.which)?;
    if args.registry.is_some() && provider != ProviderKind::Current {
        return Err(Failure::usage("--registry is for clusters of others: ours get their images loaded")
            .with_hint("add --provider current, or --context NAME")
            .into());
    }
    if provider != ProviderKind::Current {
        platform::build_all(app).await?;
    }
    let info = clusters.create(&args.which, args.nodes).await?;
    if info.provider == ProviderKind::Current {
        app.ui.confirm(
            crate::ui::Risk::Moderate,
            &format!("install the demo stack into context {}", info.context),
        )?;
    }
    platform::deploy(app, &clusters, &info, &args.overlay, args.registry.map(|registry| registry.base()))
        .await?;
    app.ui.message(format!("Ready after {}: context {}", duration(began.elapsed()), info.context));
    if let Some(node) = info.nodes.first().filter(|n| !n.address.is_empty()) {
        app.ui.message(format!(
            "The demo app: http://{}:{}/",
            node.address,
            kubsets_cluster::kind::GATEWAY_PORT
        ));
    }
    app.ui.hint("`kubectl kubsets smoke` sends an order through it; `kubectl kubsets canary run bad-errors` is the demo");
    Ok(ExitCode::Success)
}
