//! `--dry-run`: what a command would do, and what the API server says to it.

use kubsets_kube::{Answer, Trial};

use crate::app::App;
use crate::ui::{Cell, ExitCode, Style, Table, Tone};

/// Who is asked what a command would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DryRun {
    /// It is no dry run: the command does its work, as with kubectl.
    #[value(name = "none")]
    Off,
    /// Nobody: the plan is shown.
    Client,
    /// The API server: it checks rights, admission and every object, and keeps nothing.
    Server,
}

/// Shows what the API server said. Exit code 5 where it refuses something.
///
/// # Errors
/// When the answers cannot be serialised.
pub(crate) fn show(app: &App, trials: &[Trial]) -> anyhow::Result<ExitCode> {
    app.ui.emit("DryRun", &trials, |style| describe(trials, style))?;
    let refused = trials.iter().filter(|trial| trial.is_refused()).count();
    app.ui.message(format!("{refused} of {} changes refused; nothing was changed", trials.len()));
    Ok(if refused == 0 { ExitCode::Success } else { ExitCode::Cluster })
}

fn describe(trials: &[Trial], style: Style) -> String {
    let mut table = Table::new(["OBJECT", "NAMESPACE", "ANSWER"]);
    for trial in trials {
        let answer = match &trial.answer {
            Answer::Accepted => Cell::new(Tone::Good, "accepted"),
            Answer::Refused(why) => Cell::new(Tone::Bad, format!("refused: {why}")),
            Answer::Unknown(first) => Cell::new(Tone::Warn, format!("known only {first}")),
        };
        let namespace = trial.object.namespace.clone().unwrap_or_default();
        table.row([trial.object.to_string().into(), namespace.into(), answer]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_kube::ObjectRef;

    #[test]
    fn every_change_has_its_answer() {
        let trial = |name: &str, answer| Trial {
            object: ObjectRef::namespaced("v1", "Service", "shop", name),
            answer,
        };
        let trials = [
            trial("a", Answer::Accepted),
            trial("b", Answer::Refused("not allowed".into())),
            trial("c", Answer::Unknown("after Namespace shop".into())),
        ];
        let text = describe(&trials, Style::PLAIN);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert!(lines[1].ends_with("accepted"), "{text}");
        assert!(lines[2].ends_with("refused: not allowed"), "{text}");
        assert!(lines[3].ends_with("known only after Namespace shop"), "{text}");
        let json = serde_json::to_value(&trials).expect("serialises");
        assert_eq!((&json[0]["answer"], json[0].get("reason")), (&"accepted".into(), None));
        assert_eq!((&json[1]["answer"], &json[1]["reason"]), (&"refused".into(), &"not allowed".into()));
        assert_eq!(json[2]["object"]["name"], "c");
    }
}
