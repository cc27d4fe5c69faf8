//! Steps about canaries: verdicts, undo, refusal.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::plugin::{Plugin, signal};

/// What a canary must give back as it was, as kind and name.
const OBJECTS: [(&str, &str); 3] =
    [("httproute", "demo-app"), ("deployment", "demo-app"), ("service", "demo-app")];

fn picture(plugin: &Plugin) -> anyhow::Result<Vec<Value>> {
    OBJECTS.iter().map(|(kind, name)| plugin.object(kind, name)).collect()
}

/// Everything that a canary adds while it runs.
fn additions(plugin: &Plugin) -> anyhow::Result<String> {
    let kinds = "deployment,service,configmap,lease,job,role,rolebinding,serviceaccount,httproute";
    let names = plugin.kubectl(&["-n", "kubsets-demo", "get", kinds, "-o", "name"])?;
    let ours =
        |name: &&str| name.contains("-canary") || name.contains("kubsets-run") || name.contains("watchdog");
    Ok(names.lines().filter(ours).collect::<Vec<_>>().join(" "))
}

fn nothing_added(plugin: &Plugin, limit: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let left = additions(plugin)?;
        if left.is_empty() {
            return Ok(());
        }
        ensure!(began.elapsed() < limit, "left after {} s: {left}", limit.as_secs());
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn version(plugin: &Plugin) -> anyhow::Result<String> {
    let path = "jsonpath={.spec.template.spec.containers[0].env[?(@.name=='APP_VERSION')].value}";
    plugin.kubectl(&["-n", "kubsets-demo", "get", "deployment", "demo-app", "-o", path])
}

fn canary_weight(plugin: &Plugin) -> anyhow::Result<u64> {
    let route = plugin.object("httproute", "demo-app")?;
    let backends =
        route.pointer("/spec/rules/0/backendRefs").and_then(Value::as_array).cloned().unwrap_or_default();
    let canary = backends.iter().find(|b| b["name"] == "demo-app-canary");
    Ok(canary.and_then(|b| b["weight"].as_u64()).unwrap_or(0))
}

/// No request was lost, be it by a move of traffic or by the making and the removal of what marks answers.
fn nothing_lost(outcome: &Value) -> anyhow::Result<()> {
    let lost = |field: &str| outcome["totals"][field].as_u64().context(format!("the outcome lacks {field}"));
    ensure!(
        lost("dropped")? == 0 && lost("failedForUsers")? == 0,
        "requests were lost: {}",
        outcome["totals"]
    );
    ensure!(outcome["droppedBySwitching"] == 0, "{outcome:#}");
    Ok(())
}

fn promote(plugin: &Plugin, args: &[&str]) -> anyhow::Result<Value> {
    let route = plugin.object("httproute", "demo-app")?;
    let (code, outcome) = plugin.json(&[&["canary", "run"], args].concat())?;
    ensure!(code == 0 && outcome["verdict"] == "promoted", "exit code {code}: {outcome:#}");
    nothing_lost(&outcome)?;
    nothing_added(plugin, Duration::from_secs(15))?;
    ensure!(plugin.object("httproute", "demo-app")? == route, "the route is not as it was");
    Ok(outcome)
}

fn roll_back(plugin: &Plugin) -> anyhow::Result<Value> {
    let before = picture(plugin)?;
    let (code, outcome) = plugin.json(&["canary", "run", "bad-errors"])?;
    ensure!(code == 1 && outcome["verdict"] == "rolled-back", "exit code {code}: {outcome:#}");
    ensure!(outcome["undo"]["equal"] == true, "the undo is not complete: {outcome:#}");
    for clock in ["apiMs", "wireMs"] {
        let back = outcome["undo"][clock].as_f64().context("the outcome says how long the way back took")?;
        ensure!(back <= 2000.0, "the way back took {back} ms ({clock})");
    }
    ensure!(
        outcome["totals"]["stableFailed"] == 0 && outcome["totals"]["dropped"] == 0,
        "{}",
        outcome["totals"]
    );
    ensure!(picture(plugin)? == before, "objects are not as they were");
    nothing_added(plugin, Duration::from_secs(15))?;
    Ok(outcome)
}

pub(crate) fn good(plugin: &Plugin) -> anyhow::Result<()> {
    let outcome = promote(plugin, &["good-release", "--weights", "10,50"])?;
    let now = version(plugin)?;
    ensure!(outcome["canaryVersion"] == now.as_str(), "the stable version is {now}: {outcome:#}");
    Ok(())
}

pub(crate) fn bad(plugin: &Plugin) -> anyhow::Result<()> {
    roll_back(plugin).map(drop)
}

/// A server that knows nothing of us, beside the stack: the worker's admin port, which names no version.
const PLAIN: &str = "plain";

/// The objects of the plain server: the worker's Deployment under another name, its Service, its route.
fn plain_objects(plugin: &Plugin) -> anyhow::Result<Value> {
    let labels = json!({"app.kubernetes.io/name": PLAIN});
    let metadata = json!({"name": PLAIN, "namespace": "kubsets-demo"});
    let worker = plugin.object("deployment", "worker")?;
    let mut spec = worker["spec"].clone();
    spec["replicas"] = json!(1);
    spec["selector"] = json!({"matchLabels": labels});
    spec["template"]["metadata"] = json!({"labels": labels});
    let spec_of_pods = spec["template"]["spec"].as_object_mut().context("a template has pods")?;
    spec_of_pods.remove("topologySpreadConstraints");
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {
        "selector": labels, "ports": [{"port": 80, "targetPort": 9090}]}});
    let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata,
        "spec": {
            "parentRefs": [{"name": "kubsets"}],
            "hostnames": ["plain.kubsets.local"],
            "rules": [{"backendRefs": [{"name": PLAIN, "port": 80}]}]}});
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": [deployment, service, route]}))
}

