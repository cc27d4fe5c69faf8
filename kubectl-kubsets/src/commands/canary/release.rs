//! What to release and how: a lab, or flags on an ordinary Deployment.

use std::collections::BTreeMap;
use std::time::Duration;

use kubsets_delivery::{CanarySpec, OnInconclusive, Percent, Span, WatchdogPolicy};
use kubsets_lab::secret::is_secret_variable;
use kubsets_lab::{HIDDEN, Lab};

use super::catalog;
use crate::cli::values::{self, parse_assignment, parse_duration, parse_percent, parse_rate, parse_weight};
use crate::commands::lab::catalog as labs;
use crate::commands::lab::plan::must_be_sound;
use crate::ui::Failure;

/// A release, as given on the command line. Flags win over the lab.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Release {
    /// A lab; without one, say what changes with --image or --set
    #[arg(value_name = "LAB", add = clap_complete::ArgValueCandidates::new(catalog::candidates))]
    lab: Option<String>,

    #[command(flatten)]
    folder: labs::Folder,

    /// Image of the new version
    #[arg(long, value_name = "REFERENCE")]
    image: Option<String>,

    /// With a lab one of its parameters, else an environment variable of the new version; no record tells the value of
    /// one that looks secret, such as `API_TOKEN`
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    set: Vec<(String, String)>,

    /// Deployment to release [default: the lab's, else demo-app]
    #[arg(long, value_name = "NAME", help_heading = "What is released")]
    deployment: Option<String>,

    /// HTTPRoute that carries its traffic [default: named like the Deployment]
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
    /// When there is no such lab, a parameter does not fit, or `lab lint` refuses it.
    pub(super) fn lab(&self) -> anyhow::Result<Option<Lab>> {
        let Some(name) = &self.lab else { return Ok(None) };
        let (source, values) = (catalog::source(name, &self.folder)?, self.values());
        must_be_sound(&source, &values)?;
        Ok(Some(source.parse(&values)?))
    }

    /// What `--set` says, by name.
    fn values(&self) -> BTreeMap<String, String> {
        self.set.iter().cloned().collect()
    }

    /// Whether the release is that of a lab.
    pub(super) fn names_a_lab(&self) -> bool {
        self.lab.is_some()
    }

    /// What the engine runs for a planned canary: the plan of its lab, or of a lab that is the canary alone.
    ///
    /// # Errors
    /// When there is no such lab or a parameter does not fit.
    pub(super) fn lab_plan(&self, plan: &kubsets_delivery::Plan) -> anyhow::Result<kubsets_lab::Plan> {
        let Some(name) = &self.lab else { return Ok(kubsets_lab::Plan::of_canary(plan.spec.clone())) };
        let planned = kubsets_lab::Plan::new(&catalog::source(name, &self.folder)?, &self.values())?;
        let planned = planned.with_canary(plan.spec.clone());
        planned.ok_or_else(|| Failure::usage(format!("{name} is no lab of one canary")).into())
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
            let shown = |name, value| if is_secret_variable(name, value) { HIDDEN } else { value };
            let changes = self.set.iter().map(|(name, value)| format!("{name}={}", shown(name, value)));
            changes.collect::<Vec<_>>().join(", ")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::Command as Top;

    fn release(args: &[&str]) -> Result<Release, clap::Error> {
        let cli = crate::parse(&[&["canary", "plan"], args].concat())?;
        let Top::Canary(args) = cli.command else { panic!("is of canaries") };
        let super::super::Command::Plan(release) = args.command else { panic!("is a plan") };
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

    fn outcome(verdict: &str, undo: &serde_json::Value) -> Value {
        let share = json!({
            "targetPercent": 10.0, "percent": 14.0, "lowPercent": 8.0, "highPercent": 21.0, "canary": 14, "total": 100,
        });
        let step = json!({
            "percent": 10.0, "passed": false, "seconds": 7.2, "share": share, "canaryFailed": 9, "stableFailed": 0,
        });
        json!({"verdict": verdict, "steps": [step], "droppedBySwitching": 0, "secondsInStep": 7.2, "undo": undo})
    }

    /// Which expectations of a lab hold for an outcome, and what was seen.
    fn expectations(name: &str, outcome: &Value) -> Vec<(bool, String)> {
        let plan = kubsets_lab::Plan::new(
            &catalog::source(name, &labs::Folder::default()).expect("is one"),
            &BTreeMap::new(),
        );
        let plan = plan.expect("is valid");
        let scope = kubsets_lab::Scope { outer: &plan.bindings(), name: "release", value: outcome };
        let check = |one: &kubsets_lab::Expectation| match one.check(&scope) {
            Ok(checked) => (checked.held, checked.seen),
            Err(error) => (false, error.to_string()),
        };
        plan.expect.iter().map(check).collect()
    }

    #[test]
    fn labs_expect_what_outcomes_tell() {
        let undo =
            json!({"apiMs": 120.0, "wireMs": 2400.0, "totalMs": 9000.0, "comparisons": [], "equal": true});
        let outcome = outcome("rolled-back", &undo);
        let checked = expectations("bad-errors", &outcome);
        let held: Vec<bool> = checked.iter().map(|one| one.0).collect();
        assert_eq!(held, [true, true, false, true, true], "{checked:?}");
        assert_eq!(checked[0].1, "release.verdict was \"rolled-back\"");
        assert!(checked[2].1.contains("release.undo.wireMs was 2400"), "{checked:?}");
        let held: Vec<bool> = expectations("good-release", &outcome).iter().map(|one| one.0).collect();
        assert_eq!(held, [false, true, true]);
    }

    #[test]
    fn a_run_without_a_way_back_meets_no_expectation_about_it() {
        let checked = expectations("slow-release", &outcome("promoted", &Value::Null));
        let held: Vec<bool> = checked.iter().map(|one| one.0).collect();
        assert_eq!(held, [false, true, false, true, false], "{checked:?}");
    }
}
