//! What to release and how: a lab, or flags on an ordinary Deployment.

use std::collections::BTreeMap;
use std::time::Duration;

use kubsets_delivery::{CanarySpec, Checked, OnInconclusive, Outcome, Percent, Span, WatchdogPolicy};
use kubsets_lab::{Bindings, Lab, Resolved};

use super::catalog;
use crate::cli::values::{self, parse_assignment, parse_duration, parse_percent, parse_rate, parse_weight};
use crate::ui::Failure;

/// A release, as given on the command line. Flags win over the lab.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Release {
    /// A lab; without one, say what changes with --image or --set
    #[arg(value_name = "LAB", add = clap_complete::ArgValueCandidates::new(catalog::candidates))]
    lab: Option<String>,

    /// Image of the new version
    #[arg(long, value_name = "REFERENCE")]
    image: Option<String>,

    /// With a lab one of its parameters, else an environment variable of the new version
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    set: Vec<(String, String)>,

    /// Deployment to release [default: the lab's, else demo-app]
    #[arg(long, value_name = "NAME", help_heading = "What is released")]
    deployment: Option<String>,

    /// `HTTPRoute` that carries its traffic [default: named like the Deployment]
    #[arg(long, value_name = "NAME", help_heading = "What is released")]
    route: Option<String>,

    /// Container that changes, where the pod has several
    #[arg(long, value_name = "NAME", help_heading = "What is released")]
    container: Option<String>,

    /// Shares of the traffic, rising to 100 [default: the lab's, else 5,10,25,50,100]
    #[arg(long, value_name = "PERCENT,...", value_delimiter = ',', value_parser = parse_weight, help_heading = "How")]
    weights: Vec<u8>,

    /// Requests per second that are sent
    #[arg(long, alias = "rps", value_name = "RATE", value_parser = parse_rate, help_heading = "How")]
    rate: Option<f64>,

    /// Path of the requests
    #[arg(long, value_name = "PATH", help_heading = "How")]
    path: Option<String>,

    /// Address of the gateway instead of the one found
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url, help_heading = "How")]
    url: Option<String>,

    /// Longest time of one step
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "How")]
    step_budget: Option<Duration>,

    /// Time in which the stable version alone is measured
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "How")]
    warm_up: Option<Duration>,

    /// Time after each shift that is watched but not judged
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "How")]
    settle: Option<Duration>,

    /// Share of failed requests that the new version must be below
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, help_heading = "How it is judged")]
    limit: Option<values::Percent>,

    /// Highest chance of rolling a good version back
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, help_heading = "How it is judged")]
    false_alarm: Option<values::Percent>,

    /// Judge errors only
    #[arg(long, help_heading = "How it is judged")]
    no_latency: bool,

    /// What to do when a step's time is up without a verdict
    #[arg(long, value_name = "ACTION", value_parser = ["roll-back", "go-on"], help_heading = "How it is judged")]
    on_inconclusive: Option<String>,

    /// Go without the watchdog in the cluster that restores the stable version when this command dies
    #[arg(long)]
    no_watchdog: bool,
}

impl Release {
    /// The lab, where one was named.
    ///
    /// # Errors
    /// When there is no such lab or a parameter does not fit.
    pub(super) fn lab(&self) -> anyhow::Result<Option<Lab>> {
        self.lab.as_deref().map(|name| catalog::lab(name, &self.values())).transpose()
    }

    /// What `--set` says, by name.
    fn values(&self) -> BTreeMap<String, String> {
        self.set.iter().cloned().collect()
    }

