//! Steps about the cluster and the stack as a whole.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::host::Host;
use crate::plugin::Plugin;

/// The host before the first step that changes it.
static BEFORE: OnceLock<Host> = OnceLock::new();

/// Where native clusters are recorded.
const ROOT: &str = "/var/lib/kubsets";

fn begin(plugin: &Plugin) -> anyhow::Result<&'static Host> {
    if let Some(before) = BEFORE.get() {
        return Ok(before);
    }
    // a cluster that an earlier run left would count as the host's own
    plugin.ok(&["down"])?;
    Ok(BEFORE.get_or_init(|| Host::observe().expect("the host can be observed as root")))
}

pub(crate) fn up(plugin: &Plugin) -> anyhow::Result<()> {
    begin(plugin)?;
    plugin.ok(&["up"])?;
    let ready = plugin.kubectl(&[
        "get",
        "nodes",
        "-o",
        "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}",
    ])?;
    ensure!(ready == "True True", "nodes: {ready}");
    Ok(())
}

pub(crate) fn up_again(plugin: &Plugin) -> anyhow::Result<()> {
    let generations = || {
        let path = "jsonpath={range .items[*]}{.metadata.name}={.metadata.generation} {end}";
        plugin.kubectl(&["-n", "kubsets-demo", "get", "deployment,statefulset,daemonset", "-o", path])
    };
    let before = generations()?;
    plugin.ok(&["up"])?;
    let after = generations()?;
    ensure!(before == after, "workloads were changed: {before} became {after}");
    Ok(())
}

/// kube-proxy must read its own elements as it wrote them, else its hourly full sync deletes them.
pub(crate) fn proxy_reads_back(plugin: &Plugin) -> anyhow::Result<()> {
    let pods =
        plugin.kubectl(&["-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-proxy", "-o", "name"])?;
    ensure!(pods.lines().count() >= 2, "pods of kube-proxy: {pods}");
    for pod in pods.lines() {
        let list = ["nft", "-j", "list", "map", "ip", "kube-proxy", "service-ips"];
        let text = plugin.kubectl(&[&["-n", "kube-system", "exec", pod, "--"], &list[..]].concat())?;
        let elements = text.matches("\"goto\"").count();
        let named = text.matches("\"tcp\"").count() + text.matches("\"udp\"").count();
        ensure!(elements > 5 && named == elements, "{pod}: {elements} elements, {named} name their protocol");
    }
    Ok(())
}

pub(crate) fn dry_run(plugin: &Plugin) -> anyhow::Result<()> {
    for overlay in ["dev", "staging", "production"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../k8s/overlays/").to_owned() + overlay;
        let rendered = plugin.kubectl(&["kustomize", &folder])?;
        // the cluster has the objects of `dev`: a StatefulSet's or Job's shape cannot be changed, not even in a trial
        let fixed = |document: &&str| document.lines().any(|l| l == "kind: StatefulSet" || l == "kind: Job");
        let documents: Vec<&str> =
            rendered.split("\n---\n").filter(|document| overlay == "dev" || !fixed(document)).collect();
        ensure!(documents.len() > 10, "overlay {overlay} has {} documents", documents.len());
        let file = plugin.scratch(&format!("{overlay}.yaml"), &documents.join("\n---\n"))?;
        let trial = [
            "apply",
            "--server-side",
            "--dry-run=server",
            "--force-conflicts",
            "--validate=strict",
            "-f",
            &file,
        ];
        plugin.kubectl(&trial).with_context(|| format!("overlay {overlay}"))?;
    }
    Ok(())
}

pub(crate) fn smoke(plugin: &Plugin) -> anyhow::Result<()> {
    let (code, report) = plugin.json(&["smoke"])?;
    ensure!(code == 0, "exit code {code}: {report:#}");
    ensure!(report["order"]["state"] == "fulfilled", "{report:#}");
    ensure!(report["through"] == "gateway", "it went around the gateway: {report:#}");
    ensure!(report["order"]["traceId"].as_str().is_some_and(|id| id.len() == 32), "no trace id: {report:#}");
    Ok(())
}

