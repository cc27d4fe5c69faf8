//! The single checks behind a plan.

use kubsets_kube::nearest;
use serde_json::Value;

use crate::facts::ClusterFacts;
use crate::objects::{distinguishing_label, selects, string_map};
use crate::plan::Originals;
use crate::plan::error::PlanError;
use crate::route::{Carrier, backend_of};
use kubsets_lab::operation::CanarySpec;

/// Variable that names a service's version.
pub(super) const VERSION_VARIABLE: &str = "APP_VERSION";
/// Registry of images that are built here and can be pulled from nowhere.
const OWN_REGISTRY: &str = "registry.kubsets.local/";
/// Managers that would change the Deployment back.
const GITOPS: [(&str, &str); 4] = [
    ("argocd", "Argo CD"),
    ("kustomize-controller", "Flux"),
    ("helm-controller", "Flux"),
    ("fleet", "Fleet"),
];

fn field<T>(field: &'static str, reason: impl Into<String>) -> Result<T, PlanError> {
    Err(PlanError::Field { field, reason: reason.into() })
}

/// Checks what can be checked without a cluster.
pub(super) fn specification(spec: &CanarySpec) -> Result<(), PlanError> {
    if spec.image.is_none() && spec.env.is_empty() {
        return field("image", "nothing to release: pass a new image or environment variables");
    }
    if let Some(image) = &spec.image
        && (image.is_empty() || image.contains(char::is_whitespace))
    {
        return field("image", format!("{image:?} is no image reference"));
    }
    if let Some(name) = spec.env.keys().find(|name| name.is_empty() || name.contains(['=', ' '])) {
        return field("env", format!("{name:?} is no variable name"));
    }
    let weights: Vec<f64> = spec.steps.iter().map(|step| step.value()).collect();
    if weights.is_empty() {
        return field("steps", "at least one step is needed, such as 100%");
    }
    if let Some(wrong) = weights.iter().find(|weight| **weight < 0.1) {
        return field("steps", format!("{wrong}% is too small, shares go from 0.1% to 100%"));
    }
    if !weights.windows(2).all(|pair| pair[0] < pair[1]) {
        return field("steps", "shares must rise from step to step, such as 5%, 25%, 100%");
    }
    if weights.last().is_some_and(|last| *last < 100.0) {
        return field("steps", "the last step must be 100%, otherwise nothing can be promoted");
    }
    if !(spec.load.rate.is_finite() && spec.load.rate >= 1.0) {
        return field("load.rate", format!("{} is no rate of at least 1 request per second", spec.load.rate));
    }
    if !spec.load.path.starts_with('/') {
        return field("load.path", format!("{:?} must begin with /", spec.load.path));
    }
    for (name, span) in [("stepBudget", spec.step_budget), ("load.timeout", spec.load.timeout)] {
        if span.0.is_zero() {
            return field(name, "must be above zero");
        }
    }
    let (rate, seconds) = (spec.load.rate, spec.warm_up.0.as_secs_f64());
    let needed = kubsets_judge::Thresholds::LEAST;
    if spec.judge.latency && rate * seconds < needed as f64 {
        return Err(PlanError::ShortWarmUp { rate, seconds, needed: needed as u64 });
    }
    Ok(())
}

/// The Deployment, which must exist.
pub(super) fn deployment<'a>(spec: &CanarySpec, facts: &'a ClusterFacts) -> Result<&'a Value, PlanError> {
    facts.deployment.as_ref().ok_or_else(|| PlanError::NoDeployment {
        name: spec.deployment.clone(),
        namespace: facts.namespace.clone(),
        nearest: similar(&spec.deployment, &facts.deployments),
    })
}

/// The route, which must exist.
pub(super) fn route<'a>(spec: &CanarySpec, facts: &'a ClusterFacts) -> Result<&'a Value, PlanError> {
    if !facts.has_gateway_api {
        return Err(PlanError::NoGatewayApi);
    }
    facts.route.as_ref().ok_or_else(|| PlanError::NoRoute {
        name: spec.route_name().to_owned(),
        namespace: facts.namespace.clone(),
        nearest: similar(spec.route_name(), &facts.routes),
    })
}

