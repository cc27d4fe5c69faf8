//! One module per command.

pub(crate) mod canary;
pub(crate) mod cluster;
pub(crate) mod completion;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod images;
pub(crate) mod internal;
pub(crate) mod lab;
pub(crate) mod load;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod smoke;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod version;

use crate::app::App;
use crate::cli::Command;
use crate::ui::{ExitCode, Failure};

/// Runs one command.
pub(crate) async fn run(app: &App, command: Command) -> anyhow::Result<ExitCode> {
    if app.ui.format().is_page() && !command.makes_pages() {
        return Err(Failure::usage("only reports come as html and markdown")
            .with_hint("-o table, wide, json and yaml work everywhere")
            .into());
    }
    match command {
        Command::Up(args) => up::run(app, args).await,
        Command::Down(args) => down::run(app, args).await,
        Command::Status(args) => status::run(app, args).await,
        Command::Smoke(args) => smoke::run(app, args).await,
        Command::Canary(args) => canary::run(app, args).await,
        Command::Lab(args) => lab::run(app, args).await,
        Command::Chaos(args) => lab::run_family(app, "chaos", args).await,
        Command::Autoscaling(args) => lab::run_family(app, "autoscaling", args).await,
        Command::Gateway(args) => lab::run_family(app, "gateway", args).await,
        Command::Networking(args) => lab::run_family(app, "networking", args).await,
        Command::Storage(args) => lab::run_family(app, "storage", args).await,
        Command::Observability(args) => lab::run_family(app, "observability", args).await,
        Command::Report(args) => report::run(app, &args, report::Scope::All),
        Command::Load(args) => load::run(app, args).await,
        Command::Images(args) => images::run(app, args).await,
        Command::Doctor(args) => doctor::run(app, args).await,
        Command::Cluster(args) => cluster::run(app, args).await,
        Command::Version(args) => version::run(app, args).await,
        Command::Completion(args) => completion::run(app, args),
        Command::Internal(args) => internal::run(app, args).await,
    }
}
