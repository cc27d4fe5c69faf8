//! The undo journal: what to do to get back, written before anything is done.
//!
//! It is kept twice: in the run's folder on disk, and in a `ConfigMap` in the run's namespace, where
//! the watchdog and other machines find it.

use kubsets_kube::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::hash;
use crate::claim::{Claim, JOURNAL_ROLE};
use crate::entry::Entry;
use crate::manifest::manifest_of;

/// File of the journal in the run's folder.
pub const JOURNAL_FILE: &str = "journal.json";
/// Key of the journal in its `ConfigMap`.
const JOURNAL_KEY: &str = "journal.json";

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Things may be changed; undo brings everything back.
    Running,
    /// A promotion is under way; undo brings everything back.
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
    /// The run and what it is alone on.
    pub claim: Claim,
    /// API server that the run worked on.
    pub server: String,
    /// When the run began, RFC 3339.
    pub started_at: String,
    /// How far it has come.
    pub phase: Phase,
    /// Undo entries in the order of the actions; undo runs backwards.
    entries: Vec<Entry>,
}

impl Journal {
    /// An empty journal of a run that begins now.
    pub fn new(claim: Claim, server: &str) -> Self {
        let started_at = jiff::Timestamp::now().to_string();
        Self { claim, server: server.to_owned(), started_at, phase: Phase::Running, entries: Vec::new() }
    }

    /// Adds an entry so that each one holds the state from before the run, however often an object is
    /// touched. Going back then needs no state in between, and may be repeated at any time.
    ///
    /// An entry that an earlier one covers is left out. Where an earlier entry knows an older value of a
    /// part, that value is put into the new entry.
    pub fn add(&mut self, mut entry: Entry) {
        if self.entries.iter().any(|earlier| covers(earlier, &entry)) {
            return;
        }
        for earlier in &self.entries {
            if let Entry::Restore { object, pointer, original, .. } = earlier
                && object == entry.object()
            {
                put_back(&mut entry, pointer, original);
            }
        }
        self.entries.push(entry);
    }

    /// The entries in the order of the actions.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries in the order of their undoing.
    pub fn undo_order(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    /// Whether the run makes this object, or has asked to.
    pub fn makes(&self, object: &ObjectRef) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Delete { object: made } if made == object))
    }

    /// The hash of an object's manifest before the run, if the run deletes the object.
    pub(crate) fn recreated(&self, object: &ObjectRef) -> Option<&str> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Recreate { object: one, hash, .. } if one == object => Some(hash.as_str()),
            _ => None,
        })
    }

    /// Whether `found` is an object that the run deletes, as it was before the run. The run may have made
    /// another one of the same name in between.
    pub(crate) fn is_back(&self, object: &ObjectRef, found: &Value) -> bool {
        self.recreated(object).is_some_and(|before| hash(&manifest_of(found)) == before)
    }

    /// The journal as a `ConfigMap`.
    pub fn to_config_map(&self) -> Value {
        let target = self.claim.journal_ref();
        json!({
            "apiVersion": target.api_version,
            "kind": target.kind,
            "metadata": {
                "name": target.name,
                "namespace": target.namespace,
                "labels": self.claim.labels(JOURNAL_ROLE),
            },
            "data": self.data(),
        })
    }

    /// The data of its `ConfigMap`.
    pub(crate) fn data(&self) -> Value {
        json!({JOURNAL_KEY: self.text()})
    }

    /// Bytes of the journal in its `ConfigMap`.
    pub(crate) fn size(&self) -> usize {
        self.text().len()
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("a journal is plain data")
    }

    /// Reads the journal from its `ConfigMap`; `None` when it holds none.
    pub fn from_config_map(config_map: &Value) -> Option<Self> {
        let text = config_map.get("data")?.get(JOURNAL_KEY)?.as_str()?;
        serde_json::from_str(text).ok()
    }
}

/// Whether an earlier entry brings back all that a later one would.
fn covers(earlier: &Entry, later: &Entry) -> bool {
    if earlier.object() != later.object() {
        return false;
    }
    match (earlier, later) {
        // What the run has made goes away in any case.
        (Entry::Delete { .. }, _)
        | (Entry::Recreate { .. }, Entry::Recreate { .. } | Entry::Restore { .. }) => true,
        (Entry::Restore { pointer: outer, .. }, Entry::Restore { pointer, .. }) => {
            below(outer, pointer).is_some()
        }
        // What was deleted may be made once more under the same name.
        (Entry::Recreate { .. }, Entry::Delete { .. })
        | (Entry::Restore { .. }, Entry::Delete { .. } | Entry::Recreate { .. }) => false,
    }
}

/// The rest of a pointer below another one; empty when they are the same.
fn below<'a>(outer: &str, pointer: &'a str) -> Option<&'a str> {
    pointer.strip_prefix(outer).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Puts an older value into an entry whose own value is younger.
fn put_back(entry: &mut Entry, at: &str, older: &Value) {
    let (value, pointer, digest) = match entry {
        Entry::Delete { .. } => return,
        Entry::Restore { pointer, original, hash, .. } => (original, pointer.as_str(), hash),
        Entry::Recreate { manifest, hash, .. } => (manifest, "", hash),
    };
    if let Some(rest) = below(pointer, at) {
        place(value, rest, older);
        *digest = hash(value);
    }
}

