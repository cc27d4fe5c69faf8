//! `down`: leaves the machine and the cluster as they were.

use kubsets_cluster::{ClusterName, ProviderKind};
use serde::Serialize;

use super::cluster::{Clusters, Confirmed, Which};
use crate::app::{App, STACK_NAMESPACE};
use crate::platform;
use crate::ui::{ExitCode, number_of};

/// Arguments of `down`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    confirmed: Confirmed,
}

/// What was removed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Down<'a> {
    /// The cluster, where it went as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a ClusterName>,
    /// Objects that were removed from a cluster that stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<usize>,
}

/// Runs `down`. Where nothing is left to remove it says so and succeeds.
///
/// # Errors
/// What could not be removed.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let clusters = Clusters::new(app);
    let name = &args.which.name;
    let down = if clusters.named(&args.which)? == Some(ProviderKind::Current) {
        clusters.announce(ProviderKind::Current, name, STACK_NAMESPACE).await?;
        let context = app.access().await?.facts().context.clone();
        let question = format!("remove the demo stack and all that came with it from context {context}");
        app.ui.confirm(args.confirmed.loss_of(&context), &question)?;
        let objects = platform::withdraw(app, None).await?;
        app.ui.message(format!("{} removed; the cluster stays", number_of(objects, "object")));
        Down { cluster: None, objects: Some(objects) }
    } else {
        clusters.announce_deleted(&args.which).await?;
        let question = format!("remove cluster {name} with everything in it");
        app.ui.confirm(args.confirmed.loss_of(name.as_str()), &question)?;
        if clusters.delete(&args.which).await? {
            app.ui.message(format!("Nothing of cluster {name} is left"));
        }
        Down { cluster: Some(name), objects: None }
    };
    app.ui.emit("Down", &down, |_| String::new())?;
    Ok(ExitCode::Success)
}
