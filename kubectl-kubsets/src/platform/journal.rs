//! What an installation added to a cluster that is not ours, so that it can be taken away again.

use std::fs;
use std::path::PathBuf;

use kubsets_kube::ObjectRef;
use serde::{Deserialize, Serialize};

/// The objects that `up` made in one cluster, in the order in which they were made.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct InstallJournal {
    /// The context of the cluster.
    pub(crate) context: String,
    /// Objects that did not exist before.
    pub(crate) objects: Vec<ObjectRef>,
    #[serde(skip)]
    path: PathBuf,
}

impl InstallJournal {
    /// The journal of a context; empty where nothing was installed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn open(state_dir: &std::path::Path, context: &str) -> anyhow::Result<Self> {
        let file: String =
            context.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        let path = state_dir.join("installs").join(format!("{file}.json"));
        let mut journal: Self = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(error.into()),
        };
        context.clone_into(&mut journal.context);
        journal.path = path;
        Ok(journal)
    }

    /// Writes an object down, before it is made.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn will_make(&mut self, objects: impl IntoIterator<Item = ObjectRef>) -> anyhow::Result<()> {
        for object in objects {
            if !self.objects.contains(&object) {
                self.objects.push(object);
            }
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let temporary = self.path.with_extension("new");
        fs::write(&temporary, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&temporary, &self.path)?;
        Ok(())
    }

    /// Forgets everything: the objects are gone.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub(crate) fn forget(self) -> anyhow::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_found_again_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let object = ObjectRef::namespaced("v1", "Secret", "kubsets-demo", "postgres");
        let mut journal = InstallJournal::open(folder.path(), "kind-a/b").unwrap();
        journal.will_make([object.clone(), object.clone()]).unwrap();
        let again = InstallJournal::open(folder.path(), "kind-a/b").unwrap();
        assert_eq!(again.objects, [object]);
        again.forget().unwrap();
        assert!(InstallJournal::open(folder.path(), "kind-a/b").unwrap().objects.is_empty());
    }
}
