//! One entry of a journal: how to undo one action.

use kubsets_kube::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::hash;
use crate::manifest::manifest_of;
use crate::object::reference;

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