    /// What the lab expects, checked against an outcome; nothing without a lab. An expectation that
    /// cannot be calculated says so.
    ///
    /// # Errors
    /// When there is no such lab or a parameter does not fit.
    pub(super) fn check(&self, outcome: &Outcome) -> anyhow::Result<Vec<Checked>> {
        let Some(lab) = self.lab()? else { return Ok(Vec::new()) };
        let mut bindings = Bindings::new(Resolved::new(&lab.spec.params, &self.values())?.bound());
        for name in lab.spec.steps.iter().filter_map(|step| step.bind.as_deref()) {
            bindings.set(name, serde_json::to_value(outcome)?);
        }
        let check = |expectation: &kubsets_lab::Expectation| {
            expectation.check(&bindings).unwrap_or_else(|error| Checked {
                expected: expectation.name.clone(),
                seen: format!("it cannot be told: {error}"),
                held: false,
            })
        };
        Ok(lab.spec.expect.iter().map(check).collect())
    }

    /// What the lab and the flags ask for together.
    ///
    /// # Errors
    /// When nothing says what changes.
    pub(super) fn spec(&self, lab: Option<&Lab>) -> anyhow::Result<CanarySpec> {
        let mut spec = match lab {
            Some(lab) => catalog::canary(lab)?,
            None if self.image.is_none() && self.set.is_empty() => {
                return Err(Failure::usage("nothing says what changes")
                    .with_hint(
                        "name a lab, or pass --image REFERENCE or --set NAME=VALUE; `canary list` shows labs",
                    )
                    .into());
            }
            None => {
                let mut spec = CanarySpec::new("demo-app");
                spec.env = self.set.iter().cloned().collect();
                spec
            }
        };
        if let Some(deployment) = &self.deployment {
            deployment.clone_into(&mut spec.deployment);
        }
        spec.route = self.route.clone().or(spec.route);
        spec.container = self.container.clone().or(spec.container);
        spec.image = self.image.clone().or(spec.image);
        if !self.weights.is_empty() {
            spec.steps = self.steps()?;
        }
        if let Some(rate) = self.rate {
            spec.load.rate = rate;
        }
        if let Some(path) = &self.path {
            path.clone_into(&mut spec.load.path);
        }
        spec.load.url = self.url.clone().or(spec.load.url);
        spec.step_budget = self.step_budget.map_or(spec.step_budget, Span);
        spec.warm_up = self.warm_up.map_or(spec.warm_up, Span);
        spec.settle = self.settle.map_or(spec.settle, Span);
        if let Some(limit) = self.limit {
            spec.judge.error_limit = Percent::new(limit.share() * 100.0)?;
        }
        if let Some(chance) = self.false_alarm {
            spec.judge.false_alarm = Percent::new(chance.share() * 100.0)?;
        }
        spec.judge.latency &= !self.no_latency;
        match self.on_inconclusive.as_deref() {
            Some("go-on") => spec.on_inconclusive = OnInconclusive::GoOn,
            Some(_) => spec.on_inconclusive = OnInconclusive::RollBack,
            None => {}
        }
        if self.no_watchdog {
            spec.watchdog = WatchdogPolicy::Off;
        }
        Ok(spec)
    }

    fn steps(&self) -> anyhow::Result<Vec<Percent>> {
        if !self.weights.is_sorted_by(|a, b| a < b) {
            return Err(Failure::usage("--weights: each share has to be larger than the one before")
                .with_hint("for example --weights 5,10,25,50,100")
                .into());
        }
        let mut weights = self.weights.clone();
        if weights.last() != Some(&100) {
            weights.push(100);
        }
        Ok(weights.into_iter().map(|weight| Percent::new(f64::from(weight))).collect::<Result<_, _>>()?)
    }

