//! What an installation added to a cluster that is not ours, so that it can be taken away again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kubsets_kube::{Access, During as _, ObjectRef};
use serde::{Deserialize, Serialize};

/// The objects that `up` made in one cluster, in the order in which they were made.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct InstallJournal {
    /// The context of the cluster.
    pub(crate) context: String,
    /// The UID of the cluster's namespace `kube-system`, which no other cluster has; `None` where it may not be read,
    /// and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    /// Objects that did not exist before.
    pub(crate) objects: Vec<ObjectRef>,
    /// The record that was found is of another cluster, which had the same context; it counts as empty.
    #[serde(skip)]
    pub(super) stale: bool,
    #[serde(skip)]
    path: PathBuf,
}

impl InstallJournal {
    /// The journal of the cluster that a client talks to.
    ///
    /// # Errors
    /// When the cluster does not answer; when the file cannot be read.
    pub(crate) async fn of(access: &Access, state_dir: &Path) -> anyhow::Result<Self> {
        let cluster = match Api::<Namespace>::all(access.client()).get("kube-system").await {
            Err(kube::Error::Api(status)) if status.code == 403 => None,
            answer => answer.during(|| "read namespace kube-system".to_owned())?.metadata.uid,
        };
        Self::open(state_dir, &access.facts().context, cluster)
    }

    /// The journal of a context and of the cluster behind it; empty where nothing was installed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn open(state_dir: &Path, context: &str, cluster: Option<String>) -> anyhow::Result<Self> {
        let folder = state_dir.join("installs");
        let path = folder.join(format!("{}.json", file_name(context)));
        let mut journal = Self { context: context.to_owned(), path: path.clone(), ..Self::default() };
        for path in [path, folder.join(format!("{}.json", former_file_name(context)))] {
            if let Some(found) = read(&path)?.filter(|found| found.context == context) {
                journal = Self { path, ..found };
                break;
            }
        }
        if journal.cluster.is_some() && cluster.is_some() && journal.cluster != cluster {
            journal.objects.clear();
            journal.stale = true;
        }
        journal.cluster = cluster.or(journal.cluster);
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

fn read(path: &Path) -> anyhow::Result<Option<InstallJournal>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A context as the name of a file that no other context has: other characters as `%` and their code.
fn file_name(context: &str) -> String {
    context.bytes().fold(String::new(), |mut name, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(byte.into());
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
        name
    })
}

/// The name that earlier versions gave, the same for several contexts.
fn former_file_name(context: &str) -> String {
    context.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_undo::FakeApi;
    use serde_json::json;

    fn secret() -> ObjectRef {
        ObjectRef::namespaced("v1", "Secret", "kubsets-demo", "postgres")
    }

    fn open(folder: &Path, context: &str, cluster: Option<&str>) -> InstallJournal {
        InstallJournal::open(folder, context, cluster.map(str::to_owned)).unwrap()
    }

    #[test]
    fn what_is_written_down_is_found_again_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = open(folder.path(), "kind-a/b", None);
        journal.will_make([secret(), secret()]).unwrap();
        let again = open(folder.path(), "kind-a/b", None);
        assert_eq!(again.objects, [secret()]);
        again.forget().unwrap();
        assert!(open(folder.path(), "kind-a/b", None).objects.is_empty());
    }

    #[test]
    fn contexts_of_similar_names_have_journals_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), "team/a", None).will_make([secret()]).unwrap();
        for other in ["team_a", "team.a", "team-a"] {
            assert!(open(folder.path(), other, None).objects.is_empty(), "{other}");
        }
        assert_eq!(file_name("kind-dev"), "kind-dev");
        assert_eq!(file_name("../a_b"), "%2E%2E%2Fa%5Fb");
    }

    #[test]
    fn a_journal_of_an_earlier_version_is_found_by_its_own_context_only() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("installs")).unwrap();
        let text = json!({"context": "team/a", "objects": [secret()]}).to_string();
        fs::write(folder.path().join("installs/team_a.json"), text).unwrap();

        let mut other = open(folder.path(), "team_a", Some("2"));
        assert!(other.objects.is_empty() && !other.stale);
        other.will_make([]).unwrap();

        let mut journal = open(folder.path(), "team/a", Some("1"));
        assert_eq!(journal.objects, [secret()]);
        journal.will_make([]).unwrap();
        assert!(open(folder.path(), "team/a", Some("2")).stale);
        open(folder.path(), "team/a", Some("1")).forget().unwrap();
        assert!(open(folder.path(), "team/a", Some("1")).objects.is_empty());
    }

    #[tokio::test]
    async fn a_cluster_made_anew_under_the_same_context_starts_with_an_empty_journal() {
        let (api, folder) = (FakeApi::default(), tempfile::tempdir().unwrap());
        // the server answers every question for a namespace with this one
        let make_cluster = || api.put("namespaces", json!({"metadata": {"name": "shop"}}));
        let of = async || InstallJournal::of(&api.access(), folder.path()).await.unwrap();
        make_cluster();
        of().await.will_make([secret()]).unwrap();
        assert_eq!(of().await.objects, [secret()]);

        make_cluster();
        let mut journal = of().await;
        assert!(journal.stale && journal.objects.is_empty());
        journal.will_make([]).unwrap();
        assert!(!of().await.stale);
    }

    #[test]
    fn a_cluster_that_tells_no_uid_is_taken_for_the_same() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), "a", Some("1")).will_make([secret()]).unwrap();
        let mut journal = open(folder.path(), "a", None);
        assert_eq!(journal.objects, [secret()]);
        journal.will_make([]).unwrap();
        assert!(open(folder.path(), "a", Some("2")).stale);
    }
}
