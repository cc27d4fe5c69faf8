//! `version`: what runs here and there.

use serde::Serialize;

use crate::app::App;
use crate::ui::{Cell, ExitCode, Printer, Style, Table, Tone};

/// Arguments of `version`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Do not ask the cluster
    #[arg(long)]
    client: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    client: Client,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Server>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    version: &'static str,
    commit: &'static str,
    rustc: &'static str,
    platform: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Prints the versions; a cluster that does not answer is told, but is no error.
///
/// # Errors
/// When the result cannot be written in the form asked for.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let server = if args.client { None } else { Some(server(app).await) };
    let versions = Versions { client: client(), server };
    app.ui.emit("Version", &versions, |style| table(&versions, style))?;
    Ok(ExitCode::Success)
}

fn client() -> Client {
    Client {
        version: env!("CARGO_PKG_VERSION"),
        commit: env!("KUBSETS_BUILD_COMMIT"),
        rustc: env!("KUBSETS_BUILD_RUSTC"),
        platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    }
}

async fn server(app: &App) -> Server {
    match ask(app).await {
        Ok(server) => server,
        Err(error) => Server { context: None, version: None, error: Some(Printer::one_line(&error)) },
    }
}

async fn ask(app: &App) -> anyhow::Result<Server> {
    let access = app.access().await?;
    let version = access.server_version().await?;
    Ok(Server { context: Some(access.facts().context.clone()), version: Some(version), error: None })
}

fn table(versions: &Versions, style: Style) -> String {
    let mut table = Table::new([]);
    let Client { version, commit, rustc, platform } = &versions.client;
    table.row(["client".into(), format!("{version} (commit {commit}, {platform})").into()]);
    table.row(["compiler".into(), (*rustc).into()]);
    match &versions.server {
        Some(Server { version: Some(version), context, .. }) => {
            let context = context.as_deref().unwrap_or("in-cluster");
            table.row(["server".into(), format!("{version} (context {context})").into()]);
        }
        Some(Server { error: Some(error), .. }) => {
            table.row(["server".into(), Cell::new(Tone::Warn, format!("no answer: {error}"))]);
        }
        _ => {}
    }
    table.render(style)
}
