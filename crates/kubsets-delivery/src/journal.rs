//! The undo journal: what to do to get back, written before anything is done.
//!
//! It is kept twice: in the run's folder on disk, and in a `ConfigMap` beside the
//! Deployment, where the watchdog and other machines find it.

use kubsets_kube::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::hash;
use crate::objects::{journal_name, run_labels};
use crate::run_id::RunId;

/// File of the journal in the run's folder.
pub(crate) const JOURNAL_FILE: &str = "journal.json";
/// Key of the journal in its `ConfigMap`.
const JOURNAL_KEY: &str = "journal.json";

/// How to undo one action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "undo")]
pub enum Entry {
    /// Delete an object that the run creates.
    Delete {
        /// The object.
        object: ObjectRef,
    },
    /// Give an object its specification back.
    Restore {
        /// The object.
        object: ObjectRef,
        /// JSON pointer of what is restored, such as `/spec` or `/spec/template`.
        pointer: String,
        /// The original value.
        original: Value,
        /// Hash of the original value.
        hash: String,
    },
}

impl Entry {
    /// An entry that restores what is at `pointer` now.
    pub(crate) fn restore(object: ObjectRef, pointer: &str, current: &Value) -> Self {
        let original = current.pointer(pointer).cloned().unwrap_or(Value::Null);
        let hash = hash(&original);
        Self::Restore { object, pointer: pointer.to_owned(), original, hash }
    }

    /// The object that the entry is about.
    pub fn object(&self) -> &ObjectRef {
        match self {
            Self::Delete { object } | Self::Restore { object, .. } => object,
        }
    }
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Traffic may be shifted; undo brings everything back.
    Running,
    /// The stable Deployment is being changed; undo brings everything back.
    Promoting,
    /// The new version is the stable one; undo on demand brings the old one back.
    Promoted,
    /// Everything is as it was before.
    Undone,
}

/// The undo journal of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Journal {
    /// The run.
    pub run: RunId,
    /// Lab of the run, if any.
    pub lab: Option<String>,
    /// API server that the run worked on.
    pub server: String,
    /// Namespace of all objects.
    pub namespace: String,
    /// The Deployment.
    pub deployment: String,
    /// When the run began, RFC 3339.
    pub started_at: String,
    /// How far it has come.
    pub phase: Phase,
    /// Undo entries in the order of the actions; undo runs backwards.
    pub entries: Vec<Entry>,
}

impl Journal {
    /// An empty journal.
    pub(crate) fn new(
        run: RunId,
        lab: Option<String>,
        server: &str,
        namespace: &str,
        deployment: &str,
    ) -> Self {
        Self {
            run,
            lab,
            server: server.to_owned(),
            namespace: namespace.to_owned(),
            deployment: deployment.to_owned(),
            started_at: jiff::Timestamp::now().to_string(),
            phase: Phase::Running,
            entries: Vec::new(),
        }
    }

    /// Adds an entry unless it is there already.
    pub(crate) fn add(&mut self, entry: Entry) {
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
    }

    /// The entries in the order of their undoing.
    pub fn undo_order(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    /// The journal as a `ConfigMap`.
    pub(crate) fn to_config_map(&self) -> Value {
        let text = serde_json::to_string(self).expect("a journal is plain data");
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": journal_name(&self.run),
                "namespace": self.namespace,
                "labels": run_labels(&self.run, self.lab.as_deref(), "journal"),
            },
            "data": {JOURNAL_KEY: text},
        })
    }

    /// Reads the journal from its `ConfigMap`.
    pub(crate) fn from_config_map(config_map: &Value) -> Option<Self> {
        let text = config_map.get("data")?.get(JOURNAL_KEY)?.as_str()?;
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let object = ObjectRef::namespaced("apps/v1", "Deployment", "shop", "demo-app");
        let mut journal =
            Journal::new(RunId::generate(), Some("canary/good".into()), "https://a:1", "shop", "demo-app");
        journal.add(Entry::Delete { object: ObjectRef { name: "demo-app-canary".into(), ..object.clone() } });
        journal.add(Entry::restore(
            object,
            "/spec/template",
            &json!({"spec": {"template": {"a": [1, null]}}}),
        ));
        journal
    }

    #[test]
    fn survives_disk_and_config_map() {
        let journal = journal();
        let folder = tempfile::tempdir().unwrap();
        let state = crate::StateDir::at(folder.path());
        state.write(&journal.run, JOURNAL_FILE, &journal).unwrap();
        assert_eq!(state.read::<Journal>(&journal.run, JOURNAL_FILE).unwrap().unwrap(), journal);
        let map = journal.to_config_map();
        assert_eq!(Journal::from_config_map(&map).unwrap(), journal);
        assert_eq!(map.pointer("/metadata/labels/app.kubernetes.io~1managed-by"), Some(&json!("kubsets")));
        assert_eq!(Journal::from_config_map(&json!({"data": {"journal.json": "{"}})), None);
    }

    #[test]
    fn undo_runs_backwards_and_entries_are_not_doubled() {
        let mut journal = journal();
        let first = journal.entries[0].clone();
        journal.add(first.clone());
        assert_eq!(journal.entries.len(), 2);
        let order: Vec<_> = journal.undo_order().collect();
        assert!(matches!(order[0], Entry::Restore { .. }));
        assert_eq!(order[1], &first);
    }
}
