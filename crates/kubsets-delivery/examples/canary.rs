//! The canary without the plugin around it: for trying the crate on a cluster.
//!
//! `canary run LAB.yaml [NAME=VALUE …]`, `canary plan LAB.yaml`, `canary undo [RUN]`,
//! `canary abort [RUN]`, `canary status`, `canary internal watchdog --run RUN --namespace NS`.
//! The namespace comes from `NAMESPACE` (default `kubsets-demo`), the record folder from `KUBSETS_STATE`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to its terminal")]

use std::collections::BTreeMap;
use std::process::ExitCode;

use kubsets_delivery::{
    CanarySpec, Lab, RunEvent, RunId, StateDir, abort, plan, run, status, undo, watchdog,
};
use kubsets_kube::{Access, AccessOptions, Hint};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match obey(&words).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

async fn obey(words: &[&str]) -> Result<u8, Failure> {
    let namespace = std::env::var("NAMESPACE").unwrap_or_else(|_| "kubsets-demo".into());
    let in_cluster = match words {
        ["internal", "watchdog", "--run", _, "--namespace", namespace] => Some((*namespace).to_owned()),
        _ => None,
    };
    let namespace = Some(in_cluster.unwrap_or(namespace));
    let access = Access::connect(&AccessOptions { namespace, ..AccessOptions::default() }).await?;
    let state = StateDir::from_environment();
    match words {
        ["plan", file, values @ ..] => {
            let plan = make_plan(&access, spec(file, values)?).await?;
            println!("{}", serde_json::to_string_pretty(&plan)?);
            Ok(0)
        }
        ["run", file, values @ ..] => {
            let plan = make_plan(&access, spec(file, values)?).await?;
            eprintln!("{}; run {}", access.facts(), plan.run);
            execute(&access, &plan, &state).await
        }
        ["undo", run @ ..] => {
            let run: Option<RunId> = run.first().map(|run| run.parse()).transpose()?;
            let undone = undo(&access, &state, run.as_ref()).await?;
            println!("{}", serde_json::to_string_pretty(&undone)?);
            Ok(0)
        }
        ["abort", run @ ..] => {
            let run: Option<RunId> = run.first().map(|run| run.parse()).transpose()?;
            let aborted = abort(&access, &state, run.as_ref()).await?;
            println!("{}", serde_json::to_string_pretty(&aborted)?);
            Ok(0)
        }
        ["status"] => {
            println!("{}", serde_json::to_string_pretty(&status(&access, &state).await?)?);
            Ok(0)
        }
        ["internal", "watchdog", "--run", run, ..] => {
            let end = watchdog(&access, &run.parse()?, &interrupt()).await?;
            println!("{end:?}");
            Ok(0)
        }
        _ => Err("usage: canary plan|run LAB.yaml | undo [RUN] | abort [RUN] | status".into()),
    }
}

async fn make_plan(access: &Access, spec: CanarySpec) -> Result<kubsets_delivery::Plan, Failure> {
    plan(access, spec).await.map_err(|error| match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}").into(),
        None => error.into(),
    })
}

fn spec(file: &str, values: &[&str]) -> Result<CanarySpec, Failure> {
    let pairs = values.iter().filter_map(|pair| pair.split_once('='));
    let values: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Lab::parse(&std::fs::read_to_string(file)?, &values)?.canary()?)
}

/// A token that the first Ctrl-C or SIGTERM cancels.
fn interrupt() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .expect("the runtime has signals enabled");
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        cancelled.cancel();
    });
    token
}

async fn execute(access: &Access, plan: &kubsets_delivery::Plan, state: &StateDir) -> Result<u8, Failure> {
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel::<kubsets_delivery::Record>();
    let told = tokio::spawn(async move {
        while let Some(record) = events.recv().await {
            if let RunEvent::Finished(_) = record.event {
                continue;
            }
            eprintln!("{:6.1} {}", record.seconds, serde_json::to_string(&record.event).unwrap_or_default());
        }
    });
    let outcome = run(access, plan, state, sender, &interrupt()).await;
    told.await?;
    println!("{}", serde_json::to_string_pretty(&outcome)?);
    Ok(outcome.exit_code)
}