pub(crate) fn status(plugin: &Plugin) -> anyhow::Result<()> {
    // the first heartbeat comes with the next full minute
    let limit = Instant::now() + Duration::from_secs(150);
    loop {
        let (code, report) = plugin.json(&["status"])?;
        if code == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < limit, "exit code {code}: {report:#}");
        std::thread::sleep(Duration::from_secs(3));
    }
}

pub(crate) fn nodes(plugin: &Plugin) -> anyhow::Result<()> {
    let node = plugin.ok(&["cluster", "add-node"])?;
    let node = node.trim();
    ensure!(node == "kubsets-worker2", "the new node is called {node}");
    plugin.kubectl(&["wait", "--for=condition=Ready", &format!("node/{node}"), "--timeout=60s"])?;
    plugin.ok(&["cluster", "remove-node", node])?;
    let names = plugin.kubectl(&["get", "nodes", "-o", "name"])?;
    ensure!(!names.contains(node), "it is still there: {names}");
    ensure!(!fs::exists(format!("{ROOT}/kubsets/nodes/{node}"))?, "its folder is still there");
    Ok(())
}

pub(crate) fn killed_node(plugin: &Plugin) -> anyhow::Result<()> {
    comes_back(plugin, "kubsets-worker")
}

pub(crate) fn killed_control_plane(plugin: &Plugin) -> anyhow::Result<()> {
    comes_back(plugin, "kubsets-control-plane")
}

fn comes_back(plugin: &Plugin, node: &str) -> anyhow::Result<()> {
    kill_node(node)?;
    // the kernel takes a moment to end everything in the node
    let limit = Instant::now() + Duration::from_secs(10);
    loop {
        let (code, report) = plugin.json(&["cluster", "status"])?;
        if code == 1 {
            break;
        }
        ensure!(Instant::now() < limit, "a dead node is not seen: {report:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
    plugin.ok(&["up"])?;
    smoke(plugin)
}

/// A node's first process starts its services again by itself.
pub(crate) fn killed_services(plugin: &Plugin) -> anyhow::Result<()> {
    for service in ["containerd", "kubelet"] {
        let before = kill_on_both_nodes(service)?;
        let limit = Instant::now() + Duration::from_secs(30);
        while running(service)?.difference(&before).count() < before.len() {
            ensure!(Instant::now() < limit, "{service} does not come back");
            std::thread::sleep(Duration::from_millis(200));
        }
        plugin.kubectl(&["wait", "--for=condition=Ready", "node", "--all", "--timeout=60s"])?;
        smoke(plugin)?;
    }
    Ok(())
}

/// Kills a service of the nodes, by its program; which processes they were.
pub(crate) fn kill_on_both_nodes(service: &str) -> anyhow::Result<BTreeSet<String>> {
    let before = running(service)?;
    ensure!(before.len() == 2, "{service} runs {} times on two nodes", before.len());
    for pid in &before {
        kill(pid)?;
    }
    Ok(before)
}

/// After a reboot all processes and the bridge are gone, and another process may have the number of a node's.
pub(crate) fn rebooted(plugin: &Plugin) -> anyhow::Result<()> {
    let mut other = std::process::Command::new("sleep").arg("600").spawn()?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", other.id()))?;
    let started = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19));
    let started: u64 = started.context("its start is the 22nd field")?.parse()?;
    let nodes = ["kubsets-control-plane", "kubsets-worker"];
    for node in nodes {
        kill_node(node)?;
    }
    let limit = Instant::now() + Duration::from_secs(10);
    while !running("kubelet")?.is_empty() {
        ensure!(Instant::now() < limit, "the nodes do not end");
        std::thread::sleep(Duration::from_millis(100));
    }
    for node in nodes {
        let record = serde_json::json!({"pid": other.id(), "startTicks": started, "boot": "an earlier one"});
        fs::write(process_file(node), record.to_string())?;
    }
    let removed = std::process::Command::new("ip").args(["link", "delete", "kubsets0"]).status()?;
    ensure!(removed.success(), "the bridge: {removed}");
    plugin.ok(&["up"])?;
    ensure!(other.try_wait()?.is_none(), "a process that only has a node's number was ended");
    other.kill()?;
    other.wait()?;
    smoke(plugin)
}

