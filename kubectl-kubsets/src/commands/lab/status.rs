//! `lab status`: runs that are under way or left, and how the last one ended.

use kubsets_engine::{OUTCOME_FILE, Outcome};
use kubsets_undo::StateDir;
use serde::Serialize;

use super::left::{Left, left, places};
use super::outcome;
use crate::app::App;
use crate::ui::{ExitCode, Style, Table};

/// What is going on, and what came of the last run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    runs: Vec<Left>,
    last: Option<Outcome>,
}

/// Shows runs of a family, or of all, in the cluster, and the last outcome on record.
///
/// # Errors
/// When there is no cluster, or it refuses.
pub(super) async fn run(app: &App, family: Option<&str>) -> anyhow::Result<ExitCode> {
    let access = app.stack_access().await?;
    let state = StateDir::at(app.state_dir());
    let everywhere = app.global.all_namespaces;
    let mut runs = Vec::new();
    for place in places(everywhere, &access, &state).await? {
        runs.extend(left(&place, &state, family).await?);
    }
    let status = Status { runs, last: last(&state, family) };
    let verb = family.unwrap_or("lab");
    app.ui.emit("LabStatus", &status, |style| describe(&status, verb, everywhere, style))?;
    Ok(ExitCode::Success)
}

/// How the last run of a family ended.
fn last(state: &StateDir, family: Option<&str>) -> Option<Outcome> {
    let outcomes = state.runs().into_iter().filter_map(|run| {
        // A record that cannot be read is not worth an error here.
        state.read::<Outcome>(&run, OUTCOME_FILE).ok().flatten()
    });
    let of_family =
        |outcome: &Outcome| family.is_none_or(|family| outcome.lab.split('/').next() == Some(family));
    outcomes.into_iter().find(of_family)
}

fn describe(status: &Status, verb: &str, everywhere: bool, style: Style) -> String {
    let mut text = String::new();
    if status.runs.is_empty() {
        text.push_str("no run is under way\n");
    } else {
        let mut table = Table::new(["RUN", "NAMESPACE", "LAB", "DRIVER", "CHANGES"]).right([4]);
        let flag = if everywhere { " -A" } else { "" };
        for run in &status.runs {
            let driver = match (run.alive, run.promoted) {
                (true, _) => "alive".to_owned(),
                (false, false) => format!("gone: `kubectl kubsets {verb} clean{flag}` undoes it"),
                (false, true) => {
                    format!("gone: `kubectl kubsets {verb} clean{flag}` takes its promotion back")
                }
            };
            table.row([
                run.run.to_string().into(),
                run.namespace.clone().into(),
                run.lab.clone().into(),
                driver.into(),
                run.changes.to_string().into(),
            ]);
        }
        text.push_str(&table.render(style));
    }
    if let Some(last) = &status.last {
        append!(text, "\nlast run\n{}", outcome::describe(last, style));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_shows_its_own_last_run() {
        let folder = tempfile::tempdir().expect("is made");
        let state = StateDir::at(folder.path());
        for (run, lab) in
            [("261120-120000-aaaa", "chaos/pod-kill"), ("261120-130000-bbbb", "gateway/retries")]
        {
            let outcome = serde_json::json!({
                "apiVersion": "", "kind": "", "run": run, "lab": lab, "question": "", "namespace": "", "params": {},
                "verdict": "pass", "reason": "", "steps": [], "steadyState": [], "expectations": [], "results": {},
                "seconds": 1.0, "undo": null, "repeatCommand": "", "cleanupCommand": null, "exitCode": 0
            });
            state.write(&run.parse().expect("is one"), OUTCOME_FILE, &outcome).expect("is written");
        }
        let seen = |family| last(&state, family).map(|outcome| outcome.lab);
        assert_eq!(seen(None).as_deref(), Some("gateway/retries"));
        assert_eq!(seen(Some("chaos")).as_deref(), Some("chaos/pod-kill"));
        assert_eq!(seen(Some("storage")), None);
    }
}
