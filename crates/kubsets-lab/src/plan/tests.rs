use super::*;
use crate::secret::HIDDEN;

const LAB: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: x, family: demo, level: 1, minutes: 2}
spec:
  question: Does it work?
  params:
    rate: {type: number, default: 100, about: Requests per second}
    replicas: {type: number, default: 3, about: Replicas}
  steadyState:
    - name: it answers
      http: {path: /}
      timeout: 10s
  steps:
    - name: objects
      apply: {file: manifests/all.yaml}
    - name: traffic
      load: {path: /, rate: ${rate}, for: 5m, background: true}
    - name: more
      scale: {object: {kind: Deployment, name: web}, replicas: ${replicas}}
    - name: less
      delete: {pods: app=web, count: 1}
    - name: again
      apply: {file: manifests/all.yaml}
    - name: stop
      pause: {message: Look}
    - name: report
      as: report
      wait: {finished: traffic}
  expect:
    - name: all are answered
      that: report.failed == 0
";

fn source() -> LabSource {
    let file = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {rate: \"r${rate}\"}\n\
                ---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
    LabSource {
        folder: "demo/x".into(),
        lab_yaml: LAB.into(),
        files: [("manifests/all.yaml".to_owned(), file.to_owned())].into(),
    }
}

#[test]
fn a_load_that_changes_its_rate_sends_the_area_below_it() {
    let planned = |rate: &str| {
        let lab_yaml = LAB.replace("rate: ${rate}", &format!("rate: \"{rate}\""));
        Plan::new(&LabSource { lab_yaml, ..source() }, &Values::new()).unwrap()
    };
    assert_eq!(planned("0..100/1m").requests, 50 * 60 + 100 * 240);
    assert_eq!(planned("100^1000@30s/10s").requests, 100 * 290 + 1000 * 10);
    assert_eq!(planned("poisson:${rate}").requests, 100 * 300);
    let ramp = planned("0..100/1m");
    let read: Plan = serde_json::from_str(&serde_json::to_string(&ramp).unwrap()).unwrap();
    assert_eq!((read.hash.as_str(), read.fingerprint()), (ramp.hash.as_str(), ramp.hash.clone()));
}

#[test]
fn files_are_rendered_and_changes_are_listed() {
    let plan = Plan::new(&source(), &Values::from([("rate".into(), "50".into())])).unwrap();
    let Operation::Apply(apply) = &plan.steps[0].operation else { panic!("{:?}", plan.steps[0]) };
    assert_eq!((apply.file.as_deref(), apply.objects.len()), (None, 2));
    assert_eq!(apply.objects[0]["data"]["rate"], "r50");
    let changes: Vec<String> = plan
        .blast_radius
        .changes
        .iter()
        .map(|change| format!("{:?} {}", change.verb, change.target))
        .collect();
    assert_eq!(
        changes,
        [
            "CreateOrChange ConfigMap/web",
            "CreateOrChange Service/web",
            "Change Deployment/web",
            "Recreate 1 of pods app=web",
            "Change ConfigMap/web",
            "Change Service/web"
        ]
    );
    assert_eq!(
        plan.blast_radius.summary,
        "creates or changes ConfigMap/web and Service/web, changes Deployment/web and ConfigMap/web and Service/web, \
         recreates 1 of pods app=web"
    );
    assert_eq!(plan.requests, 50 * 300);
    assert_eq!(plan.bound, serde_json::json!({"rate": 50, "replicas": 3}));
    assert_eq!(plan.params["rate"], "50");
}

#[test]
fn a_wait_for_a_load_has_the_time_of_that_load() {
    let plan = Plan::new(&source(), &Values::new()).unwrap();
    let seconds = |name: &str| {
        let step = plan.steps.iter().find(|step| step.name == name).unwrap();
        step.timeout.0.as_secs()
    };
    assert_eq!((seconds("traffic"), seconds("report"), seconds("objects")), (15, 320, 120));
    // 2 x 10 for the steady state; the pause does not count.
    assert!((plan.longest_seconds - f64::from(20 + 120 + 15 + 120 + 90 + 120 + 320)).abs() < 1e-9);
    assert!((plan.usual_seconds - 120.0).abs() < 1e-9);
}

#[test]
fn equal_inputs_give_equal_hashes_and_others_do_not() {
    let plan = Plan::new(&source(), &Values::new()).unwrap();
    assert_eq!(plan, Plan::new(&source(), &Values::new()).unwrap());
    assert_eq!((plan.hash.len(), &plan.hash), (64, &plan.fingerprint()));
    let other = Plan::new(&source(), &Values::from([("replicas".into(), "4".into())])).unwrap();
    assert_ne!(plan.hash, other.hash);
    let json = serde_json::to_string(&plan).unwrap();
    let back: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!((&back, &back.fingerprint()), (&plan, &plan.hash));
}

#[test]
fn a_missing_file_is_named() {
    let error = Plan::new(&LabSource { files: BTreeMap::new(), ..source() }, &Values::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "step \"objects\" names the file \"manifests/all.yaml\", which is not in the lab's folder"
    );
    let mut broken = source();
    broken.files.insert("manifests/all.yaml".into(), "a: [\n".into());
    let error = Plan::new(&broken, &Values::new()).unwrap_err().to_string();
    assert!(error.starts_with("manifests/all.yaml: line "), "{error}");
}

#[test]
fn a_canary_knows_its_lab() {
    let (head, _) = LAB.split_once("  steps:").unwrap();
    let lab_yaml = format!(
        "{head}  steps:\n    - name: release\n      canary: {{deployment: demo-app}}\n  expect: []\n"
    );
    let plan = Plan::new(&LabSource { lab_yaml, ..source() }, &Values::new()).unwrap();
    let Operation::Canary(canary) = &plan.steps[0].operation else { panic!("{:?}", plan.steps[0]) };
    assert_eq!(canary.lab.as_deref(), Some("demo.x"));
    // Warm-up of 15 s, five steps of 122 s, 5 s of drain, 5 minutes for pods.
    assert_eq!(plan.steps[0].timeout, Span::seconds(15 + 610 + 5 + 300));
    assert_eq!(plan.blast_radius.changes.len(), 4);
}

#[test]
fn a_thousand_steps_are_planned() {
    let (head, _) = LAB.split_once("    - name: objects").unwrap();
    let step = |step: usize| {
        format!(
            "    - name: step-{step}\n      patch: {{object: {{kind: ConfigMap, name: c{step}}}, \
             merge: {{data: {{rate: '${{rate}}'}}}}}}\n"
        )
    };
    let mut text = head.to_owned();
    text.extend((0..1000).map(step));
    text += "  expect: []\n";
    let plan = Plan::new(&LabSource { lab_yaml: text, ..source() }, &Values::new()).unwrap();
    assert_eq!((plan.steps.len(), plan.blast_radius.changes.len()), (1000, 1000));
    assert_eq!(plan.blast_radius.summary, "changes 1000 objects");
}

fn canary(deployment: &str, rate: f64) -> CanarySpec {
    let mut canary = CanarySpec::new(deployment);
    canary.env.insert("APP_VERSION".into(), "2 ${not} a parameter".into());
    canary.load.rate = rate;
    canary
}

#[test]
fn flags_change_the_canary_of_a_lab_and_all_that_follows_from_it() {
    let text = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: good, family: canary, level: 1, minutes: 2}
spec:
  question: Does it get everything?
  requires: [{deployment: web}, {deployment: db}]
  steps:
    - {name: out, as: out, canary: {deployment: web, env: {A: b}, load: {rate: 100}}}
  expect: [{name: promoted, that: out.verdict == 'promoted'}]
";
    let source = LabSource { lab_yaml: text.into(), ..LabSource::default() };
    let plan = Plan::new(&source, &Values::new()).unwrap();
    let changed = plan.clone().with_canary(canary("api", 200.0)).unwrap();
    assert_eq!(
        changed.requires,
        [Requirement::Deployment("api".into()), Requirement::Deployment("db".into())]
    );
    assert_eq!(changed.steps[0].bind.as_deref(), Some("out"));
    assert_eq!(changed.steps[0].operation, Operation::Canary(Box::new(canary("api", 200.0))));
    assert_eq!(changed.requests, plan.requests * 2);
    assert_eq!(changed.hash, changed.fingerprint());
    assert_ne!(changed.hash, plan.hash);
    assert!(Plan::new(&self::source(), &Values::new()).unwrap().with_canary(canary("api", 1.0)).is_none());
}

