//! Steps about the plugin as kubectl calls it.

use anyhow::ensure;
use serde_json::Value;

use crate::plugin::Plugin;

/// kubectl passes arguments, output and exit code on, and asks the helper for completions.
pub(crate) fn as_plugin(plugin: &Plugin) -> anyhow::Result<()> {
    let output = plugin.through_kubectl(&["kubsets", "status", "--no-tty", "-o", "json"])?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(report.is_object(), "status through kubectl: {report:#}");

    let refused = plugin.through_kubectl(&["kubsets", "canary", "plan", "no-such-lab", "--no-tty"])?;
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(refused.status.code() == Some(2), "it ended with {}: {said}", refused.status);
    ensure!(
        said.contains("hint:") && said.contains("kubectl kubsets"),
        "no hint for a user of kubectl: {said}"
    );

    let completed = plugin.through_kubectl(&["__complete", "kubsets", "canary", "run", "good-"])?;
    let words = String::from_utf8(completed.stdout)?;
    ensure!(words.contains("good-release"), "completion of a lab's name: {words}");
    Ok(())
}
