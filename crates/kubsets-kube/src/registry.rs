//! Where the nodes of a cluster take our images from, when not from what was loaded onto them.

use serde_json::{Value, json};

use crate::access::Access;
use crate::error::{ApiError, ApiErrorKind, During as _};
use crate::object::ObjectRef;
use crate::{MANAGED_BY, MANAGER};

/// What the names of our images begin with in manifests.
const OWN: &str = "registry.kubsets.local/";
/// Namespace of the record, that of the demo stack.
const NAMESPACE: &str = "kubsets-demo";
/// Name of the record.
const NAME: &str = "kubsets-registry";

/// The `ConfigMap` that says: images come from `HOST/PREFIX`.
pub fn registry_record(prefix: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": NAME, "namespace": NAMESPACE,
            "labels": {MANAGED_BY: MANAGER, "app.kubernetes.io/part-of": "kubsets"},
        },
        "data": {"prefix": prefix},
    })
}

/// The registry that is on record in a cluster; none where images were loaded onto the nodes.
///
/// # Errors
/// [`ApiError`], but none where we may not look.
pub async fn recorded_registry(access: &Access) -> Result<Option<String>, ApiError> {
    let record = ObjectRef::namespaced("v1", "ConfigMap", NAMESPACE, NAME);
    match record.api(access).get_opt(NAME).await.during(|| format!("read {record}")) {
        Ok(found) => Ok(found.and_then(|object| Some(object.data["data"]["prefix"].as_str()?.to_owned()))),
        Err(error) if matches!(error.kind, ApiErrorKind::Forbidden { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lets every image of ours in an object come from `HOST/PREFIX`, also where a text speaks of it.
pub fn take_from(object: &mut Value, prefix: &str) {
    match object {
        Value::String(text) if text.contains(OWN) => *text = text.replace(OWN, &format!("{prefix}/")),
        Value::Array(items) => items.iter_mut().for_each(|item| take_from(item, prefix)),
        Value::Object(fields) => fields.values_mut().for_each(|field| take_from(field, prefix)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_ours_come_from_elsewhere_and_others_stay() {
        let mut object = json!({
            "spec": {"containers": [{"image": "registry.kubsets.local/kubsets/demo-app:0.1.0"},
                                    {"image": "docker.io/library/busybox:1"}]},
            "data": {"helperPod.yaml": "image: registry.kubsets.local/local-path-helper:v0.0.30\n"},
        });
        take_from(&mut object, "localhost:5000/team");
        let expected = json!({
            "spec": {"containers": [{"image": "localhost:5000/team/kubsets/demo-app:0.1.0"},
                                    {"image": "docker.io/library/busybox:1"}]},
            "data": {"helperPod.yaml": "image: localhost:5000/team/local-path-helper:v0.0.30\n"},
        });
        assert_eq!(object, expected);
    }
}
