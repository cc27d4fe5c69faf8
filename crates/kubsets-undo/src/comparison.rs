//! Whether objects are as before. Pure.

use kubsets_kube::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::hash;
use crate::entry::Entry;
use crate::manifest::manifest_of;

/// Whether an object is as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The object.
    pub object: ObjectRef,
    /// What was compared, such as `/spec/template`; absent for objects that must be gone, or be back as
    /// a whole.
    pub pointer: Option<String>,
    /// Hash before the run; absent when there was no object.
    pub before: Option<String>,
    /// Hash now; absent when the object is gone.
    pub after: Option<String>,
    /// Whether it is as it was before.
    pub equal: bool,
}

impl Comparison {
    /// Whether all objects are as before.
    pub fn all_equal(comparisons: &[Self]) -> bool {
        comparisons.iter().all(|one| one.equal)
    }

    /// Compares the object of an entry, as it was found, with its state before.
    pub(crate) fn of(entry: &Entry, found: Option<&Value>) -> Self {
        let (pointer, before, after) = match entry {
            Entry::Delete { .. } => (None, None, found.map(|found| hash(&found["spec"]))),
            Entry::Restore { pointer, hash: before, .. } => {
                let after = found.map(|found| hash(found.pointer(pointer).unwrap_or(&Value::Null)));
                (Some(pointer.clone()), Some(before.clone()), after)
            }
            Entry::Recreate { hash: before, .. } => {
                (None, Some(before.clone()), found.map(|found| hash(&manifest_of(found))))
            }
        };
        Self { object: entry.object().clone(), equal: before == after, pointer, before, after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn comparison_is_by_hash_and_by_absence() {
        let route = ObjectRef::namespaced("gateway.networking.k8s.io/v1", "HTTPRoute", "shop", "demo-app");
        let before = json!({"spec": {"rules": [{"a": 1}]}});
        let entry = Entry::restore(route.clone(), "/spec", &before);
        assert!(Comparison::of(&entry, Some(&before)).equal);
        assert!(!Comparison::of(&entry, Some(&json!({"spec": {"rules": []}}))).equal);
        assert!(!Comparison::of(&entry, None).equal);
        let made = Entry::delete(route);
        assert!(Comparison::of(&made, None).equal);
        assert!(!Comparison::of(&made, Some(&before)).equal);
        let deleted = Entry::recreate(&before);
        let back = json!({"metadata": {"uid": "new"}, "spec": {"rules": [{"a": 1}]}, "status": {}});
        assert!(!Comparison::of(&deleted, None).equal);
        assert!(Comparison::of(&deleted, Some(&before)).equal);
        // The metadata of a whole object counts too, apart from what the server sets.
        assert!(!Comparison::of(&deleted, Some(&back)).equal);
    }
}
