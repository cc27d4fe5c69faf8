//! What the watchdog may do: what its run's undo takes, and nothing else. Pure.

use std::collections::{BTreeMap, BTreeSet};

use kubsets_kube::{ObjectRef, resource_of};
use serde_json::{Value, json};

use crate::claim::Claim;
use crate::entry::{Remedy, Target};

impl Remedy {
    /// Verbs on the object itself.
    fn verbs(self) -> &'static [&'static str] {
        match self {
            Self::Delete => &["get", "delete"],
            // Where something has got the name of a deleted object, it is brought to the manifest.
            Self::Restore | Self::Recreate => &["get", "patch"],
        }
    }
}

/// The rules of the watchdog's Role: its Lease, its journal, and the targets by name.
pub(crate) fn rules<'a>(claim: &Claim, targets: impl IntoIterator<Item = &'a Target>) -> Vec<Value> {
    let own: &[&str] = &["get", "patch", "delete"];
    let mut named: BTreeMap<(String, String, String), BTreeSet<&str>> = BTreeMap::new();
    // Kubernetes does not know the name of what is going to be made, so that a rule cannot limit it.
    let mut made = BTreeSet::from([(String::new(), "events".to_owned())]);
    let mut allow = |object: &ObjectRef, verbs: &[&'static str]| {
        let resource = resource_of(&object.api_version, &object.kind);
        named.entry((resource.group, resource.plural, object.name.clone())).or_default().extend(verbs);
    };
    allow(&claim.lease_ref(), own);
    allow(&claim.journal_ref(), own);
    for target in targets {
        allow(&target.object, target.remedy.verbs());
        if target.remedy == Remedy::Recreate {
            let resource = resource_of(&target.object.api_version, &target.object.kind);
            made.insert((resource.group, resource.plural));
        }
    }
    let named = named.into_iter().map(|((group, resource, name), verbs)| {
        json!({"apiGroups": [group], "resources": [resource], "resourceNames": [name], "verbs": verbs})
    });
    let made = made
        .into_iter()
        .map(|(group, resource)| json!({"apiGroups": [group], "resources": [resource], "verbs": ["create"]}));
    named.chain(made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Entry;
    use crate::run_id::RunId;

    fn rule<'a>(rules: &'a [Value], resource: &str, name: Option<&str>) -> Option<&'a Value> {
        let name = name.map(|name| json!([name]));
        rules
            .iter()
            .find(|rule| rule["resources"] == json!([resource]) && rule.get("resourceNames") == name.as_ref())
    }

    #[test]
    fn rights_are_those_of_the_entries() {
        let claim = Claim::lab(RunId::generate(), "a/b", "shop");
        let object = |kind: &str, name: &str| ObjectRef::namespaced("apps/v1", kind, "shop", name);
        let current = json!({"apiVersion": "v1", "kind": "Service",
                             "metadata": {"name": "web", "namespace": "shop"}});
        let targets = [
            Entry::delete(object("Deployment", "made")),
            Entry::restore(object("Deployment", "changed"), "/spec/template", &json!({})),
            Entry::restore(object("Deployment", "changed"), "/spec/replicas", &json!({})),
            Entry::recreate(&current),
            Entry::delete(ObjectRef::namespaced("v1", "Service", "shop", "web")),
        ]
        .map(|entry| entry.target());
        let rules = rules(&claim, &targets);
        let verbs =
            |resource: &str, name: Option<&str>| &rule(&rules, resource, name).expect(resource)["verbs"];
        assert_eq!(verbs("deployments", Some("made")), &json!(["delete", "get"]));
        assert_eq!(verbs("deployments", Some("changed")), &json!(["get", "patch"]));
        assert_eq!(verbs("services", Some("web")), &json!(["delete", "get", "patch"]));
        assert_eq!(verbs("services", None), &json!(["create"]));
        assert_eq!(verbs("events", None), &json!(["create"]));
        assert_eq!(verbs("leases", Some(&claim.lease_ref().name)), &json!(["delete", "get", "patch"]));
        assert_eq!(verbs("configmaps", Some(&claim.journal_ref().name)), &json!(["delete", "get", "patch"]));
        assert!(rule(&rules, "deployments", None).is_none());
        assert_eq!(rules.len(), 7);
        assert_eq!(rule(&rules, "deployments", Some("made")).unwrap()["apiGroups"], json!(["apps"]));
    }
}