#[test]
fn a_canary_needs_no_lab() {
    let plan = Plan::of_canary(canary("api", 100.0));
    assert_eq!((plan.lab.as_str(), plan.steps.len()), ("canary/release", 1));
    assert_eq!(plan.steps[0].operation, Operation::Canary(Box::new(canary("api", 100.0))));
    assert!(plan.longest_seconds > 0.0 && plan.requests > 0, "{plan:?}");
    let outcome = serde_json::json!({"verdict": "promoted"});
    let scope = crate::Scope { outer: &plan.bindings(), name: "release", value: &outcome };
    assert!(plan.expect[0].check(&scope).unwrap().held);
    assert_eq!(plan.hash, plan.fingerprint());
}

#[test]
fn a_parameter_in_a_header_that_authenticates_is_secret() {
    let lab_yaml = LAB
        .replace("  steadyState:", "    token: {type: text, default: none, about: T}\n  steadyState:")
        .replace(
            "http: {path: /}",
            "http: {path: /, headers: {Authorization: \"Bearer ${token}\", accept: \"r${rate}\"}}",
        );
    let given = [("token".to_owned(), "of-a-secret".to_owned()), ("rate".to_owned(), "7".to_owned())].into();
    let plan = Plan::new(&LabSource { lab_yaml, ..source() }, &given).unwrap();
    assert_eq!(plan.secret_names().into_iter().collect::<Vec<_>>(), ["token"]);
    let repeat = "kubectl kubsets lab run demo/x --set rate=7 --set token=VALUE";
    assert_eq!(plan.repeat_command(), repeat);
    let shown = plan.without_secrets();
    for value in [&shown.params["token"], &shown.given["token"], shown.bound["token"].as_str().unwrap()] {
        assert_eq!(value, HIDDEN);
    }
    assert_eq!((shown.params["rate"].as_str(), &shown.bound["rate"]), ("7", &serde_json::json!(7)));
    // A plan from a record, whose header is hidden too, still knows.
    let mut read = shown;
    let Operation::Http(http) = &mut read.steady_state[0].operation else {
        panic!("{:?}", read.steady_state)
    };
    http.headers.insert("Authorization".into(), HIDDEN.into());
    assert_eq!(read.repeat_command(), repeat);
}

