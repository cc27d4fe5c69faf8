//! Plans from made-up facts.

use super::*;
use crate::facts::InTheWay;
use crate::objects::test_objects::{stable_deployment, stable_route, stable_service};
use kubsets_kube::{Hint, NodeImages};
use kubsets_lab::units::Percent;
use serde_json::json;

pub(crate) fn facts() -> ClusterFacts {
    ClusterFacts {
        namespace: "shop".into(),
        deployment: Some(stable_deployment()),
        deployments: vec!["demo-app".into(), "worker".into()],
        has_gateway_api: true,
        route: Some(stable_route()),
        routes: vec!["demo-app".into()],
        services: vec![stable_service()],
        endpoint: Some(Endpoint { url: "http://127.0.0.1:30080".into(), source: "test".into(), host: None }),
        ..ClusterFacts::default()
    }
}

pub(crate) fn plan_for(spec: CanarySpec) -> Result<Plan, PlanError> {
    build(spec, &facts(), "261120-120000-abcd".parse().expect("a valid id"))
}

fn spec() -> CanarySpec {
    let mut spec = CanarySpec::new("demo-app");
    spec.env.insert("APP_VERSION".into(), "0.2.0".into());
    spec
}

fn refused(spec: CanarySpec, change: impl FnOnce(&mut ClusterFacts)) -> PlanError {
    let mut facts = facts();
    change(&mut facts);
    build(spec, &facts, RunId::generate()).expect_err("must be refused")
}

#[test]
fn plan_says_what_happens_and_how_long_it_takes() {
    let plan = plan_for(spec()).unwrap();
    assert_eq!(plan.steps.len(), 5);
    assert_eq!(plan.steps[0].replicas, 1);
    assert_eq!(plan.steps[4].replicas, 2);
    assert!((355..365).contains(&plan.steps[0].requests_to_pass), "{:?}", plan.steps[0]);
    assert!((plan.steps[1].canary_rate - 10.0).abs() < 1e-9);
    assert_eq!(plan.stable_version.as_deref(), Some("0.1.0"));
    assert_eq!(plan.canary_version.as_deref(), Some("0.2.0"));
    let diff: Vec<_> = plan.diff.iter().map(|line| line.path.as_str()).collect();
    assert_eq!(diff, ["containers[demo-app].env.APP_VERSION", "metadata.labels.app.kubernetes.io/version"]);
    let kinds: Vec<_> = plan.objects.iter().map(|one| one.object.kind.as_str()).collect();
    assert_eq!(kinds.last(), Some(&"Deployment"));
    assert!(kinds.contains(&"Job") && kinds.contains(&"Lease"));
    assert!(plan.expectation.detect_seconds.unwrap() < 60.0);
    assert!(plan.expectation.shortest_seconds < plan.expectation.longest_seconds);
    assert_eq!(plan.hash.len(), 64);
}

#[test]
fn same_inputs_make_the_same_plan_and_others_do_not() {
    let one = plan_for(spec()).unwrap();
    let two = build(spec(), &facts(), RunId::generate()).unwrap();
    assert_eq!(one.hash, two.hash);
    let mut other = spec();
    other.env.insert("EXTRA".into(), "1".into());
    assert_ne!(plan_for(other).unwrap().hash, one.hash);
    let text = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), one);
}

#[test]
fn a_template_is_the_same_whatever_else_of_its_deployment_changes() {
    let plan = plan_for(spec()).unwrap();
    let mut deployment = stable_deployment();
    deployment["metadata"]["resourceVersion"] = json!("8");
    deployment["spec"]["replicas"] = json!(5);
    deployment["status"]["readyReplicas"] = json!(5);
    assert!(plan.has_template(&deployment));
    deployment["spec"]["template"]["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/restartedAt": "now"});
    assert!(!plan.has_template(&deployment) && !plan.has_template(&Value::Null));
}

#[test]
fn a_rate_too_low_for_a_verdict_is_refused_with_numbers() {
    let at = |rate| {
        let mut spec = spec();
        spec.load.rate = rate;
        plan_for(spec)
    };
    let error = at(20.0).unwrap_err();
    assert!(error.to_string().ends_with("s at 20 requests per second"), "{error}");
    assert!(!error.is_cluster_error());
    let PlanError::TooSlow { enough, .. } = &error else { panic!("{error}") };
    assert!(error.hint().unwrap().contains(&format!("--rate to {enough} ")));
    // The hint is enough, and not by far.
    at(*enough).unwrap();
    at(enough - 1.0).unwrap_err();
}