/// A Deployment whose answers name neither version nor pod is released like any other.
pub(crate) fn plain(plugin: &Plugin) -> anyhow::Result<()> {
    let file = plugin.scratch("plain.json", &plain_objects(plugin)?.to_string())?;
    plugin.kubectl(&["apply", "-f", &file])?;
    let released = release_plain(plugin);
    plugin.kubectl(&["delete", "-f", &file, "--ignore-not-found"])?;
    released
}

fn release_plain(plugin: &Plugin) -> anyhow::Result<()> {
    plugin.kubectl(&["-n", "kubsets-demo", "rollout", "status", "deployment/plain", "--timeout=120s"])?;
    let route = plugin.object("httproute", PLAIN)?;
    let args = ["canary", "run", "--deployment", PLAIN, "--path", "/metrics", "--weights", "10,50,100"];
    let (code, outcome) = plugin.json(&[&args[..], &["--set", "APP_VERSION=9.9.9"]].concat())?;
    ensure!(code == 0 && outcome["verdict"] == "promoted", "exit code {code}: {outcome:#}");
    ensure!(outcome["canaryVersion"] == "9.9.9", "{outcome:#}");
    ensure!(outcome["undo"]["wireMs"].is_number(), "the way back was not measured: {outcome:#}");
    let last = outcome["steps"].as_array().and_then(|steps| steps.last()).context("there are steps")?;
    ensure!(last["share"]["percent"].as_f64().is_some_and(|share| share > 99.0), "{last:#}");
    nothing_lost(&outcome)?;
    nothing_added(plugin, Duration::from_secs(15))?;
    ensure!(plugin.object("httproute", PLAIN)? == route, "the route is not as it was");
    Ok(())
}

