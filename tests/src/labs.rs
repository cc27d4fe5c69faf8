//! Steps about labs: verdicts, and the way back from a kill at each step.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::plugin::Plugin;

/// Kinds that labs make, change or delete.
const KINDS: &str = "deployments,statefulsets,services,configmaps,leases,jobs,roles,rolebindings,serviceaccounts,\
                     persistentvolumeclaims,horizontalpodautoscalers,httproutes,backendtrafficpolicies";
/// Objects that live a life of their own: probes of the heartbeat, and what controllers keep up to date.
const OWN_LIFE: [&str; 2] = ["heartbeat", "kube-root-ca.crt"];
/// Time in which the cluster undoes the changes of a killed command.
const UNDONE_BY_CLUSTER: Duration = Duration::from_secs(30);
/// Time until also its watchdog, and pods that take their time, are gone.
const ALL_GONE: Duration = Duration::from_secs(90);

/// What the namespace of the stack holds, by kind and name, without what the cluster counts and dates.
fn picture(plugin: &Plugin) -> anyhow::Result<BTreeMap<String, Value>> {
    let text = plugin.kubectl(&["-n", "kubsets-demo", "get", KINDS, "-o", "json"])?;
    let list: Value = serde_json::from_str(&text)?;
    let items = list["items"].as_array().context("a list has items")?;
    let mut picture = BTreeMap::new();
    for item in items {
        let name = item["metadata"]["name"].as_str().unwrap_or_default();
        if OWN_LIFE.iter().any(|own| name.starts_with(own)) {
            continue;
        }
        let key = format!("{} {name}", item["kind"].as_str().unwrap_or_default());
        picture.insert(key, crate::plugin::lasting(item.clone())?);
    }
    Ok(picture)
}

