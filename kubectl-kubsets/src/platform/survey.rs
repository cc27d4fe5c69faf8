//! What is in a cluster that is not ours, looked at before anything is put there.

use kube::api::DynamicObject;
use kubsets_kube::{Access, ApiError, During as _, MANAGED_BY, MANAGER, ObjectRef};

use super::journal::InstallJournal;
use crate::ui::{ExitCode, Failure};

/// Who an object of the same name belongs to.
#[derive(Debug, PartialEq, Eq)]
enum Owner {
    /// There is none yet, or it is ours.
    Us,
    /// Somebody else, and theirs does as well.
    Others,
}

/// Looks at every object that an installation would make. Returns those of others that stay as they are.
///
/// # Errors
/// Everything that belongs to somebody else and would have to be changed, in one message.
pub(super) async fn survey(
    access: &Access,
    journal: &InstallJournal,
    wanted: &[(ObjectRef, &DynamicObject)],
) -> anyhow::Result<Vec<ObjectRef>> {
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for (target, object) in wanted {
        let there = read(access, target).await?;
        let ours = journal.objects.contains(target);
        match there.filter(|_| !ours).map_or(Ok(Owner::Us), |there| owner(object, &there)) {
            Ok(Owner::Us) => {}
            Ok(Owner::Others) => kept.push(target.clone()),
            Err(why) => refused.push(format!("{target}{} {why}", place(target))),
        }
    }
    if refused.is_empty() {
        return Ok(kept);
    }
    let message = format!("objects of somebody else are in the way: {}", refused.join("; "));
    Err(Failure::new(ExitCode::Cluster, message)
        .with_hint("nothing was changed; take another cluster, or remove or rename them")
        .into())
}

async fn read(access: &Access, target: &ObjectRef) -> Result<Option<DynamicObject>, ApiError> {
    match target.api(access).get_opt(&target.name).await {
        // A kind that is not served has no objects.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        answer => answer.during(|| format!("read {target}")),
    }
}

/// Whether an object is there and not labelled ours, as everything is that we apply.
///
/// # Errors
/// When it cannot be read.
pub(super) async fn is_of_others(access: &Access, target: &ObjectRef) -> Result<bool, ApiError> {
    Ok(read(access, target).await?.is_some_and(|object| !is_ours(&object)))
}

fn place(target: &ObjectRef) -> String {
    target.namespace.as_ref().map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default()
}

/// Who an object that is there belongs to, or why we cannot go on with it.
fn owner(wanted: &DynamicObject, there: &DynamicObject) -> Result<Owner, String> {
    if is_ours(there) {
        return Ok(Owner::Us);
    }
    if ObjectRef::of(wanted).kind != "CustomResourceDefinition" {
        return Err("is not labelled ours".to_owned());
    }
    let served = |object: &DynamicObject, also: &str| -> Vec<String> {
        let versions = object.data["spec"]["versions"].as_array().cloned().unwrap_or_default();
        let chosen =
            versions.iter().filter(|one| one["served"] == true && (also.is_empty() || one[also] == true));
        chosen.filter_map(|one| Some(one["name"].as_str()?.to_owned())).collect()
    };
    let theirs = served(there, "");
    match served(wanted, "storage").into_iter().find(|version| !theirs.contains(version)) {
        None => Ok(Owner::Others),
        Some(version) => Err(format!("does not serve {version}, only {}", theirs.join(", "))),
    }
}

/// Whether an object carries our label.
pub(super) fn is_ours(object: &DynamicObject) -> bool {
    object
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(MANAGED_BY))
        .is_some_and(|one| one == MANAGER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_undo::FakeApi;
    use serde_json::{Value, json};

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).expect("is an object")
    }

    fn definition(versions: &[(&str, bool)], labels: &Value) -> Value {
        let versions: Vec<Value> = versions
            .iter()
            .map(|(name, storage)| json!({"name": name, "served": true, "storage": storage}))
            .collect();
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
               "metadata": {"name": "gateways.gateway.networking.k8s.io", "labels": labels},
               "spec": {"versions": versions}})
    }

    #[test]
    fn definitions_of_others_do_if_they_serve_what_we_need() {
        let wanted = object(definition(&[("v1", true), ("v1beta1", false)], &json!({})));
        let theirs = |versions: &[(&str, bool)]| owner(&wanted, &object(definition(versions, &json!({}))));
        assert_eq!(theirs(&[("v1", true)]), Ok(Owner::Others));
        assert_eq!(theirs(&[("v1beta1", true)]), Err("does not serve v1, only v1beta1".to_owned()));
        let ours = definition(&[("v1beta1", true)], &json!({MANAGED_BY: MANAGER}));
        assert_eq!(owner(&wanted, &object(ours)), Ok(Owner::Us));
    }

    fn service(name: &str, labels: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Service",
               "metadata": {"name": name, "namespace": "shop", "labels": labels}})
    }

    #[tokio::test]
    async fn what_belongs_to_others_is_kept_or_refused_and_never_changed() {
        let api = FakeApi::default();
        api.put("services", service("mine", &json!({MANAGED_BY: MANAGER})));
        api.put("services", service("noted", &json!({})));
        api.put("customresourcedefinitions", definition(&[("v1", true)], &json!({})));
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut journal = InstallJournal::open(folder.path(), "fake", None).expect("is opened");
        let noted = object(service("noted", &json!({})));
        journal.will_make([ObjectRef::of(&noted)]).expect("is written");

        let objects = [
            object(definition(&[("v1", true)], &json!({}))),
            object(service("mine", &json!({}))),
            noted,
            object(service("new", &json!({}))),
        ];
        let wanted: Vec<_> = objects.iter().map(|one| (ObjectRef::of(one), one)).collect();
        let kept = survey(&api.access(), &journal, &wanted).await.expect("nothing is in the way");
        assert_eq!(kept, [ObjectRef::of(&objects[0])]);

        api.put("services", service("theirs", &json!({"app": "shop"})));
        let theirs = object(service("theirs", &json!({})));
        let wanted = [(ObjectRef::of(&theirs), &theirs)];
        let error = survey(&api.access(), &journal, &wanted).await.expect_err("is in the way");
        assert_eq!(
            error.to_string(),
            "objects of somebody else are in the way: Service theirs in namespace shop is not labelled ours"
        );
        assert_eq!(api.changes(), 0);
    }
}
