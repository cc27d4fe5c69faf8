//! The command that repeats a run, made from its plan: a lab with the flags that differ from it, or flags alone.

use std::collections::BTreeMap;

use kubsets_delivery::{CanarySpec, OnInconclusive, Plan, WatchdogPolicy};
use kubsets_lab::{HIDDEN, Lab};
use kubsets_report::Command;

use crate::app::STACK_NAMESPACE;
use crate::cli::AS_PLUGIN;
use crate::cli::words::quoted;
use crate::commands::canary::catalog;
use crate::report::CanaryRecord;

/// The lab that a plan came from, if this plugin has it.
pub(super) fn lab(plan: &Plan) -> Option<Lab> {
    catalog::lab(&lab_name(&plan.spec)?, &BTreeMap::new()).ok()
}

/// A spec names its lab `family.name`.
fn lab_name(spec: &CanarySpec) -> Option<String> {
    let full = spec.lab.as_deref()?;
    Some(full.rsplit(['.', '/']).next().unwrap_or(full).to_owned())
}

/// Commands on this run; the first one repeats it.
pub(super) fn commands(record: &CanaryRecord) -> Vec<Command> {
    let command = |purpose: &str, line: String| Command { purpose: purpose.to_owned(), line };
    let run = &record.plan.run;
    let repeat = line(&record.plan);
    let plan = repeat.replacen("canary run", "canary plan", 1);
    let mut commands = vec![command("Repeat it", repeat)];
    if let Some(cleanup) = record.outcome.as_ref().and_then(|outcome| outcome.cleanup_command.clone()) {
        commands.push(command("Finish the undo", cleanup));
    }
    commands.extend([
        command("Say what it would do", plan),
        command("Bring back the state before it", format!("{AS_PLUGIN} canary undo {run}")),
        command("This report again", format!("{AS_PLUGIN} report {run}")),
        command("Beside another run", format!("{AS_PLUGIN} report --compare OTHER {run}")),
    ]);
    commands
}

/// The command that repeats a run of a plan, with `VALUE` for what is secret.
pub(crate) fn line(plan: &Plan) -> String {
    let plan = &plan.without_secrets();
    let spec = &plan.spec;
    let mut words = vec![AS_PLUGIN.to_owned(), "canary run".to_owned()];
    let known = lab_name(spec).and_then(|name| with_values(&name, spec));
    let base = match (lab_name(spec), known) {
        (Some(name), Some((base, values))) => {
            words.push(quoted(&name));
            words.extend(
                values.iter().map(|(name, value)| format!("--set {}", quoted(&format!("{name}={value}")))),
            );
            base
        }
        (Some(name), None) => {
            words.push(quoted(&name));
            spec.clone()
        }
        _ => {
            words.extend(spec.env.iter().map(|(name, value)| {
                let shown = if value == HIDDEN { "VALUE" } else { value };
                format!("--set {}", quoted(&format!("{name}={shown}")))
            }));
            CanarySpec::new("demo-app")
        }
    };
    words.extend(flags(spec, &base));
    if plan.namespace != STACK_NAMESPACE {
        words.push(format!("-n {}", quoted(&plan.namespace)));
    }
    words.join(" ")
}

/// A lab's canary with the values of its parameters that make its environment that of the run.
fn with_values(name: &str, spec: &CanarySpec) -> Option<(CanarySpec, BTreeMap<String, String>)> {
    let lab = catalog::lab(name, &BTreeMap::new()).ok()?;
    let mut values = BTreeMap::new();
    let mut base = catalog::canary(&lab).ok()?;
    for param in lab.spec.params.keys() {
        for (variable, value) in &spec.env {
            if base.env.get(variable) == Some(value) {
                continue;
            }
            let mut tried = values.clone();
            tried.insert(param.clone(), value.clone());
            let Some(with) = catalog::lab(name, &tried).ok().and_then(|lab| catalog::canary(&lab).ok())
            else {
                continue;
            };
            if with.env.get(variable) == Some(value) {
                values = tried;
                base = with;
            }
        }
    }
    Some((base, values))
}

/// Flags for what differs.
fn flags(spec: &CanarySpec, base: &CanarySpec) -> Vec<String> {
    let mut flags = Vec::new();
    let mut flag = |differs: bool, name: &str, value: String| {
        if differs {
            flags.push(if value.is_empty() {
                format!("--{name}")
            } else {
                format!("--{name} {}", quoted(&value))
            });
        }
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let weights: Vec<String> = spec.steps.iter().map(|step| step.value().to_string()).collect();
    let percent = |percent: kubsets_delivery::Percent| percent.to_string();
    flag(spec.image != base.image, "image", text(&spec.image));
    flag(spec.deployment != base.deployment, "deployment", spec.deployment.clone());
    flag(spec.route != base.route, "route", text(&spec.route));
    flag(spec.container != base.container, "container", text(&spec.container));
    flag(spec.steps != base.steps, "weights", weights.join(","));
    flag((spec.load.rate - base.load.rate).abs() > 1e-9, "rate", spec.load.rate.to_string());
    flag(spec.load.path != base.load.path, "path", spec.load.path.clone());
    flag(spec.load.url != base.load.url, "url", text(&spec.load.url));
    flag(spec.step_budget != base.step_budget, "step-budget", spec.step_budget.to_string());
    flag(spec.warm_up != base.warm_up, "warm-up", spec.warm_up.to_string());
    flag(spec.settle != base.settle, "settle", spec.settle.to_string());
    flag(spec.judge.error_limit != base.judge.error_limit, "limit", percent(spec.judge.error_limit));
    flag(spec.judge.false_alarm != base.judge.false_alarm, "false-alarm", percent(spec.judge.false_alarm));
    flag(base.judge.latency && !spec.judge.latency, "no-latency", String::new());
    let action = if spec.on_inconclusive == OnInconclusive::GoOn { "go-on" } else { "roll-back" };
    flag(spec.on_inconclusive != base.on_inconclusive, "on-inconclusive", action.to_owned());
    let off = spec.watchdog == WatchdogPolicy::Off && base.watchdog != WatchdogPolicy::Off;
    flag(off, "no-watchdog", String::new());
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differing(change: impl FnOnce(&mut CanarySpec)) -> String {
        let base = CanarySpec::new("demo-app");
        let mut spec = base.clone();
        change(&mut spec);
        flags(&spec, &base).join(" ")
    }

    #[test]
    fn only_what_differs_is_said() {
        assert_eq!(differing(|_| {}), "");
        let changed = differing(|spec| {
            spec.image = Some("registry.example/api:2".into());
            spec.load.rate = 20.0;
            spec.watchdog = WatchdogPolicy::Off;
            spec.load.path = "/a b?c='d'".into();
        });
        assert_eq!(
            changed,
            r"--image registry.example/api:2 --rate 20 --path '/a b?c='\''d'\''' --no-watchdog"
        );
    }

    #[test]
    fn values_of_a_lab_are_found_by_their_effect() {
        let values = [("errors".to_owned(), "2%".to_owned())].into();
        let spec = catalog::canary(&catalog::lab("bad-errors", &values).unwrap()).unwrap();
        let (base, found) = with_values("bad-errors", &spec).unwrap();
        assert_eq!(found, values);
        assert_eq!(base.env, spec.env);
        let spec = catalog::canary(&catalog::lab("bad-errors", &BTreeMap::new()).unwrap()).unwrap();
        assert!(with_values("bad-errors", &spec).unwrap().1.is_empty());
    }
}
