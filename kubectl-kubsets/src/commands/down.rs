//! `down`: leaves the machine and the cluster as they were.

use kubsets_cluster::ProviderKind;

use super::cluster::{Choice, Clusters, Which};
use crate::app::App;
use crate::platform;
use crate::ui::{ExitCode, Failure, Risk};

/// Arguments of `down`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
}

/// Runs `down`. Where nothing is left to remove it says so and succeeds.
///
/// # Errors
/// What could not be removed.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    if app.global.read_only {
        return Err(
            Failure::new(ExitCode::Usage, "`down` removes things, and --read-only forbids that").into()
        );
    }
    let foreign = args.which.provider == Choice::Only(ProviderKind::Current)
        || (args.which.provider == Choice::Auto && app.global.context.is_some());
    if foreign {
        app.ui.confirm(Risk::Moderate, "remove the demo stack and all that came with it")?;
        let count = platform::withdraw(app, None).await?;
        app.ui.message(format!("{count} objects removed; the cluster stays"));
        return Ok(ExitCode::Success);
    }
    let name = args.which.name.as_str();
    app.ui.confirm(Risk::Moderate, &format!("remove cluster {name} with everything in it"))?;
    Clusters::new(app).delete(&args.which).await?;
    app.ui.message(format!("Nothing of cluster {name} is left"));
    Ok(ExitCode::Success)
}