fn similar(name: &str, all: &[String]) -> Vec<String> {
    let near = nearest(name, all.iter().map(String::as_str));
    if near.is_empty() { all.iter().take(8).cloned().collect() } else { near }
}

/// No other canary may run on the Deployment, and no name may be taken.
pub(super) fn nothing_running(spec: &CanarySpec, facts: &ClusterFacts) -> Result<(), PlanError> {
    if let Some(lease) = &facts.lease {
        return Err(PlanError::AlreadyRunning {
            run: lease.run().unwrap_or_else(|| lease.holder()).to_owned(),
            deployment: spec.deployment.clone(),
        });
    }
    match facts.in_the_way.first() {
        None => Ok(()),
        Some(taken) => Err(PlanError::InTheWay { object: taken.object.to_string(), run: taken.run.clone() }),
    }
}

/// The container to change.
pub(super) fn container(spec: &CanarySpec, deployment: &Value) -> Result<String, PlanError> {
    let containers = deployment.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let names: Vec<String> = containers
        .into_iter()
        .flatten()
        .filter_map(|container| container["name"].as_str().map(str::to_owned))
        .collect();
    let wanted = match (&spec.container, names.as_slice()) {
        (Some(name), _) => name.clone(),
        (None, [only]) => return Ok(only.clone()),
        (None, _) => spec.deployment.clone(),
    };
    if names.contains(&wanted) {
        return Ok(wanted);
    }
    Err(PlanError::NoContainer { name: wanted, deployment: spec.deployment.clone(), containers: names })
}

/// An image that can be pulled from nowhere must be on a node: one of our own registry, and any where nodes pull none.
pub(super) fn image(spec: &CanarySpec, facts: &ClusterFacts) -> Result<(), PlanError> {
    let Some(image) = spec.image.as_ref().filter(|image| facts.images.lack(image)) else {
        return Ok(());
    };
    let own = image.starts_with(OWN_REGISTRY);
    if !own && !facts.images.closed {
        return Ok(());
    }
    let repository = |reference: &str| {
        let cut = reference.rfind(':').filter(|cut| !reference[*cut..].contains('/'));
        reference[..cut.unwrap_or(reference.len())].to_owned()
    };
    let same = |known: &&String| repository(known) == repository(image);
    let known = facts.images.names.iter().filter(same).cloned().collect();
    Err(PlanError::UnknownImage { image: image.clone(), own, known })
}

/// Images that are on no node and that nobody can know of before they are pulled.
fn image_warning(spec: &CanarySpec, facts: &ClusterFacts) -> Option<String> {
    let image = spec.image.as_deref().filter(|image| facts.images.lack(image))?;
    Some(format!("no node has image {image} yet; whether it exists shows when the canary's pod pulls it"))
}

/// A new image whose version is not set apart gets its tag as version.
pub(super) fn set_version(spec: &mut CanarySpec) {
    let Some(image) = &spec.image else { return };
    let tag = image.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'));
    if let Some(tag) = tag {
        spec.env.entry(VERSION_VARIABLE.to_owned()).or_insert_with(|| tag.to_owned());
    }
}

/// Version of a template: its variable, else its label.
pub(super) fn version_of(template: &Value, container: &str) -> Option<String> {
    let containers = template.pointer("/spec/containers").and_then(Value::as_array);
    let container = containers.into_iter().flatten().find(|one| one["name"] == container)?;
    let variables = container["env"].as_array();
    let variable = variables.into_iter().flatten().find(|one| one["name"] == VERSION_VARIABLE);
    let label = template.pointer("/metadata/labels/app.kubernetes.io~1version");
    let found = variable.and_then(|one| one.get("value")).or(label);
    found.and_then(Value::as_str).map(str::to_owned)
}

/// Services that select the Deployment's pods.
pub(super) fn services<'a>(deployment: &Value, services: &'a [Value]) -> Vec<(String, &'a Value)> {
    let pods = string_map(deployment, "/spec/template/metadata/labels");
    let selecting = services.iter().filter(|service| selects(&string_map(service, "/spec/selector"), &pods));
    selecting.filter_map(|one| Some((one["metadata"]["name"].as_str()?.to_owned(), one))).collect()
}

