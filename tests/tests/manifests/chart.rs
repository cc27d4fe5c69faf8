//! The chart renders what Kustomize renders.

use std::path::Path;

use anyhow::Result;

use crate::{compare, render};

#[test]
fn chart_and_overlays_give_the_same_objects() -> Result<()> {
    let pairs: [(&str, &[&str]); 3] = [
        ("dev", &[]),
        ("staging", &["--values", "values-staging.yaml"]),
        ("production", &["--values", "values-production.yaml"]),
    ];
    for (overlay, arguments) in pairs {
        let kustomize = render::kustomize(&Path::new("k8s/overlays").join(overlay))?;
        let helm = render::helm(arguments)?;
        assert_eq!(compare::objects(&kustomize, &helm), [""; 0], "{overlay}");
    }
    Ok(())
}

#[test]
fn values_reach_the_objects() -> Result<()> {
    let objects = render::helm(&[
        "--set=image.tag=9.9.9,image.registry=registry.example,image.pullSecrets[0].name=key",
        "--set=demoApp.replicas=5,gateway.enabled=false,postgres.volume.storageClassName=fast",
        "--set-string=demoApp.env.KUBSETS_FAULT_ERROR_RATE=5%,demoApp.env.APP_VERSION=bad,config.RUST_LOG=debug",
    ])?;
    let api = &objects["Deployment kubsets-demo/demo-app"];
    let pod = &api["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    assert_eq!(api["spec"]["replicas"], 5);
    assert_eq!(container["image"], "registry.example/kubsets/demo-app:9.9.9");
    assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/version"], "9.9.9");
    assert_eq!(pod["spec"]["imagePullSecrets"][0]["name"], "key");
    let variables = container["env"].as_array().unwrap();
    let of = |name: &str| {
        variables.iter().filter(|v| v["name"] == name).map(|v| v["value"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("KUBSETS_FAULT_ERROR_RATE"), ["5%"]);
    assert_eq!(of("APP_VERSION"), ["bad"]);

    let worker = &objects["Deployment kubsets-demo/worker"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(worker["env"][0], serde_json::json!({"name": "APP_VERSION", "value": "9.9.9"}));
    let postgres = &objects["StatefulSet kubsets-demo/postgres"]["spec"];
    assert_eq!(postgres["volumeClaimTemplates"][0]["spec"]["storageClassName"], "fast");
    assert_eq!(postgres["template"]["spec"]["containers"][0]["image"], "registry.example/postgres:15");
    assert_eq!(postgres["template"]["metadata"]["labels"]["app.kubernetes.io/version"], "15");
    assert_eq!(objects["ConfigMap kubsets-demo/kubsets"]["data"]["RUST_LOG"], "debug");
    assert_eq!(objects["ConfigMap kubsets-demo/kubsets"]["data"]["KAFKA_BROKERS"], "kafka:9092");
    assert!(!objects.keys().any(|key| key.starts_with("Gateway") || key.starts_with("HTTPRoute")));
    Ok(())
}

#[test]
fn a_value_that_nobody_reads_is_refused() {
    for bad in [
        "demoApp.replica=3",
        "image.pullPolicy=Sometimes",
        "worker.replicas=-1",
        "worker.replicas=two",
        "postgres.volume.size=big",
        "heartbeat.schedule=often",
    ] {
        let error = render::helm(&["--set", bad]).expect_err(bad);
        assert!(format!("{error:#}").contains("schema"), "{bad}: {error:#}");
    }
}

#[test]
fn chart_and_workspace_have_one_version() -> Result<()> {
    let chart = render::text(Path::new("helm/kubsets/Chart.yaml"))?;
    let version = env!("CARGO_PKG_VERSION");
    for line in [format!("version: {version}"), format!("appVersion: {version}")] {
        assert!(chart.lines().any(|candidate| candidate == line), "{line}");
    }
    Ok(())
}