/// Sets the value at a pointer through maps, or takes it away when it was not there before.
fn place(value: &mut Value, pointer: &str, older: &Value) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        value.clone_from(older);
        return;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    let Some(map) = value.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
    if older.is_null() {
        map.remove(&key);
    } else {
        map.insert(key, older.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_id::RunId;

    fn empty() -> Journal {
        let claim = Claim::canary(RunId::generate(), Some("canary.good".into()), "shop", "demo-app");
        Journal::new(claim, "https://a:1")
    }

    fn deployment() -> ObjectRef {
        ObjectRef::namespaced("apps/v1", "Deployment", "shop", "demo-app")
    }

    /// The Deployment with this image and replica count.
    fn found(image: &str, replicas: u64) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
               "metadata": {"name": "demo-app", "namespace": "shop"},
               "spec": {"replicas": replicas, "template": {"image": image}}})
    }

    #[test]
    fn survives_disk_and_config_map() {
        let mut journal = empty();
        journal.add(Entry::delete(ObjectRef { name: "demo-app-canary".into(), ..deployment() }));
        journal.add(Entry::restore(deployment(), "/spec/template", &found("a", 1)));
        journal.add(Entry::recreate(&json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "s", "namespace": "shop"}, "spec": {"ports": [1, null]}})));
        let folder = tempfile::tempdir().unwrap();
        let state = crate::StateDir::at(folder.path());
        state.write(&journal.claim.run, JOURNAL_FILE, &journal).unwrap();
        assert_eq!(state.read::<Journal>(&journal.claim.run, JOURNAL_FILE).unwrap().unwrap(), journal);
        let map = journal.to_config_map();
        assert_eq!(Journal::from_config_map(&map).unwrap(), journal);
        assert_eq!(map.pointer("/metadata/labels/app.kubernetes.io~1managed-by"), Some(&json!("kubsets")));
        assert_eq!(Journal::from_config_map(&json!({"data": {"journal.json": "{"}})), None);
    }

    #[test]
    fn undo_runs_backwards_and_entries_are_not_doubled() {
        let mut journal = empty();
        let first = Entry::delete(ObjectRef { name: "demo-app-canary".into(), ..deployment() });
        journal.add(first.clone());
        journal.add(Entry::restore(deployment(), "/spec/template", &found("a", 1)));
        journal.add(first.clone());
        let order: Vec<_> = journal.undo_order().collect();
        assert_eq!(order.len(), 2);
        assert!(matches!(order[0], Entry::Restore { .. }));
        assert_eq!(order[1], &first);
    }

    #[test]
    fn a_second_change_does_not_hide_the_state_before_the_first() {
        let mut journal = empty();
        journal.add(Entry::restore(deployment(), "/spec/template/image", &found("before", 1)));
        journal.add(Entry::restore(deployment(), "/spec/template/image", &found("between", 1)));
        journal.add(Entry::restore(deployment(), "/spec/template/image/deeper", &found("between", 1)));
        assert_eq!(journal.entries().len(), 1);
        // A wider entry gets the older part; a pointer that only begins with the same letters is another.
        journal.add(Entry::restore(deployment(), "/spec", &found("between", 3)));
        let wide = Entry::restore(deployment(), "/spec", &found("before", 3));
        assert_eq!(journal.entries()[1], wide);
        journal.add(Entry::restore(deployment(), "/spec-other", &json!({})));
        assert_eq!(journal.entries().len(), 3);
    }

    #[test]
    fn a_value_that_was_not_there_is_taken_out_of_a_wider_entry() {
        let mut journal = empty();
        journal.add(Entry::restore(deployment(), "/spec/paused", &found("a", 1)));
        let mut paused = found("a", 1);
        paused["spec"]["paused"] = json!(true);
        journal.add(Entry::restore(deployment(), "/spec", &paused));
        assert_eq!(journal.entries()[1], Entry::restore(deployment(), "/spec", &found("a", 1)));
    }

    #[test]
    fn a_deleted_object_comes_back_as_it_was_before_its_changes() {
        let mut journal = empty();
        journal.add(Entry::restore(deployment(), "/spec/replicas", &found("a", 1)));
        journal.add(Entry::recreate(&found("a", 0)));
        assert_eq!(journal.entries()[1], Entry::recreate(&found("a", 1)));
        assert!(journal.is_back(&deployment(), &found("a", 1)));
        assert!(!journal.is_back(&deployment(), &found("a", 0)));
        // What happens to an object of that name afterwards needs its removal, and nothing else.
        journal.add(Entry::restore(deployment(), "/spec", &found("new", 1)));
        journal.add(Entry::recreate(&found("new", 1)));
        assert_eq!(journal.entries().len(), 2);
        assert!(!journal.makes(&deployment()));
        journal.add(Entry::delete(deployment()));
        assert_eq!(journal.entries().len(), 3);
        assert!(journal.makes(&deployment()));
    }

    #[test]
    fn what_the_run_made_needs_no_other_entry() {
        let mut journal = empty();
        journal.add(Entry::delete(deployment()));
        journal.add(Entry::restore(deployment(), "/spec", &found("a", 1)));
        journal.add(Entry::recreate(&found("a", 1)));
        assert_eq!(journal.entries().len(), 1);
    }
}