/// Starts a canary and waits until it has traffic.
fn start(plugin: &Plugin) -> anyhow::Result<std::process::Child> {
    let mut child = plugin.start(&["canary", "run", "--set", "APP_VERSION=9.9.9"])?;
    let limit = Instant::now() + Duration::from_secs(90);
    while canary_weight(plugin)? == 0 {
        let ended = child.try_wait()?;
        ensure!(ended.is_none() && Instant::now() < limit, "the canary got no traffic (ended: {ended:?})");
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(child)
}

fn must_become(plugin: &Plugin, before: &[Value], limit: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    while picture(plugin)? != before {
        ensure!(began.elapsed() < limit, "objects are not as they were after {} s", limit.as_secs());
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

pub(crate) fn killed(plugin: &Plugin) -> anyhow::Result<()> {
    let before = picture(plugin)?;
    let mut child = start(plugin)?;
    child.kill()?;
    child.wait()?;
    must_become(plugin, &before, Duration::from_secs(30))?;
    nothing_added(plugin, Duration::from_mins(1))
}

pub(crate) fn interrupted(plugin: &Plugin) -> anyhow::Result<()> {
    let before = picture(plugin)?;
    let mut child = start(plugin)?;
    signal(&child, "INT")?;
    let status = child.wait()?;
    ensure!(status.code() == Some(130), "it ended with {status}");
    ensure!(picture(plugin)? == before, "objects are not as they were");
    nothing_added(plugin, Duration::from_secs(15))
}

pub(crate) fn refused(plugin: &Plugin) -> anyhow::Result<()> {
    let before = picture(plugin)?;
    for (expected, args) in [
        (2, ["canary", "run", "no-such-lab"].as_slice()),
        (2, &["canary", "run", "good-release", "--weights", "10,250"]),
        (2, &["canary", "run", "good-release", "--rate", "1"]),
        (2, &["canary", "run", "--set", "novalue"]),
        (2, &["canary", "run", "--image", "registry.kubsets.local/kubsets/demo-app:no-such-tag"]),
        (5, &["canary", "run", "good-release", "--context", "no-such-context"]),
        (2, &["cluster", "create", "--nodes", "9"]),
        (2, &["canary", "run", "good-release", "--read-only"]),
    ] {
        let (code, said) = plugin.refusal(args)?;
        ensure!(code == expected, "`{}` ended with {code}, expected {expected}: {said}", args.join(" "));
        ensure!(said.contains("error:"), "`{}` gave no reason: {said}", args.join(" "));
        // What the command line itself refuses comes with the accepted form and leads to the help.
        let helps = said.contains("hint:") || said.contains("try '--help'");
        ensure!(helps, "`{}` says not what to do: {said}", args.join(" "));
    }
    ensure!(picture(plugin)? == before, "objects are not as they were");
    nothing_added(plugin, Duration::from_secs(1))
}

#[expect(clippy::print_stdout, reason = "a test runner reports on standard output")]
pub(crate) fn ten_bad(plugin: &Plugin) -> anyhow::Result<()> {
    let mut seconds = Vec::new();
    for _ in 0..10 {
        let outcome = roll_back(plugin)?;
        seconds.push(outcome["secondsInStep"].as_f64().context("the outcome says when the verdict came")?);
    }
    seconds.sort_by(f64::total_cmp);
    let median = f64::midpoint(seconds[4], seconds[5]);
    println!("seconds from the beginning of the step to the verdict: {seconds:?}, median {median}");
    ensure!(median <= 15.0, "the median is {median} s");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a test runner reports on standard output")]
pub(crate) fn twenty_good(plugin: &Plugin) -> anyhow::Result<()> {
    let mut planned = 0;
    for round in 1..=20 {
        let outcome = promote(plugin, &["--set", &format!("APP_VERSION=1.0.{round}")])?;
        planned += outcome["totals"]["planned"].as_u64().unwrap_or(0);
    }
    println!("{planned} requests, none lost");
    ensure!(planned >= 20_000, "only {planned} requests were sent");
    Ok(())
}