    /// What the run is called on screen.
    pub(super) fn title(&self) -> String {
        self.lab.clone().or_else(|| self.image.clone()).unwrap_or_else(|| {
            let changes: Vec<String> =
                self.set.iter().map(|(name, value)| format!("{name}={value}")).collect();
            changes.join(", ")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command as Top;

    fn release(args: &[&str]) -> Result<Release, clap::Error> {
        let cli = crate::parse(&[&["canary", "plan"], args].concat())?;
        let Top::Canary(crate::commands::canary::Args { command: super::super::Command::Plan(release) }) =
            cli.command
        else {
            panic!("is a plan");
        };
        Ok(release)
    }

    fn spec(args: &[&str]) -> anyhow::Result<CanarySpec> {
        let release = release(args)?;
        release.spec(release.lab()?.as_ref())
    }

    #[test]
    fn flags_make_a_canary_of_an_ordinary_deployment() {
        let spec = spec(&["--image", "x:2", "--deployment", "api", "--weights", "10,50", "--rate", "20"])
            .expect("is one");
        assert_eq!((spec.deployment.as_str(), spec.image.as_deref()), ("api", Some("x:2")));
        let steps: Vec<f64> = spec.steps.iter().map(|step| step.value()).collect();
        assert_eq!(steps, [10.0, 50.0, 100.0]);
        assert!((spec.load.rate - 20.0).abs() < f64::EPSILON);
    }

    #[test]
    fn without_a_lab_set_is_the_environment() {
        let spec = spec(&["--set", "APP_VERSION=2=b"]).expect("is one");
        assert_eq!(spec.env.get("APP_VERSION").map(String::as_str), Some("2=b"));
    }

    #[test]
    fn nothing_to_change_is_refused() {
        assert!(spec(&[]).is_err());
        assert!(spec(&["--set", "A=1", "--weights", "50,10"]).is_err());
        assert!(release(&["--set", "novalue"]).is_err());
        assert!(release(&["--weights", "10,250"]).is_err());
    }

    fn outcome(verdict: &str, undo: &serde_json::Value) -> Outcome {
        let share = serde_json::json!({
            "targetPercent": 10.0, "percent": 14.0, "lowPercent": 8.0, "highPercent": 21.0, "canary": 14, "total": 100,
        });
        let step = serde_json::json!({
            "percent": 10.0, "passed": false, "seconds": 7.2, "share": share, "canaryFailed": 9, "stableFailed": 0,
        });
        let outcome = serde_json::json!({
            "apiVersion": "kubsets.dev/v1alpha1", "kind": "CanaryOutcome", "run": "261120-134501-3fa2",
            "lab": null, "namespace": "kubsets", "deployment": "demo-app", "stableVersion": null,
            "canaryVersion": null, "verdict": verdict, "reason": "", "evidence": null, "steps": [step],
            "switches": [], "totals": kubsets_delivery::Totals::default(), "droppedBySwitching": 0,
            "secondsToVerdict": 7.2, "secondsInStep": 7.2, "seconds": 40.0, "undo": undo, "cleanupCommand": null,
            "exitCode": 1, "expectations": [],
        });
        serde_json::from_value(outcome).expect("is an outcome")
    }

    #[test]
    fn expectations_of_a_lab_are_checked_over_the_outcome() {
        let undo = serde_json::json!({
            "apiMs": 120.0, "wireMs": 2400.0, "totalMs": 9000.0, "comparisons": [], "equal": true,
        });
        let outcome = outcome("rolled-back", &undo);
        let checked = release(&["bad-errors"]).expect("parses").check(&outcome).expect("is checked");
        let held: Vec<bool> = checked.iter().map(|one| one.held).collect();
        assert_eq!(held, [true, true, false, true, true], "{checked:?}");
        assert_eq!(checked[0].seen, "release.verdict was \"rolled-back\"");
        assert!(checked[2].seen.contains("release.undo.wireMs was 2400"), "{checked:?}");
        let checked = release(&["good-release"]).expect("parses").check(&outcome).expect("is checked");
        assert_eq!(
            checked.iter().map(|one| one.held).collect::<Vec<_>>(),
            [false, true, true],
            "{checked:?}"
        );
        assert_eq!(release(&["--set", "A=b"]).expect("parses").check(&outcome).expect("is checked"), []);
    }

    #[test]
    fn a_run_without_a_way_back_meets_no_expectation_about_it() {
        let outcome = outcome("promoted", &serde_json::Value::Null);
        let checked = release(&["slow-release"]).expect("parses").check(&outcome).expect("is checked");
        assert_eq!(checked.iter().map(|one| one.held).collect::<Vec<_>>(), [false, true, false, true, false]);
    }
}
