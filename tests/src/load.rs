//! Steps about load that pods send.

use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::cluster;
use crate::plugin::{Plugin, signal};

/// Time in which pods end after their command: the silence, and what kubelet and control plane need to tell.
const END: Duration = Duration::from_secs(30);
/// Time for the pods to be there and to send.
const START: Duration = Duration::from_mins(1);

const LABEL: &str = "kubsets.dev/role=load";

fn items(plugin: &Plugin, kind: &str) -> anyhow::Result<Vec<Value>> {
    let text = plugin.kubectl(&["-n", "kubsets-demo", "get", kind, "-l", LABEL, "-o", "json"])?;
    let list: Value = serde_json::from_str(&text)?;
    list["items"].as_array().cloned().context("a list has items")
}

fn pods_in(plugin: &Plugin, phases: &[&str]) -> anyhow::Result<usize> {
    let is_in = |pod: &&Value| pod["status"]["phase"].as_str().is_some_and(|phase| phases.contains(&phase));
    Ok(items(plugin, "pods")?.iter().filter(is_in).count())
}

fn within(limit: Duration, what: &str, done: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    while !done()? {
        ensure!(began.elapsed() < limit, "{what}: not within {} s", limit.as_secs());
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(began.elapsed())
}

fn nothing_left(plugin: &Plugin) -> anyhow::Result<()> {
    within(Duration::from_secs(15), "Jobs, Secrets and pods of loads are gone", || {
        Ok(items(plugin, "jobs,secrets,pods")?.is_empty())
    })
    .map(drop)
}

fn count(report: &Value, field: &str) -> anyhow::Result<u64> {
    report["accounting"][field].as_u64().with_context(|| format!("the report lacks {field}: {report:#}"))
}

/// Two pods for a minute, which have begun to run, and are to start so many seconds after the command.
fn two_pods(plugin: &Plugin, start_in: &str) -> anyhow::Result<Child> {
    let child = plugin.start_json(&[
        "load",
        "--in-cluster",
        "--pods",
        "2",
        "--rate",
        "50",
        "--duration",
        "60s",
        "--start-in",
        start_in,
    ])?;
    within(START, "two pods run", || Ok(pods_in(plugin, &["Running"])? == 2))?;
    Ok(child)
}

/// Two pods that send.
fn sending(plugin: &Plugin) -> anyhow::Result<Child> {
    let child = two_pods(plugin, "10s")?;
    std::thread::sleep(Duration::from_secs(15));
    ensure!(pods_in(plugin, &["Running"])? == 2, "the pods do not run");
    Ok(child)
}

/// Two pods send one load, every request of it is answered, and their Job goes.
pub(crate) fn in_cluster(plugin: &Plugin) -> anyhow::Result<()> {
    let load = ["load", "--in-cluster", "--pods", "2", "--rate", "100", "--duration", "10s"];
    let (code, report) = plugin.json(&load)?;
    ensure!(code == 0, "exit code {code}: {report:#}");
    let planned = count(&report, "planned")?;
    ensure!(planned >= 900 && count(&report, "ok")? == planned, "{report:#}");
    nothing_left(plugin)
}

/// Kills the command; its pods end, and the next load takes the Job away.
#[expect(clippy::print_stdout, reason = "a test runner reports on standard output")]
fn kill_and_repeat(plugin: &Plugin, mut child: Child) -> anyhow::Result<()> {
    child.kill()?;
    child.wait()?;
    let took = within(END, "both pods and their Job have ended", || {
        let jobs = items(plugin, "jobs")?;
        ensure!(jobs.len() == 1, "the Job is there for the next load, or for its own end");
        Ok(pods_in(plugin, &["Succeeded", "Failed"])? == 2 && jobs[0]["status"]["failed"].as_u64() == Some(2))
    })?;
    println!("ended {:.1} s after their command", took.as_secs_f64());
    in_cluster(plugin)
}

pub(crate) fn killed(plugin: &Plugin) -> anyhow::Result<()> {
    let child = sending(plugin)?;
    kill_and_repeat(plugin, child)
}

pub(crate) fn killed_before_start(plugin: &Plugin) -> anyhow::Result<()> {
    let child = two_pods(plugin, "90s")?;
    kill_and_repeat(plugin, child)
}

/// The first signal brings the report of what was sent, the second one ends it at once.
pub(crate) fn interrupted(plugin: &Plugin) -> anyhow::Result<()> {
    let child = sending(plugin)?;
    signal(&child, "INT")?;
    let began = Instant::now();
    let output = child.wait_with_output()?;
    ensure!(output.status.code() == Some(130), "it ended with {}", output.status);
    ensure!(began.elapsed() < Duration::from_secs(15), "its end took {:?}", began.elapsed());
    let report: Value = serde_json::from_slice(&output.stdout).context("the report is JSON")?;
    let planned = count(&report, "planned")?;
    ensure!((100..3000).contains(&planned), "{report:#}");
    ensure!(count(&report, "ok")? == planned, "{report:#}");
    nothing_left(plugin)?;

    let child = sending(plugin)?;
    signal(&child, "INT")?;
    signal(&child, "INT")?;
    let began = Instant::now();
    let output = child.wait_with_output()?;
    ensure!(output.status.code() == Some(130), "it ended with {}", output.status);
    ensure!(began.elapsed() < Duration::from_secs(5), "its end took {:?}", began.elapsed());
    nothing_left(plugin)
}

/// Kubelets that are killed break the lines between command and pods; these are made anew.
pub(crate) fn broken_line(plugin: &Plugin) -> anyhow::Result<()> {
    let child = sending(plugin)?;
    cluster::kill_on_both_nodes("kubelet")?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "it ended with {}", output.status);
    let report: Value = serde_json::from_slice(&output.stdout).context("the report is JSON")?;
    ensure!(count(&report, "ok")? == count(&report, "planned")?, "{report:#}");
    nothing_left(plugin)
}

/// One who may do all but attach, and a namespace that is nobody's.
pub(crate) fn refused(plugin: &Plugin) -> anyhow::Result<()> {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let metadata = json!({"name": "loader", "namespace": "kubsets-demo"});
    let api = "rbac.authorization.k8s.io";
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": format!("{api}/v1"), "kind": "Role", "metadata": metadata, "rules": [
            rule("batch", &["jobs"], &["list", "create", "delete"]),
            rule("", &["secrets"], &["create"]),
            rule("", &["pods", "pods/log"], &["get", "list"]),
        ]},
        {"apiVersion": format!("{api}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": "loader"},
            "subjects": [{"apiGroup": api, "kind": "User", "name": "loader"}]},
    ]});
    let file = plugin.scratch("loader.json", &objects.to_string())?;
    plugin.kubectl(&["apply", "-f", &file])?;
    let load = ["load", "--in-cluster", "--rate", "10", "--duration", "5s"];
    let said = [
        plugin.refusal(&[&load[..], &["--as", "loader", "--allow-namespace", "kubsets-demo"]].concat()),
        plugin.refusal(&[&load[..], &["-n", "default"]].concat()),
    ];
    plugin.kubectl(&["delete", "-f", &file])?;
    for (refusal, reason) in
        said.into_iter().zip(["get pods/attach, create pods/attach", "namespace default"])
    {
        let (code, said) = refusal?;
        ensure!(code != 0 && said.contains(reason) && said.contains("hint:"), "{code}: {said}");
    }
    nothing_left(plugin)
}