/// The Service behind the carrier, and the label that will tell the pods apart.
pub(super) fn service_of(
    route: &Value,
    carrier: Carrier,
    services: &[(String, &Value)],
    deployment: &Value,
) -> Result<(Value, (String, String)), PlanError> {
    let backend = backend_of(route, carrier);
    let name = backend["name"].as_str().unwrap_or_default();
    let missing = || {
        let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
        PlanError::NoCommonLabel(name.to_owned())
    };
    let (_, service) = services.iter().find(|(other, _)| other == name).ok_or_else(missing)?;
    let label = distinguishing_label(deployment, service).ok_or_else(missing)?;
    Ok(((*service).clone(), label))
}

/// Replicas of the stable Deployment, which must all be there.
pub(super) fn replicas(deployment: &Value) -> Result<u32, PlanError> {
    let name = deployment["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let status = kubsets_kube::RolloutStatus::of(deployment);
    let healthy = status.done && status.desired > 0;
    let state = if status.desired == 0 { "it is scaled to 0".to_owned() } else { status.message };
    if !healthy {
        return Err(PlanError::NotHealthy { name, state });
    }
    Ok(u32::try_from(status.desired).unwrap_or(1))
}

/// Network policies that mean the stable pods by the label in which the canary's pods differ.
fn network_warnings(facts: &ClusterFacts, originals: &Originals) -> Vec<String> {
    let (key, value) = &originals.label;
    let names_it = |selector: &Value| string_map(selector, "/matchLabels").get(key) == Some(value);
    let peers = |policy: &Value, direction: &str, side: &str| {
        let rules = policy.pointer(direction).and_then(Value::as_array).cloned().unwrap_or_default();
        let peers = rules.iter().filter_map(|rule| rule[side].as_array()).flatten();
        peers.into_iter().any(|peer| names_it(&peer["podSelector"]))
    };
    let hits = facts.network_policies.iter().filter(|policy| {
        names_it(&policy["spec"]["podSelector"])
            || peers(policy, "/spec/ingress", "from")
            || peers(policy, "/spec/egress", "to")
    });
    let names: Vec<&str> = hits.filter_map(|policy| policy["metadata"]["name"].as_str()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "network policies name the stable pods by {key}={value} and not the canary's ({value}-canary): {}; where \
         policies are enforced the canary may be cut off",
        names.join(", ")
    )]
}

/// What a user should know before starting.
pub(super) fn warnings(spec: &CanarySpec, facts: &ClusterFacts, originals: &Originals) -> Vec<String> {
    let deployment = &originals.deployment;
    let mut warnings = network_warnings(facts, originals);
    warnings.extend(image_warning(spec, facts));
    for autoscaler in &facts.autoscalers {
        let target = autoscaler.pointer("/spec/scaleTargetRef");
        let hits = target.is_some_and(|target| {
            target["kind"] == "Deployment" && target["name"] == spec.deployment.as_str()
        });
        if hits {
            let name = autoscaler["metadata"]["name"].as_str().unwrap_or_default();
            warnings.push(format!(
                "HorizontalPodAutoscaler {name} scales the stable Deployment; it does not see the canary's load"
            ));
        }
    }
    let managers = deployment.pointer("/metadata/managedFields").and_then(Value::as_array);
    let managers = managers.into_iter().flatten().filter_map(|entry| entry["manager"].as_str());
    let mut owners: Vec<&str> = managers
        .filter_map(|manager| GITOPS.iter().find(|(part, _)| manager.contains(part)).map(|(_, name)| *name))
        .collect();
    owners.sort_unstable();
    owners.dedup();
    for owner in owners {
        warnings.push(format!(
            "{owner} manages the Deployment and may revert a promotion: change the version in its source too"
        ));
    }
    if spec.watchdog == kubsets_lab::operation::WatchdogPolicy::Off {
        warnings.push(
            "without the watchdog nothing restores the stable version when this process is killed".to_owned(),
        );
    }
    warnings
}
