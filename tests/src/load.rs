//! Steps about load.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::plugin::Plugin;

/// Two pods send one load, every request of it is answered, and their Job goes.
pub(crate) fn in_cluster(plugin: &Plugin) -> anyhow::Result<()> {
    let load = ["load", "--in-cluster", "--pods", "2", "--rate", "100", "--duration", "10s"];
    let (code, report) = plugin.json(&load)?;
    ensure!(code == 0, "exit code {code}: {report:#}");
    let counts = &report["accounting"];
    let count = |field: &str| counts[field].as_u64().with_context(|| format!("the report lacks {field}"));
    ensure!(count("planned")? >= 900 && count("ok")? == count("planned")?, "{counts:#}");
    let jobs = plugin.kubectl(&[
        "-n",
        "kubsets-demo",
        "get",
        "jobs",
        "-l",
        "kubsets.dev/role=load",
        "-o",
        "json",
    ])?;
    let jobs: Value = serde_json::from_str(&jobs)?;
    ensure!(jobs["items"].as_array().is_some_and(Vec::is_empty), "the Job is still there: {jobs:#}");
    Ok(())
}