/// The processes of the cluster that run this program.
fn running(program: &str) -> anyhow::Result<BTreeSet<String>> {
    let wanted = Path::new(ROOT).join("kubsets/bin").join(program);
    let mut pids = BTreeSet::new();
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        if fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == wanted) {
            pids.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(pids)
}

pub(crate) fn down(plugin: &Plugin) -> anyhow::Result<()> {
    let before = begin(plugin)?;
    plugin.ok(&["down"])?;
    ensure!(!fs::exists(plugin.kubeconfig())?, "the kubeconfig is still there");
    ensure!(!fs::exists(ROOT)?, "{ROOT} is still there");
    before.must_be_unchanged()
}

pub(crate) fn killed_down(plugin: &Plugin) -> anyhow::Result<()> {
    let before = begin(plugin)?;
    plugin.ok(&["cluster", "create", "--nodes", "1"])?;
    for milliseconds in [50, 200, 500] {
        let mut child = plugin.start(&["down"])?;
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill()?;
        child.wait()?;
    }
    // once more just when the cluster itself is gone and what it changed on the host is not put back yet
    let mut child = plugin.start(&["down"])?;
    while fs::exists(format!("{ROOT}/kubsets"))? && child.try_wait()?.is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill()?;
    child.wait()?;
    plugin.ok(&["down"])?;
    ensure!(!fs::exists(ROOT)?, "{ROOT} is still there");
    before.must_be_unchanged()
}

pub(crate) fn killed_up(plugin: &Plugin) -> anyhow::Result<()> {
    up_killed_after(plugin, &[1, 4, 9])
}

pub(crate) fn killed_up_later(plugin: &Plugin) -> anyhow::Result<()> {
    up_killed_after(plugin, &[2, 6, 13, 20, 30, 45])
}

fn up_killed_after(plugin: &Plugin, moments: &[u64]) -> anyhow::Result<()> {
    let before = begin(plugin)?;
    for &seconds in moments {
        let mut child = plugin.start(&["up"])?;
        std::thread::sleep(Duration::from_secs(seconds));
        child.kill()?;
        child.wait()?;
        plugin.ok(&["down"])?;
        before.must_be_unchanged().with_context(|| format!("killed after {seconds} s"))?;
    }
    Ok(())
}

pub(crate) fn ten_times(plugin: &Plugin) -> anyhow::Result<()> {
    let before = begin(plugin)?;
    for round in 1..=10 {
        plugin.ok(&["up"])?;
        plugin.ok(&["down"])?;
        before.must_be_unchanged().with_context(|| format!("round {round}"))?;
    }
    Ok(())
}

/// Kills a node's first process, as a crash would.
fn kill_node(node: &str) -> anyhow::Result<()> {
    let record: Value = serde_json::from_str(&fs::read_to_string(process_file(node))?)?;
    let pid = record["pid"].as_i64().context("the record has a process id")?;
    kill(&pid.to_string())
}

fn process_file(node: &str) -> String {
    format!("{ROOT}/kubsets/nodes/{node}/process.json")
}

fn kill(pid: &str) -> anyhow::Result<()> {
    let status = std::process::Command::new("kill").args(["-9", pid]).status()?;
    ensure!(status.success(), "kill: {status}");
    Ok(())
}

/// Shows what the cluster looks like, after a step that failed.
#[expect(clippy::print_stdout, reason = "a test runner reports on standard output")]
pub(crate) fn describe(plugin: &Plugin) {
    for args in [
        ["get", "pods", "-A", "-o", "wide"].as_slice(),
        &["get", "events", "-A", "--sort-by=.lastTimestamp", "--field-selector=type=Warning"],
        &["-n", "kubsets-demo", "get", "httproute,deployment,service,configmap,lease,job", "-o", "wide"],
    ] {
        if let Ok(text) = plugin.kubectl(args) {
            let lines: Vec<&str> = text.lines().collect();
            println!("{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}
