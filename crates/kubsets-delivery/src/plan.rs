//! From a specification and the state of the cluster to exactly what will be done. Pure.

mod check;
mod diff;
mod error;
mod secret;
mod steps;

use kubsets_judge::JudgeConfig;
use kubsets_kube::{Access, Facts, ObjectRef};
use kubsets_undo::canonical::hash;
use kubsets_undo::{Claim, RunId, WATCHDOG_IMAGE};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::endpoint::{Endpoint, route_problem};
use crate::facts::{ClusterFacts, gather};
use crate::objects::{Names, TemplateChange, change_template};
use crate::route::{Carrier, GATEWAY_API, find_carrier};
use kubsets_lab::operation::{CanarySpec, WatchdogPolicy};

pub use diff::DiffLine;
pub use error::PlanError;
pub use steps::{Expectation, StepPlan};

/// What the user is told of marks.
const MARKED: &str = "answers do not tell the versions apart, so a rule of its own in the route names the side in each \
                      of them (x-kubsets-side); at 0 and 100 % one request in a million still goes to the other side";

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Made at the start, removed at the end.
    CreateAndRemove,
    /// Changed during the run, as before at the end.
    ChangeAndRestore,
    /// Changed when the new version is promoted.
    ChangeOnPromotion,
}

/// An object that a run touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedObject {
    /// The object.
    pub object: ObjectRef,
    /// What happens to it.
    pub action: Action,
}

/// How much can go wrong at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlastRadius {
    /// Share of the traffic that the first step exposes, in percent.
    pub first_step_percent: f64,
    /// Failed requests that users are expected to see before a canary with 5 % errors is caught.
    pub expected_failures: f64,
    /// Pods that run beside the stable ones at most.
    pub extra_pods: u32,
    /// In words.
    pub summary: String,
}

/// Exactly what a run will do. A run executes this and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// `kubsets.dev/v1alpha1`.
    pub api_version: String,
    /// `CanaryPlan`.
    pub kind: String,
    /// Name of the run.
    pub run: RunId,
    /// Context, server and namespace.
    pub access: Option<Facts>,
    /// The specification.
    pub spec: CanarySpec,
    /// Namespace.
    pub namespace: String,
    /// Traffic driver.
    pub driver: String,
    /// Container that changes.
    pub container: String,
    /// Version of the stable pods as their template says.
    pub stable_version: Option<String>,
    /// Version of the canary pods as their template says.
    pub canary_version: Option<String>,
    /// Whether the route names the side in every answer during the run, because the answers themselves do not
    /// tell the versions apart.
    #[serde(default)]
    pub marked: bool,
    /// Where requests enter.
    pub endpoint: Endpoint,
    /// The steps.
    pub steps: Vec<StepPlan>,
    /// What is to be expected.
    pub expectation: Expectation,
    /// Settings of the judge.
    pub judge: JudgeConfig,
    /// Objects in the order in which they are touched.
    pub objects: Vec<PlannedObject>,
    /// What changes in the pod template.
    pub diff: Vec<DiffLine>,
    /// What can go wrong at most.
    pub blast_radius: BlastRadius,
    /// What a user should know before starting.
    pub warnings: Vec<String>,
    /// SHA-256 over everything that decides what is done.
    pub hash: String,
    /// Hashes of the pod templates of the new version and of the old one: on record their values are not all to be
    /// had. Absent in records of older plugins.
    #[serde(default)]
    pub(crate) templates: Vec<String>,
    /// Stable replicas now.
    pub(crate) stable_replicas: u32,
    /// The stable objects as they are now.
    pub(crate) originals: Originals,
}

/// The stable objects before the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Originals {
    pub(crate) deployment: Value,
    pub(crate) service: Value,
    pub(crate) route: Value,
    pub(crate) rule: usize,
    pub(crate) backend: usize,
    /// Label that tells the pods apart, with its stable value.
    pub(crate) label: (String, String),
}

impl Originals {
    pub(crate) fn carrier(&self) -> Carrier {
        Carrier { rule: self.rule, backend: self.backend }
    }
}