#[test]
fn a_warm_up_without_enough_requests_is_refused_with_what_is_enough() {
    let short = |rate, seconds| {
        let mut spec = spec();
        spec.load.rate = rate;
        spec.warm_up = kubsets_lab::units::Span::seconds(seconds);
        super::check::specification(&spec)
    };
    let error = short(7.0, 5).unwrap_err();
    assert!(error.to_string().contains("give 35 requests, but 100"), "{error}");
    assert_eq!(error.hint().unwrap(), "raise --rate to 20 or --warm-up to 15s");
    assert!(short(20.0, 5).is_ok() && short(7.0, 15).is_ok());
    assert_eq!(short(50.0, 0).unwrap_err().hint().unwrap(), "give --warm-up 2s");
}

#[test]
fn bad_fields_are_refused_before_anything_is_read() {
    let percent = |value| Percent::new(value).unwrap();
    let mut cases: Vec<(CanarySpec, &str)> = Vec::new();
    let mut with = |change: fn(&mut CanarySpec), part| {
        let mut spec = spec();
        change(&mut spec);
        cases.push((spec, part));
    };
    with(|spec| spec.env.clear(), "nothing to release");
    with(|spec| spec.steps.clear(), "at least one step");
    with(|spec| spec.load.rate = 0.5, "is no rate");
    with(|spec| spec.load.path = "api".into(), "must begin with /");
    with(|spec| spec.image = Some("a b".into()), "no image reference");
    with(|spec| spec.warm_up = kubsets_lab::units::Span::seconds(0), "needed to know");
    cases.push((
        CanarySpec { steps: vec![percent(50.0), percent(10.0), percent(100.0)], ..spec() },
        "must rise",
    ));
    cases.push((CanarySpec { steps: vec![percent(10.0)], ..spec() }, "last step must be 100%"));
    cases.push((CanarySpec { steps: vec![percent(0.0), percent(100.0)], ..spec() }, "too small"));
    for (spec, part) in cases {
        let error = plan_for(spec).unwrap_err();
        assert!(error.to_string().contains(part), "{error} should contain {part}");
    }
}

#[test]
fn missing_things_are_named_with_what_there_is() {
    let mut misspelt = spec();
    misspelt.deployment = "demo-ap".into();
    let error = refused(misspelt, |facts| facts.deployment = None);
    assert_eq!(error.to_string(), "no Deployment \"demo-ap\" in namespace shop");
    assert_eq!(error.hint().unwrap(), "there are: demo-app");
    let error = refused(spec(), |facts| facts.has_gateway_api = false);
    assert!(error.is_cluster_error() && error.hint().unwrap().contains("kubectl kubsets up"));
    let error = refused(spec(), |facts| facts.route = None);
    assert!(matches!(error, PlanError::NoRoute { .. }));
    let error = refused(spec(), |facts| facts.endpoint = None);
    assert!(error.hint().unwrap().contains("--url"));
    let error = refused(CanarySpec { container: Some("app".into()), ..spec() }, |_| {});
    assert_eq!(error.hint().unwrap(), "there are: demo-app");
    let mut image = spec();
    image.image = Some("registry.kubsets.local/kubsets/demo-app:9".into());
    let error = refused(image, |facts| {
        let names = vec!["registry.kubsets.local/kubsets/demo-app:0.1.0".into()];
        facts.images = NodeImages { names, complete: true, closed: false };
    });
    assert_eq!(error.hint().unwrap(), "there are: registry.kubsets.local/kubsets/demo-app:0.1.0");
}

#[test]
fn no_change_and_second_canaries_are_refused() {
    let mut same = spec();
    same.env.insert("APP_VERSION".into(), "0.1.0".into());
    assert!(matches!(plan_for(same).unwrap_err(), PlanError::NoChange { .. }));
    let lease = json!({"metadata": {"labels": {"kubsets.dev/run": "261120-110000-aaaa"}}});
    let error = refused(spec(), |facts| facts.lease = Some(lease.into()));
    assert_eq!(error.to_string(), "canary 261120-110000-aaaa is running on Deployment demo-app");
    let object = ObjectRef::namespaced("apps/v1", "Deployment", "shop", "demo-app-canary");
    let left = InTheWay { object, run: Some("261120-110000-aaaa".into()) };
    let error = refused(spec(), |facts| facts.in_the_way = vec![left]);
    assert!(error.hint().unwrap().contains("canary undo 261120-110000-aaaa"));
}

