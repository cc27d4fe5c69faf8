//! One entry of a journal: how to undo one action.

use std::collections::BTreeSet;

use kubsets_kube::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::hash;
use crate::manifest::manifest_of;
use crate::object::reference;

/// Fields of a manifest that are not content of their own.
const NO_CONTENT: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// How to undo one action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "undo")]
#[non_exhaustive]
pub enum Entry {
    /// Delete an object that the run creates.
    Delete {
        /// The object.
        object: ObjectRef,
    },
    /// Give an object that the run changes its value back.
    Restore {
        /// The object.
        object: ObjectRef,
        /// JSON pointer of what is restored, such as `/spec` or `/spec/template`. It leads through maps
        /// only: a list is restored as a whole.
        pointer: String,
        /// The original value; `null` when there was none.
        original: Value,
        /// Hash of the original value.
        hash: String,
    },
    /// Make an object again that the run deletes.
    Recreate {
        /// The object.
        object: ObjectRef,
        /// The object without what the server had set.
        manifest: Value,
        /// Hash of the manifest.
        hash: String,
    },
}

impl Entry {
    /// An entry that deletes `object`.
    pub fn delete(object: ObjectRef) -> Self {
        Self::Delete { object }
    }

    /// An entry that restores what `current` has at `pointer`.
    pub fn restore(object: ObjectRef, pointer: &str, current: &Value) -> Self {
        let original = current.pointer(pointer).cloned().unwrap_or(Value::Null);
        let hash = hash(&original);
        Self::Restore { object, pointer: pointer.to_owned(), original, hash }
    }

    /// Entries that bring back what an apply of `wanted` may change in `current`: the content that either
    /// has, as an apply takes away what an earlier one of ours had set, and each of their labels and
    /// annotations for itself, as controllers keep notes of their own among these.
    pub fn restore_applied(object: &ObjectRef, wanted: &Value, current: &Value) -> Vec<Self> {
        let before = manifest_of(current);
        let pointers: BTreeSet<String> =
            [wanted, &before].into_iter().flat_map(|one| content(one).chain(notes(one))).collect();
        pointers.iter().map(|pointer| Self::restore(object.clone(), pointer, current)).collect()
    }

    /// An entry that makes `current` again.
    pub fn recreate(current: &Value) -> Self {
        let manifest = manifest_of(current);
        let hash = hash(&manifest);
        Self::Recreate { object: reference(current), manifest, hash }
    }

    /// The object that the entry is about.
    pub fn object(&self) -> &ObjectRef {
        match self {
            Self::Delete { object } | Self::Restore { object, .. } | Self::Recreate { object, .. } => object,
        }
    }

    /// What the entry takes to be carried out.
    pub fn target(&self) -> Target {
        let remedy = match self {
            Self::Delete { .. } => Remedy::Delete,
            Self::Restore { .. } => Remedy::Restore,
            Self::Recreate { .. } => Remedy::Recreate,
        };
        Target { object: self.object().clone(), remedy }
    }

    /// Whether the entry holds values of its object.
    pub(crate) fn holds_values(&self) -> bool {
        !matches!(self, Self::Delete { .. })
    }
}

/// Pointers to the fields of a manifest that are content.
fn content(manifest: &Value) -> impl Iterator<Item = String> {
    let fields = manifest.as_object().into_iter().flatten().map(|(name, _)| name);
    fields.filter(|name| !NO_CONTENT.contains(&name.as_str())).map(|name| format!("/{name}"))
}

/// Pointers to the labels and annotations of a manifest.
fn notes(manifest: &Value) -> impl Iterator<Item = String> {
    ["labels", "annotations"].into_iter().flat_map(|kind| {
        let all = manifest["metadata"][kind].as_object().into_iter().flatten();
        all.map(move |(key, _)| format!("/metadata/{kind}/{}", key.replace('~', "~0").replace('/', "~1")))
    })
}

/// What an undo does to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Remedy {
    /// It is deleted.
    Delete,
    /// A value of it is written.
    Restore,
    /// It is made again.
    Recreate,
}

/// An object that a run touches, with what its undo does to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The object.
    pub object: ObjectRef,
    /// What its undo does.
    pub remedy: Remedy,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_apply_is_undone_down_to_each_label_and_annotation() {
        let object = ObjectRef::namespaced("apps/v1", "Deployment", "shop", "web");
        let before = json!({"apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": 1},
            "metadata": {"name": "web", "uid": "u", "labels": {"app": "web"},
                         "annotations": {"deployment.kubernetes.io/revision": "3"}},
            "spec": {"replicas": 1}});
        let wanted = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"app": "x"}, "annotations": {"shop/team": "a"}},
            "spec": {"replicas": 2}});
        let expected = [
            Entry::restore(object.clone(), "/metadata/annotations/shop~1team", &json!({})),
            Entry::restore(object.clone(), "/metadata/labels/app", &before),
            Entry::restore(object.clone(), "/spec", &before),
        ];
        assert_eq!(Entry::restore_applied(&object, &wanted, &before), expected);
    }

    #[test]
    fn an_apply_may_take_away_what_it_does_not_name() {
        let object = ObjectRef::namespaced("v1", "ConfigMap", "shop", "settings");
        let before = json!({"kind": "ConfigMap", "metadata": {"labels": {"app": "web"}}, "data": {"a": "1"}});
        let entries =
            Entry::restore_applied(&object, &json!({"kind": "ConfigMap", "immutable": true}), &before);
        let expected = ["/data", "/immutable", "/metadata/labels/app"];
        let expected = expected.map(|pointer| Entry::restore(object.clone(), pointer, &before));
        assert_eq!(entries, expected);
    }
}
