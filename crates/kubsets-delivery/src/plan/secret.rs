//! A plan as it goes on record: without what may be secret.

use kubsets_lab::secret::is_secret_variable;
use kubsets_lab::{HIDDEN, Secrets};
use kubsets_load::shown;
use serde_json::Value;

use super::Plan;

/// Annotation in which kubectl keeps a copy of the whole object.
const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Plan {
    /// Values that no record may hold: of environment variables that look secret, in the old version and the new,
    /// sparing the names in the plan.
    pub(crate) fn secrets(&self) -> Secrets {
        let mut values = Vec::new();
        let mut deployment = self.originals.deployment.clone();
        for_each_variable(&mut deployment, &mut |value| values.extend(value.as_str().map(str::to_owned)));
        let own = [&self.spec.deployment, &self.namespace, &self.container].map(String::as_str);
        let names = own.into_iter().chain(self.objects.iter().map(|one| one.object.name.as_str()));
        self.spec.secrets().and(&Secrets::new(values)).sparing(names)
    }

    /// The plan without the values of such variables, and of queries and users in addresses.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut plan = self.clone();
        plan.spec = self.spec.without_secrets();
        plan.spec.load.path = shown(&plan.spec.load.path);
        plan.spec.load.url = plan.spec.load.url.as_deref().map(shown);
        plan.endpoint.url = shown(&plan.endpoint.url);
        for line in &mut plan.diff {
            let Some((_, name)) = line.path.split_once(".env.") else { continue };
            for value in [&mut line.before, &mut line.after].into_iter().flatten() {
                if is_secret_variable(name, value) {
                    HIDDEN.clone_into(value);
                }
            }
        }
        let deployment = &mut plan.originals.deployment;
        for_each_variable(deployment, &mut |value| *value = HIDDEN.into());
        if let Some(notes) = deployment.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            notes.remove(COPY);
        }
        plan
    }
}

/// Looks at the value of every environment variable of a Deployment that looks secret.
fn for_each_variable(deployment: &mut Value, look: &mut impl FnMut(&mut Value)) {
    for kind in ["containers", "initContainers"] {
        let pointer = format!("/spec/template/spec/{kind}");
        let containers = deployment.pointer_mut(&pointer).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let variables = container.get_mut("env").and_then(Value::as_array_mut);
            for variable in variables.into_iter().flatten().filter_map(Value::as_object_mut) {
                let name = variable.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                if let Some(value) = variable.get_mut("value")
                    && is_secret_variable(&name, value.as_str().unwrap_or_default())
                {
                    look(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::build;
    use crate::plan::tests::facts;
    use kubsets_lab::operation::CanarySpec;

    fn plan() -> Plan {
        let mut facts = facts();
        let deployment = facts.deployment.as_mut().unwrap();
        let env = deployment.pointer_mut("/spec/template/spec/containers/0/env").unwrap();
        env.as_array_mut().unwrap().extend([
            json!({"name": "API_TOKEN", "value": "0ld-t0ken-of-mine"}),
            json!({"name": "DB_PASS", "value": "sh0rt"}),
            json!({"name": "OTHER_KEY", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}),
        ]);
        deployment["metadata"]["annotations"] = json!({COPY: "DB_PASS sh0rt", "team": "a"});
        let mut spec = CanarySpec::new("demo-app");
        spec.env.insert("API_TOKEN".into(), "n3w-t0ken-of-mine".into());
        spec.load.path = "/api/info?key=p4th-t0ken".into();
        spec.load.url = Some("http://u:us3r-t0ken@127.0.0.1:1".into());
        let mut plan = build(spec, &facts, "261120-120000-abcd".parse().unwrap()).unwrap();
        plan.endpoint.url = "http://u:us3r-t0ken@127.0.0.1:1".into();
        plan
    }

    #[test]
    fn the_record_of_a_plan_has_no_secret_and_the_plan_all() {
        let plan = plan();
        let shown = serde_json::to_string(&plan.without_secrets()).unwrap();
        for secret in ["0ld-t0ken", "n3w-t0ken", "p4th-t0ken", "us3r-t0ken", "sh0rt"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
            assert!(serde_json::to_string(&plan).unwrap().contains(secret), "{secret}");
        }
        for kept in ["secretKeyRef", "\"team\"", "APP_VERSION", "/api/info?key=VALUE"] {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
        let secrets = plan.secrets();
        assert!(secrets.are_in("0ld-t0ken-of-mine") && secrets.are_in("n3w-t0ken-of-mine"));
    }

    #[test]
    fn a_value_that_is_a_name_in_the_plan_does_not_take_the_name_out_of_the_record() {
        let mut plan = plan();
        plan.spec.env.insert("AUTH_SERVICE".into(), "demo-app".into());
        let mut recorded = serde_json::to_value(plan.without_secrets()).unwrap();
        plan.secrets().hide(&mut recorded);
        let recorded: Plan = serde_json::from_value(recorded).unwrap();
        assert_eq!(recorded.deployment_ref(), plan.deployment_ref());
        assert_eq!(recorded.spec.deployment, "demo-app");
        assert!(plan.secrets().are_in("n3w-t0ken-of-mine"), "others are hidden as before");
    }

    #[test]
    fn a_recorded_plan_still_knows_the_templates() {
        let plan = plan();
        assert_eq!(plan.without_secrets().known_templates(), plan.known_templates());
        // A plan of an older plugin has everything in it and no hashes.
        let older = Plan { templates: Vec::new(), ..plan.clone() };
        assert_eq!(older.known_templates(), plan.known_templates());
    }
}