#[test]
fn unhealthy_stable_is_refused() {
    let error = refused(spec(), |facts| {
        facts.deployment.as_mut().unwrap()["status"]["availableReplicas"] = json!(1);
    });
    assert!(error.to_string().contains("1 of 2 replicas available"), "{error}");
}

#[test]
fn answers_are_marked_where_they_do_not_tell_the_versions_apart() {
    let planned = |names_version, spec: CanarySpec| {
        let facts = ClusterFacts { names_version, ..facts() };
        build(spec, &facts, RunId::generate()).unwrap()
    };
    assert!(!planned(Some(true), spec()).marked && !planned(None, spec()).marked);
    let plain = planned(Some(false), spec());
    assert!(plain.marked && plain.warnings[0].contains("x-kubsets-side"), "{:?}", plain.warnings);
    assert_ne!(plain.hash, planned(Some(true), spec()).hash);
    let mut same = CanarySpec::new("demo-app");
    same.env.insert("FEATURE".into(), "on".into());
    assert!(planned(Some(true), same).marked);
}

#[test]
fn owners_that_would_interfere_are_warned_of() {
    let mut facts = facts();
    facts.autoscalers = vec![json!({"metadata": {"name": "hpa"}, "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "demo-app"}}})];
    facts.deployment.as_mut().unwrap()["metadata"]["managedFields"] =
        json!([{"manager": "argocd-controller"}, {"manager": "kubectl"}]);
    let plan = build(spec(), &facts, RunId::generate()).unwrap();
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
    assert!(plan.warnings[0].contains("HorizontalPodAutoscaler hpa"));
    assert!(plan.warnings[1].contains("Argo CD"));
}

#[test]
fn network_policies_that_miss_the_canary_are_warned_of() {
    let name = json!({"matchLabels": {"app.kubernetes.io/name": "demo-app"}});
    let mut facts = facts();
    facts.network_policies = vec![
        json!({"metadata": {"name": "api"}, "spec": {"podSelector": name}}),
        json!({"metadata": {"name": "database"}, "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "postgres"}},
            "ingress": [{"from": [{"podSelector": name}]}]}}),
        json!({"metadata": {"name": "all"}, "spec": {"podSelector": {}}}),
    ];
    let plan = build(spec(), &facts, RunId::generate()).unwrap();
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    assert!(plan.warnings[0].contains(": api, database;"), "{:?}", plan.warnings);
}

#[test]
fn images_that_no_node_has_are_warned_of_or_refused_where_none_is_pulled() {
    let planned = |image: &str, closed| {
        let mut spec = CanarySpec::new("demo-app");
        spec.image = Some(image.into());
        let names = vec!["docker.io/library/nginx:1".into(), "ghcr.io/a/b:2".into()];
        let facts = ClusterFacts { images: NodeImages { names, complete: true, closed }, ..facts() };
        build(spec, &facts, RunId::generate()).map(|plan| plan.warnings)
    };
    let warnings = planned("ghcr.io/a/b:3", false).unwrap();
    assert!(warnings[0].starts_with("no node has image ghcr.io/a/b:3 yet"), "{warnings:?}");
    let error = planned("ghcr.io/a/b:3", true).unwrap_err();
    assert_eq!(error.to_string(), "no node has image ghcr.io/a/b:3");
    assert!(!error.is_cluster_error() && error.hint().unwrap().contains("cluster load-image FILE"));
    for (image, closed) in [("ghcr.io/a/b:2", false), ("nginx:1", false), ("ghcr.io/a/b:2", true)] {
        assert_eq!(planned(image, closed).unwrap(), [""; 0], "{image}");
    }
}

#[test]
fn a_new_tag_becomes_the_new_version() {
    let mut spec = CanarySpec::new("demo-app");
    spec.image = Some("registry.kubsets.local/kubsets/demo-app:0.3.0".into());
    let plan = plan_for(spec).unwrap();
    assert_eq!(plan.canary_version.as_deref(), Some("0.3.0"));
}