/// What differs, by kind and name.
fn difference(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<String> {
    let keys = before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>();
    keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

fn becomes(plugin: &Plugin, before: &BTreeMap<String, Value>, limit: Duration) -> anyhow::Result<f64> {
    let began = Instant::now();
    loop {
        let different = difference(before, &picture(plugin)?);
        if different.is_empty() {
            return Ok(began.elapsed().as_secs_f64());
        }
        ensure!(
            began.elapsed() < limit,
            "not as before after {} s: {}",
            limit.as_secs(),
            different.join(", ")
        );
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Runs a lab to a PASS and compares the namespace. On a busy machine it gets a second chance.
fn pass(plugin: &Plugin, lab: &str) -> anyhow::Result<()> {
    pass_with(plugin, lab, &[])
}

#[expect(clippy::print_stdout, reason = "a test runner reports on standard output")]
fn pass_with(plugin: &Plugin, lab: &str, args: &[&str]) -> anyhow::Result<()> {
    let before = picture(plugin)?;
    let run = || plugin.json(&[&["lab", "run", lab], args].concat());
    let (mut code, mut outcome) = run()?;
    if code == 3 && outcome.to_string().contains("the load says nothing: the generator ") {
        println!("{lab} once more: this machine held its load back, which says nothing of the lab");
        (code, outcome) = run()?;
    }
    ensure!(code == 0 && outcome["verdict"] == "pass", "{lab}: exit code {code}: {outcome:#}");
    ensure!(outcome["undo"]["equal"] == true, "{lab}: the undo is not complete: {outcome:#}");
    let expectations = outcome["expectations"].as_array().map_or(0, Vec::len);
    ensure!(expectations > 0, "{lab} checked nothing");
    becomes(plugin, &before, Duration::from_secs(20)).with_context(|| lab.to_owned())?;
    Ok(())
}

pub(crate) fn pod_kill(plugin: &Plugin) -> anyhow::Result<()> {
    pass(plugin, "chaos/pod-kill")
}

pub(crate) fn autoscaling(plugin: &Plugin) -> anyhow::Result<()> {
    pass_with(plugin, "autoscaling/hpa-cpu", &["--set", "window=50s"])
}

pub(crate) fn retries(plugin: &Plugin) -> anyhow::Result<()> {
    pass(plugin, "gateway/retries")
}

pub(crate) fn service_types(plugin: &Plugin) -> anyhow::Result<()> {
    pass(plugin, "networking/service-types")
}

pub(crate) fn backup(plugin: &Plugin) -> anyhow::Result<()> {
    pass(plugin, "storage/backup-restore")
}

pub(crate) fn order(plugin: &Plugin) -> anyhow::Result<()> {
    pass(plugin, "observability/follow-an-order")
}

/// A canary lab as a lab: its question is answered, whatever becomes of the release.
pub(crate) fn canaries(plugin: &Plugin) -> anyhow::Result<()> {
    pass(plugin, "canary/bad-errors")
}

/// The canary labs that take longer.
pub(crate) fn longer_canaries(plugin: &Plugin) -> anyhow::Result<()> {
    pass(plugin, "canary/slow-release")?;
    pass_with(plugin, "canary/good-release", &["--set", "version=0.3.0"])
}

/// Steps of a lab, by name.
fn steps(plugin: &Plugin, lab: &str) -> anyhow::Result<usize> {
    let (code, plan) = plugin.json(&["lab", "plan", lab])?;
    ensure!(code == 0, "lab plan {lab} ended with {code}");
    plan["steps"].as_array().map(Vec::len).context("a plan has steps")
}

/// Kills a lab in every step; each time the cluster, or `lab clean`, brings everything back.
pub(crate) fn killed_in_each_step(plugin: &Plugin) -> anyhow::Result<()> {
    let lab = "storage/backup-restore";
    for step in 1..=steps(plugin, lab)? {
        killed_at(plugin, &[lab], &format!("step {step}:"))?;
    }
    Ok(())
}

/// A canary is one step of the engine that has steps of its own: kills every canary lab in them.
pub(crate) fn canaries_killed(plugin: &Plugin) -> anyhow::Result<()> {
    for step in 1..=5 {
        killed_at(plugin, &["canary/good-release", "--set", "version=0.4.0"], &format!("step {step} of 5:"))?;
    }
    for lab in ["canary/bad-errors", "canary/slow-release"] {
        killed_at(plugin, &[lab], "step 1 of ")?;
    }
    let good = ["canary/good-release", "--set", "version=0.4.0"];
    for place in [
        // The warm-up begins.
        "both versions answer",
        "replacing the stable pods",
        // The new version has everything; the lab would take that back.
        "giving traffic to the new stable pods",
        "restored Deployment demo-app",
    ] {
        killed_at(plugin, &good, place)?;
    }
    killed_at(plugin, &["canary/bad-errors"], "giving all traffic back")
}

/// Kills a lab when its log has a text.
#[expect(clippy::print_stdout, reason = "a test runner reports on standard output")]
fn killed_at(plugin: &Plugin, lab: &[&str], text: &str) -> anyhow::Result<()> {
    let place = format!("{} killed at \"{text}\"", lab[0]);
    let before = picture(plugin)?;
    let child = plugin.start_reading(&[&["lab", "run"], lab].concat())?;
    let reached = child.wait_for(text, Duration::from_mins(10));
    child.kill()?;
    ensure!(reached, "{place}: it was not reached");
    match becomes(plugin, &before, UNDONE_BY_CLUSTER) {
        Ok(seconds) => println!("{place}: as before after {seconds:.0} s"),
        Err(slow) => {
            println!("{place}: {slow:#}; cleaning");
            let output = plugin.run(&["lab", "clean"])?;
            ensure!(output.status.success(), "lab clean ended with {}", output.status);
            becomes(plugin, &before, ALL_GONE).context(place)?;
        }
    }
    Ok(())
}

/// A lab made from the template, filled in with YAML only, is in the catalogue and runs.
pub(crate) fn written_by_a_stranger(plugin: &Plugin) -> anyhow::Result<()> {
    let question = "Does the demo app answer while it is also asked one by one?";
    let folder = plugin.empty_folder("labs")?;
    plugin.ok(&["lab", "new", "networking/echo", "--dir", &folder])?;
    let path = std::path::Path::new(&folder).join("networking/echo/lab.yaml");
    let mut lab = std::fs::read_to_string(&path)?;
    for (from, to) in [
        ("Does the demo app answer every request for half a minute?", question),
        ("for: 30s}", "for: 10s, background: true}"),
        (
            "  # Expressions in CEL",
            "    - name: ask once\n      as: single\n      http: {path: /api/info}\n    - name: end of the traffic\n      \
             wait: {finished: traffic}\n  # Expressions in CEL",
        ),
        (
            "  # Collected when",
            "    - name: the one is answered too\n      that: single.status == 200\n  # Collected when",
        ),
    ] {
        ensure!(lab.contains(from), "the template has no \"{from}\"");
        lab = lab.replacen(from, to, 1);
    }
    std::fs::write(&path, lab)?;
    plugin.ok(&["lab", "lint", &folder])?;
    let (code, list) = plugin.json(&["lab", "list", "--labs-dir", &folder])?;
    let listed = list["items"].as_array().into_iter().flatten();
    let own = listed
        .into_iter()
        .find(|lab| lab["metadata"]["name"] == "echo")
        .context("it is not in the catalogue")?;
    ensure!(code == 0 && own["spec"]["question"] == question, "the catalogue has {own:#}");
    let before = picture(plugin)?;
    let (code, outcome) = plugin.json(&["lab", "run", "networking/echo", "--labs-dir", &folder])?;
    ensure!(code == 0 && outcome["verdict"] == "pass", "exit code {code}: {outcome:#}");
    let count = |field: &str| outcome[field].as_array().map_or(0, Vec::len);
    ensure!(count("steps") == 3 && count("expectations") == 2, "{outcome:#}");
    becomes(plugin, &before, Duration::from_secs(20)).map(drop)
}