#[test]
fn a_declared_secret_and_variables_that_look_secret_are_known_by_their_values() {
    let lab_yaml = LAB
        .replace(
            "  steadyState:",
            "    token: {type: text, default: change-me, about: T, secret: true}\n  steadyState:",
        )
        .replace("http: {path: /}", "http: {path: \"/?t=${token}\"}");
    let given = [("token".to_owned(), "s3cret-of-mine".to_owned())].into();
    let plan = Plan::new(&LabSource { lab_yaml, ..source() }, &given).unwrap();
    assert_eq!(plan.secret_names().into_iter().collect::<Vec<_>>(), ["token"]);
    assert_eq!(plan.secrets(), crate::Secrets::new(["s3cret-of-mine"]));
    assert_eq!(plan.repeat_command(), "kubectl kubsets lab run demo/x --set token=VALUE");
    let mut spec = canary("api", 100.0);
    for (name, value) in
        [("API_TOKEN", "t0ken-of-mine"), ("DB_PASS", "short"), ("APP_VERSION", "0.2.0-release")]
    {
        spec.env.insert(name.into(), value.into());
    }
    let plan = Plan::of_canary(spec);
    assert!(plan.secrets().is_empty());
    assert_eq!(plan.untold(), crate::Secrets::new(["t0ken-of-mine"]));
    let Operation::Canary(shown) = plan.without_secrets().steps.remove(0).operation else { panic!("is one") };
    let shown: Vec<&str> =
        ["API_TOKEN", "DB_PASS", "APP_VERSION"].map(|name| shown.env[name].as_str()).into();
    assert_eq!(shown, [HIDDEN, HIDDEN, "0.2.0-release"]);
}