impl Plan {
    /// The change of the pod template.
    pub(crate) fn change(&self) -> TemplateChange {
        TemplateChange {
            container: self.container.clone(),
            image: self.spec.image.clone(),
            env: self.spec.env.clone(),
            version: self.canary_version.clone(),
        }
    }

    /// The pod template of the new version.
    pub(crate) fn new_template(&self) -> Value {
        change_template(&self.originals.deployment["spec"]["template"], &self.change())
    }

    /// Whether a Deployment has the pod template of before the run.
    pub(crate) fn has_template(&self, deployment: &Value) -> bool {
        hash(&deployment["spec"]["template"]) == hash(&self.originals.deployment["spec"]["template"])
    }

    /// Hashes of the pod templates that the run knows: the new one and the old one.
    pub(crate) fn known_templates(&self) -> Vec<String> {
        if !self.templates.is_empty() {
            return self.templates.clone();
        }
        vec![hash(&self.new_template()), hash(&self.originals.deployment["spec"]["template"])]
    }

    /// Names of what the run creates beside the stable objects.
    pub(crate) fn names(&self) -> Names {
        Names::new(&self.spec.deployment)
    }

    /// The run's claim to the Deployment.
    pub(crate) fn claim(&self) -> Claim {
        Claim::canary(self.run.clone(), self.spec.lab.clone(), &self.namespace, &self.spec.deployment)
    }

    /// The Deployment.
    pub(crate) fn deployment_ref(&self) -> ObjectRef {
        ObjectRef::namespaced("apps/v1", "Deployment", &self.namespace, &self.spec.deployment)
    }

    /// The route.
    pub(crate) fn route_ref(&self) -> ObjectRef {
        ObjectRef::namespaced(GATEWAY_API, "HTTPRoute", &self.namespace, self.spec.route_name())
    }

    /// Longest time that the run may take, in seconds.
    pub fn longest_seconds(&self) -> f64 {
        self.expectation.longest_seconds
    }
}

/// Reads the cluster and makes the plan; nothing is changed.
///
/// # Errors
/// [`PlanError`] with a hint when the canary cannot work, or when the cluster cannot be read.
pub async fn plan(access: &Access, spec: CanarySpec) -> Result<Plan, PlanError> {
    check::specification(&spec)?;
    let facts = gather(access, &spec).await?;
    build(spec, &facts, RunId::generate())
}

/// Makes the plan from facts; pure.
///
/// # Errors
/// [`PlanError`] with a hint when the canary cannot work.
pub fn build(mut spec: CanarySpec, facts: &ClusterFacts, run: RunId) -> Result<Plan, PlanError> {
    check::specification(&spec)?;
    let deployment = check::deployment(&spec, facts)?.clone();
    check::nothing_running(&spec, facts)?;
    let container = check::container(&spec, &deployment)?;
    check::image(&spec, facts)?;
    check::set_version(&mut spec);
    let route = check::route(&spec, facts)?.clone();
    let services = check::services(&deployment, &facts.services);
    let names: Vec<String> = services.iter().map(|(name, _)| name.clone()).collect();
    let carrier = find_carrier(&route, &names)
        .map_err(|source| PlanError::Route { route: spec.route_name().to_owned(), source })?;
    let (service, label) = check::service_of(&route, carrier, &services, &deployment)?;
    let endpoint = facts.endpoint.clone().ok_or_else(|| PlanError::NoEndpoint {
        route: spec.route_name().to_owned(),
        problem: route_problem(&route),
    })?;
    let stable_replicas = check::replicas(&deployment)?;
    let judge = steps::judge_config(&spec)?;
    let (steps, expectation) = steps::plan(&spec, &judge, stable_replicas)?;
    let originals =
        Originals { deployment, service, route, rule: carrier.rule, backend: carrier.backend, label };
    let version = |template: &Value| check::version_of(template, &container);
    let stable_version = version(&originals.deployment["spec"]["template"]);
    let mut plan = Plan {
        api_version: "kubsets.dev/v1alpha1".into(),
        kind: "CanaryPlan".into(),
        run,
        access: facts.access.clone(),
        namespace: facts.namespace.clone(),
        driver: "HTTPRoute".into(),
        container,
        stable_version,
        canary_version: None,
        marked: false,
        endpoint,
        blast_radius: blast_radius(&steps, &expectation, stable_replicas),
        steps,
        expectation,
        judge,
        objects: Vec::new(),
        diff: Vec::new(),
        warnings: check::warnings(&spec, facts, &originals),
        hash: String::new(),
        templates: Vec::new(),
        stable_replicas,
        originals,
        spec,
    };
    plan.canary_version = check::version_of(&plan.new_template(), &plan.container);
    plan.templates = plan.known_templates();
    plan.objects = objects(&plan);
    plan.diff =
        diff::lines(&plan.originals.deployment["spec"]["template"], &plan.new_template(), &plan.container);
    if plan.diff.is_empty() {
        return Err(PlanError::NoChange { deployment: plan.spec.deployment.clone() });
    }
    let same = plan.canary_version == plan.stable_version;
    plan.marked = facts.names_version == Some(false) || plan.canary_version.is_none() || same;
    if plan.marked {
        plan.warnings.push(MARKED.to_owned());
    }
    plan.hash = fingerprint(&plan);
    Ok(plan)
}

