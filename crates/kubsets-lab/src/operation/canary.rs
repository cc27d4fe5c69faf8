//! What a canary should do, as given by a lab file or a command line.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Percent, Span};

/// What to do when the time is up without a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnInconclusive {
    /// Give all traffic back to the stable version (default).
    #[default]
    RollBack,
    /// Go on to the next step, and promote after the last one. The outcome still says inconclusive.
    GoOn,
}

/// Traffic that the canary is judged on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LoadSettings {
    /// Address of the gateway, such as `http://198.18.0.1:30080`; found in the cluster when absent.
    pub url: Option<String>,
    /// Path of the requests.
    pub path: String,
    /// Requests per second.
    pub rate: f64,
    /// Connections at most.
    pub connections: usize,
    /// Time a request may take before it counts as failed.
    pub timeout: Span,
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self { url: None, path: "/api/info".into(), rate: 100.0, connections: 16, timeout: Span::seconds(5) }
    }
}

/// Limits of the judge that a user may set; the rest are its defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JudgeSettings {
    /// Share of failed requests that a canary must be below.
    pub error_limit: Percent,
    /// Highest chance of a false alarm over the whole run.
    pub false_alarm: Percent,
    /// Highest chance to pass a step with a canary at or above the limit.
    pub false_pass: Percent,
    /// Slower by less than this does not matter, whatever the percentage. A busy node delays bursts of
    /// requests by 10 to 20 ms, and a burst is no independent evidence; keep this above that.
    pub latency_floor: Span,
    /// Judge latency beside errors.
    pub latency: bool,
}

impl Default for JudgeSettings {
    fn default() -> Self {
        let percent = |value| Percent::new(value).expect("a constant from 0 to 100");
        Self {
            error_limit: percent(1.0),
            false_alarm: percent(1.0),
            false_pass: percent(5.0),
            latency_floor: Span(std::time::Duration::from_millis(25)),
            latency: true,
        }
    }
}

/// A canary on one Deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CanarySpec {
    /// Namespace; the client's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Deployment to release a new version of.
    pub deployment: String,
    /// `HTTPRoute` that carries its traffic; named like the Deployment when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Container to change; needed only where the pod has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// New image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Environment variables to set.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Shares of traffic, rising, the last one 100 %.
    #[serde(default = "default_steps")]
    pub steps: Vec<Percent>,
    /// Time that one step may take.
    #[serde(default = "default_step_budget")]
    pub step_budget: Span,
    /// Time after each change of weight that is watched but not judged.
    #[serde(default = "default_settle")]
    pub settle: Span,
    /// Time in which the stable version alone is measured.
    #[serde(default = "default_warm_up")]
    pub warm_up: Span,
    /// Time that old pods get to finish requests once they receive no new ones.
    #[serde(default = "default_drain")]
    pub drain: Span,
    /// The traffic.
    #[serde(default)]
    pub load: LoadSettings,
    /// Limits of the judge.
    #[serde(default)]
    pub judge: JudgeSettings,
    /// What to do when the time is up without a verdict.
    #[serde(default)]
    pub on_inconclusive: OnInconclusive,
    /// Name of the lab that this canary is a step of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lab: Option<String>,
    /// Whether the in-cluster watchdog must be running before traffic moves.
    #[serde(default)]
    pub watchdog: WatchdogPolicy,
}

/// Whether the in-cluster watchdog must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WatchdogPolicy {
    /// No traffic moves without it (default).
    #[default]
    Required,
    /// Nothing in the cluster restores the stable version when this process dies.
    Off,
}

fn default_steps() -> Vec<Percent> {
    [5.0, 10.0, 25.0, 50.0, 100.0].map(|step| Percent::new(step).expect("a constant from 0 to 100")).to_vec()
}

fn default_step_budget() -> Span {
    Span::seconds(120)
}

fn default_settle() -> Span {
    Span::seconds(2)
}

fn default_warm_up() -> Span {
    Span::seconds(15)
}

fn default_drain() -> Span {
    Span::seconds(5)
}

impl CanarySpec {
    /// A canary of a Deployment with all defaults; image or environment have to be set.
    pub fn new(deployment: &str) -> Self {
        Self {
            namespace: None,
            deployment: deployment.to_owned(),
            route: None,
            container: None,
            image: None,
            env: BTreeMap::new(),
            steps: default_steps(),
            step_budget: default_step_budget(),
            settle: default_settle(),
            warm_up: default_warm_up(),
            drain: default_drain(),
            load: LoadSettings::default(),
            judge: JudgeSettings::default(),
            on_inconclusive: OnInconclusive::default(),
            lab: None,
            watchdog: WatchdogPolicy::default(),
        }
    }

    /// Longest time of a release: the warm-up, every step to the end of its budget, and 5 minutes in
    /// which pods start, are replaced and end.
    pub fn longest(&self) -> Span {
        let step = self.settle.0.saturating_add(self.step_budget.0);
        let steps = step.saturating_mul(u32::try_from(self.steps.len()).unwrap_or(u32::MAX));
        let pods = Span::seconds(300).0.saturating_add(self.drain.0);
        Span(self.warm_up.0.saturating_add(steps).saturating_add(pods))
    }

    /// Name of the route.
    pub fn route_name(&self) -> &str {
        self.route.as_deref().unwrap_or(&self.deployment)
    }

    /// Name of the canary's Deployment and Service.
    pub fn canary_name(&self) -> String {
        format!("{}-canary", self.deployment)
    }
}
