//! The demo stack: k8s/base and its overlays.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::render::{self, Objects};
use crate::{rules, typed};

const OVERLAYS: [&str; 3] = ["dev", "staging", "production"];

fn overlay(name: &str) -> Result<Objects> {
    render::kustomize(&Path::new("k8s/overlays").join(name))
}

#[test]
fn every_field_is_known_to_the_api() -> Result<()> {
    for name in OVERLAYS {
        assert_eq!(typed::unknown_parts(&overlay(name)?)?, [""; 0], "{name}");
    }
    Ok(())
}

#[test]
fn every_pod_keeps_the_rules() -> Result<()> {
    for name in OVERLAYS {
        let objects = overlay(name)?;
        let checks = [rules::labels, rules::selectors, rules::restricted, rules::resources, rules::probes];
        let offences: Vec<String> = checks.iter().flat_map(|check| check(&objects)).collect();
        assert_eq!(offences, [""; 0], "{name}");
    }
    Ok(())
}

#[test]
fn the_base_is_complete_without_kustomize() -> Result<()> {
    let rendered = render::kustomize(Path::new("k8s/base"))?;
    let mut plain = Objects::new();
    for entry in std::fs::read_dir(render::root().join("k8s/base"))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != "kustomization.yaml") {
            plain.extend(render::file(&path)?);
        }
    }
    assert_eq!(crate::compare::objects(&plain, &rendered), [""; 0]);
    Ok(())
}

#[test]
fn our_services_carry_the_version_of_the_workspace() -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    for (key, object) in overlay("production")? {
        let Some(template) = rules::template(&object) else { continue };
        for container in rules::containers(template) {
            let image = container["image"].as_str().context("an image")?;
            if !image.contains("/kubsets/") {
                continue;
            }
            assert!(image.ends_with(&format!(":{version}")), "{key}: {image}");
            assert_eq!(env(container, "APP_VERSION"), Some(version), "{key}");
            for place in [&object, template] {
                assert_eq!(place["metadata"]["labels"]["app.kubernetes.io/version"], version, "{key}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_leaving_pod_has_time_to_drain() -> Result<()> {
    for name in OVERLAYS {
        let objects = overlay(name)?;
        let drain = objects["ConfigMap kubsets-demo/kubsets"]["data"]["DRAIN_DELAY"]
            .as_str()
            .context("DRAIN_DELAY")?;
        let drain: i64 = drain.strip_suffix('s').context("seconds")?.parse()?;
        for workload in ["demo-app", "worker"] {
            let pod = &objects[&format!("Deployment kubsets-demo/{workload}")]["spec"]["template"]["spec"];
            let grace = pod["terminationGracePeriodSeconds"].as_i64().context("a grace period")?;
            // 15 s: DRAIN_TIMEOUT, the time that requests in flight have after the delay.
            assert!(grace >= drain + 15 + 5, "{name} {workload}: {grace} s of grace, {drain} s of drain");
        }
    }
    Ok(())
}

#[test]
fn the_budget_leaves_room_for_an_eviction() -> Result<()> {
    for name in OVERLAYS {
        let objects = overlay(name)?;
        let replicas = objects["Deployment kubsets-demo/demo-app"]["spec"]["replicas"].as_i64();
        let available = objects["PodDisruptionBudget kubsets-demo/demo-app"]["spec"]["minAvailable"].as_i64();
        assert!(available < replicas, "{name}: {available:?} of {replicas:?}");
    }
    Ok(())
}

#[test]
fn a_cluster_without_the_gateway_api_can_take_the_base() -> Result<()> {
    let foreign =
        |object: &Value| object["apiVersion"].as_str().is_some_and(|version| version.contains("gateway"));
    let base = render::kustomize(Path::new("k8s/base"))?;
    assert!(!base.values().any(foreign));
    assert_eq!(overlay("dev")?.values().filter(|object| foreign(object)).count(), 2);
    Ok(())
}

fn env<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    let variables = container["env"].as_array()?;
    variables.iter().find(|variable| variable["name"] == name)?["value"].as_str()
}
