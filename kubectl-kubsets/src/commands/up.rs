//! `up`: a cluster with the demo stack, in one command.

use std::time::{Duration, Instant};

use clap::ArgAction;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use http::Method;
use kubsets_cluster::ProviderKind;
use serde::Serialize;

use super::cluster::{Clusters, Which};
use super::doctor;
use super::dry_run;
use super::images::Registry;
use crate::app::{App, STACK_NAMESPACE};
use crate::cli::values::parse_nodes;
use crate::http::Http;
use crate::platform;
use crate::ui::{ExitCode, Failure, Printer, Risk, duration};

/// Longest wait for the first answer; pods of a node that was lost are given up after about a minute.
const ANSWER: Duration = Duration::from_mins(3);

/// Answers in a row, by which a dead one of two pods would have shown itself in all but one of a thousand times.
const ANSWERS: u32 = 10;
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(300);

/// Arguments of `up`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,

    /// Nodes in all of a new cluster, 1 to 5
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = parse_nodes)]
    nodes: u8,

    /// Shape of the demo stack
    #[arg(long, value_name = "OVERLAY", default_value = "dev", value_parser = ["dev", "staging", "production"])]
    overlay: String,

    /// With --provider current: registry that the nodes take our images from, see `images push --to`
    #[arg(long, value_name = "HOST[:PORT][/PREFIX]")]
    registry: Option<Registry>,

    /// With --provider current: change nothing, ask the API server for everything that would be applied
    #[arg(
        long,
        value_name = "WHERE",
        action = ArgAction::Set,
        value_parser = PossibleValuesParser::new(["none", "server"]).map(|whom| whom == "server"),
        default_value = "none"
    )]
    dry_run: bool,
}

/// A cluster with the stack on it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Up {
    context: String,
    provider: String,
    namespace: &'static str,
    overlay: String,
    /// Address of the demo app, where the provider says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    seconds: f64,
}

/// Runs `up`. Doing it again repairs what is broken and changes nothing else.
///
/// # Errors
/// What the provider, the builds or the cluster say.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let clusters = Clusters::new(app);
    // half an hour of building for a provider that cannot work here would be a sad surprise
    let kind = clusters.check(&args.which)?;
    refuse(&args, kind)?;
    clusters.announce(kind, &args.which.name, STACK_NAMESPACE).await?;
    if args.dry_run {
        let registry = args.registry.map(|registry| registry.base());
        return dry_run::show(app, &platform::try_out(app, &args.overlay, registry).await?);
    }
    if kind == ProviderKind::Current {
        app.ui.confirm(Risk::Moderate, "install the demo stack into this cluster")?;
    } else {
        doctor::builders_must_be_here(app)?;
        platform::build_all(app).await?;
    }
    let info = clusters.create(&args.which, args.nodes).await?;
    platform::deploy(app, &clusters, &info, &args.overlay, args.registry.map(|registry| registry.base()))
        .await?;
    let address = info.nodes.first().map(|node| node.address.as_str()).filter(|address| !address.is_empty());
    let url = address.map(|address| format!("http://{address}:{}/", kubsets_cluster::kind::GATEWAY_PORT));
    if let Some(url) = &url {
        wait_for_an_answer(app, url).await?;
    }
    let took = began.elapsed();
    app.ui.message(format!("Ready after {}: context {}", duration(took), info.context));
    if let Some(url) = &url {
        app.ui.message(format!("The demo app: {url}"));
    }
    let up = Up {
        context: info.context,
        provider: info.provider.to_string(),
        namespace: STACK_NAMESPACE,
        overlay: args.overlay,
        url,
        seconds: took.as_secs_f64(),
    };
    app.ui.emit("Up", &up, |_| String::new())?;
    app.ui.hint("`kubectl kubsets smoke` sends an order through it; `kubectl kubsets canary run bad-errors` is the demo");
    Ok(ExitCode::Success)
}

/// Refuses what only a cluster of others can do.
fn refuse(args: &Args, kind: ProviderKind) -> Result<(), Failure> {
    let why = match kind {
        ProviderKind::Current => return Ok(()),
        _ if args.registry.is_some() => {
            "--registry is for clusters of others: ours get their images loaded".into()
        }
        kind if args.dry_run => {
            format!("there is no API server to ask: provider {kind} would make the cluster")
        }
        _ => return Ok(()),
    };
    Err(Failure::usage(why).with_hint("add --provider current, or --context NAME"))
}

/// Waits until the demo app answers at its address, every time: after a reboot, or when a node was dead, the API server
/// still tells how pods were before it, and only some of them may be there.
async fn wait_for_an_answer(app: &App, url: &str) -> anyhow::Result<()> {
    let step = app.ui.step("Waiting for the demo app to answer");
    let (http, limit, mut in_a_row) = (Http::new(), Instant::now() + ANSWER, 0);
    while in_a_row < ANSWERS {
        let seen = match http.send(Method::GET, &format!("{url}api/info"), None).await {
            Ok(answer) if answer.status.is_success() => {
                in_a_row += 1;
                continue;
            }
            Ok(answer) => format!("status {}", answer.status),
            Err(error) => Printer::one_line(&error),
        };
        if Instant::now() > limit {
            return Err(Failure::new(ExitCode::Timeout, format!("the demo app does not answer: {seen}"))
                .with_hint("`kubectl kubsets status` says what is wrong")
                .into());
        }
        in_a_row = 0;
        step.update(seen);
        tokio::time::sleep(PAUSE).await;
    }
    step.done("it does");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        match crate::parse(&[&["up"], words].concat()).expect("is accepted").command {
            crate::cli::Command::Up(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_only_a_cluster_of_others_can_do_is_refused_of_ours() {
        for (words, why) in [
            (&["--dry-run=server"][..], "provider native would make the cluster"),
            (&["--registry=registry:5000"], "ours get their images loaded"),
        ] {
            let args = args(words);
            assert!(refuse(&args, ProviderKind::Current).is_ok(), "{words:?}");
            let error = refuse(&args, ProviderKind::Native).expect_err("is for others");
            assert!(error.to_string().contains(why), "{error}");
            assert!(error.hints()[0].contains("--provider current"), "{error:?}");
        }
        assert!(refuse(&args(&["--dry-run=none"]), ProviderKind::Native).is_ok());
    }

    #[test]
    fn without_a_cluster_there_is_no_plan_to_show() {
        assert!(crate::parse(&["up", "--dry-run=client"]).is_err());
    }
}