/// Whether every step of a canary can pass in its time, which its rate and its judge tell without a cluster.
///
/// # Errors
/// [`PlanError`] of the first that cannot, or of a value of the judge.
pub fn check_steps(spec: &CanarySpec) -> Result<(), PlanError> {
    steps::plan(spec, &steps::judge_config(spec)?, 1).map(|_| ())
}

/// Hash over what decides what is done; the run's name and address discovery are left out.
fn fingerprint(plan: &Plan) -> String {
    let parts = serde_json::json!([
        plan.spec,
        plan.namespace,
        plan.new_template(),
        plan.originals.deployment["spec"],
        plan.originals.route["spec"],
        plan.steps,
        plan.marked,
    ]);
    hash(&parts)
}

/// The objects that a run touches, in order.
fn objects(plan: &Plan) -> Vec<PlannedObject> {
    let names = plan.names();
    let namespace = plan.namespace.as_str();
    let touched = |api_version: &str, kind: &str, name: &str, action| PlannedObject {
        object: ObjectRef::namespaced(api_version, kind, namespace, name),
        action,
    };
    let made = Action::CreateAndRemove;
    let claim = plan.claim();
    let mut objects = vec![
        PlannedObject { object: claim.lease_ref(), action: made },
        PlannedObject { object: claim.journal_ref(), action: made },
    ];
    if plan.spec.watchdog == WatchdogPolicy::Required {
        let (rbac, watchdog) = ("rbac.authorization.k8s.io/v1", claim.watchdog_name());
        objects.extend([
            touched("v1", "ServiceAccount", &watchdog, made),
            touched(rbac, "Role", &watchdog, made),
            touched(rbac, "RoleBinding", &watchdog, made),
            touched("batch/v1", "Job", &watchdog, made),
        ]);
    }
    objects.extend([
        touched("v1", "Service", &names.canary, made),
        touched("apps/v1", "Deployment", &names.canary, made),
        touched(GATEWAY_API, "HTTPRoute", &names.probe, made),
        touched(GATEWAY_API, "HTTPRoute", plan.spec.route_name(), Action::ChangeAndRestore),
        touched("apps/v1", "Deployment", &plan.spec.deployment, Action::ChangeOnPromotion),
    ]);
    objects
}

fn blast_radius(steps: &[StepPlan], expectation: &Expectation, stable_replicas: u32) -> BlastRadius {
    let first = steps.first().map_or(0.0, |step| step.percent.value());
    let extra = steps.iter().map(|step| step.replicas).max().unwrap_or(0);
    let failures = expectation.bad_requests;
    BlastRadius {
        first_step_percent: first,
        expected_failures: failures,
        extra_pods: extra + 1,
        summary: format!(
            "the first step exposes {first} % of the traffic; a version with 5 % errors is expected to cost about \
             {failures:.0} failed requests; up to {} pods beside the {stable_replicas} stable ones",
            extra + 1
        ),
    }
}

/// Image of the watchdog that the run starts in the cluster.
pub fn watchdog_image() -> &'static str {
    WATCHDOG_IMAGE
}

#[cfg(test)]
pub(crate) mod tests;
