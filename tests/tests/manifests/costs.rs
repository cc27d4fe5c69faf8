//! What components say that they request, against the manifests of their pods.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::render;

const PLATFORM: &str = "kubectl-kubsets/platform";

/// Thousandths of a core, and mebibytes.
type Cost = (u64, u64);

fn cost(requests: &Value) -> Result<Cost> {
    let number = |name: &str, unit: &str| -> Result<u64> {
        let text = requests[name].as_str().with_context(|| format!("no {name} in {requests}"))?;
        Ok(text.strip_suffix(unit).with_context(|| format!("{name}: {text}"))?.parse()?)
    };
    Ok((number("cpu", "m")?, number("memory", "Mi")?))
}

/// What a pod requests: the sum of its containers, or of the one that needs more before they start.
fn pod(spec: &Value) -> Result<Cost> {
    let costs = |name: &str| -> Result<Vec<Cost>> {
        let containers = spec[name].as_array().into_iter().flatten();
        containers.map(|container| cost(&container["resources"]["requests"])).collect()
    };
    let all = costs("containers")?.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Ok(costs("initContainers")?.into_iter().fold(all, |most, one| (most.0.max(one.0), most.1.max(one.1))))
}

/// The sum over the workloads in the files of a folder, as far as their names are wanted.
fn folder(path: &str, wanted: impl Fn(&str) -> bool) -> Result<Cost> {
    let mut sum = (0, 0);
    for entry in std::fs::read_dir(render::root().join(path))? {
        let file = entry?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if ["component.yaml", "kustomization.yaml"].contains(&name) {
            continue;
        }
        for object in render::file(&file)?.values() {
            if !wanted(object["metadata"]["name"].as_str().unwrap_or_default()) {
                continue;
            }
            let spec = match object["kind"].as_str() {
                Some("Deployment" | "StatefulSet" | "DaemonSet" | "Job") => &object["spec"],
                Some("CronJob") => &object["spec"]["jobTemplate"]["spec"],
                _ => continue,
            };
            let (one, replicas) =
                (pod(&spec["template"]["spec"])?, object["spec"]["replicas"].as_u64().unwrap_or(1));
            sum = (sum.0 + one.0 * replicas, sum.1 + one.1 * replicas);
        }
    }
    Ok(sum)
}

fn said(component: &str) -> Result<Cost> {
    let text = render::text(&Path::new(PLATFORM).join(component).join("component.yaml"))?;
    let file: Value = serde_saphyr::from_str(&text)?;
    cost(&file["spec"]["requests"]).with_context(|| component.to_owned())
}

#[test]
fn the_stack_requests_what_its_pods_do() -> Result<()> {
    let others = ["postgres", "kafka"];
    for component in others {
        assert_eq!(said(component)?, folder("k8s/base", |name| name == component)?, "{component}");
    }
    assert_eq!(said("demo-stack")?, folder("k8s/base", |name| !others.contains(&name))?);
    Ok(())
}

#[test]
fn components_with_manifests_request_what_their_pods_do() -> Result<()> {
    for component in ["coredns", "local-path-provisioner", "prometheus"] {
        assert_eq!(said(component)?, folder(&format!("{PLATFORM}/{component}"), |_| true)?, "{component}");
    }
    Ok(())
}
