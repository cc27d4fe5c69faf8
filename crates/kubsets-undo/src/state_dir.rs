//! Where runs are kept on disk.

use std::path::{Path, PathBuf};

use kubsets_lab::Secrets;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::run_id::RunId;

/// A file of a run that cannot be read or written.
#[derive(Debug, Error)]
#[error("cannot {action} {}", .path.display())]
pub struct StateError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl StateError {
    fn new(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }
}

/// The state folder: `$KUBSETS_STATE`, `$XDG_STATE_HOME/kubsets` or `~/.local/state/kubsets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
    secrets: Secrets,
}

impl StateDir {
    /// The folder that the environment names.
    pub fn from_environment() -> Self {
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let root = variable("KUBSETS_STATE")
            .or_else(|| variable("XDG_STATE_HOME").map(|home| home.join("kubsets")))
            .or_else(|| std::env::home_dir().map(|home| home.join(".local/state/kubsets")))
            .unwrap_or_else(|| std::env::temp_dir().join("kubsets"));
        Self::at(root)
    }

    /// A folder of the caller's choice.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), secrets: Secrets::default() }
    }

    /// The same folder, into which these secrets do not get.
    #[must_use]
    pub fn hiding(&self, secrets: &Secrets) -> Self {
        Self { root: self.root.clone(), secrets: self.secrets.and(secrets) }
    }

    /// What does not get into it.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The folder of one run.
    pub fn run(&self, run: &RunId) -> PathBuf {
        self.root.join("runs").join(run.as_str())
    }

    /// All runs on record, the newest first.
    pub fn runs(&self) -> Vec<RunId> {
        let entries = std::fs::read_dir(self.root.join("runs")).into_iter().flatten().flatten();
        let mut runs: Vec<RunId> =
            entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        runs.sort_unstable();
        runs.reverse();
        runs
    }

    /// Writes a file of a run, without [secrets](Self::hiding); a reader sees the old or the new content, never half
    /// of it.
    ///
    /// # Errors
    /// [`StateError`] when the folder cannot be written.
    pub fn write<T: Serialize>(&self, run: &RunId, file: &str, value: &T) -> Result<(), StateError> {
        if self.secrets.is_empty() {
            return self.write_as_is(run, file, value);
        }
        let path = self.run(run).join(file);
        let mut value =
            serde_json::to_value(value).map_err(|e| StateError::new("encode", &path, e.into()))?;
        self.secrets.hide(&mut value);
        self.write_as_is(run, file, &value)
    }

    /// Writes a file of a run to the letter: what an undo needs.
    pub(crate) fn write_as_is<T: Serialize>(
        &self,
        run: &RunId,
        file: &str,
        value: &T,
    ) -> Result<(), StateError> {
        let folder = self.run(run);
        private_folder(&folder).map_err(|source| StateError::new("create", &folder, source))?;
        let path = folder.join(file);
        let partial = folder.join(format!(".{file}.partial"));
        let text =
            serde_json::to_vec_pretty(value).map_err(|e| StateError::new("encode", &path, e.into()))?;
        std::fs::write(&partial, text).map_err(|source| StateError::new("write", &partial, source))?;
        std::fs::File::open(&partial)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&partial, &path))
            .map_err(|source| StateError::new("write", &path, source))
    }

    /// Reads a file of a run; `None` when it is not there.
    ///
    /// # Errors
    /// [`StateError`] when it is there but cannot be read.
    pub fn read<T: DeserializeOwned>(&self, run: &RunId, file: &str) -> Result<Option<T>, StateError> {
        let path = self.run(run).join(file);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateError::new("read", &path, source)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| StateError::new("read", &path, e.into()))
    }
}

/// Makes a folder, and those above it, that only its owner can open: bodies and addresses are on record.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_listed_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        assert!(state.runs().is_empty());
        let old: RunId = "261119-120000-aaaa".parse().unwrap();
        let new: RunId = "261120-120000-bbbb".parse().unwrap();
        state.write(&old, "x.json", &1).unwrap();
        state.write(&new, "x.json", &2).unwrap();
        assert_eq!(state.runs(), [new.clone(), old]);
        assert_eq!(state.read::<i32>(&new, "x.json").unwrap(), Some(2));
        assert_eq!(state.read::<i32>(&new, "missing.json").unwrap(), None);
        std::fs::write(state.run(&new).join("x.json"), "{").unwrap();
        assert!(state.read::<i32>(&new, "x.json").unwrap_err().to_string().starts_with("cannot read"));
    }

    #[test]
    fn secrets_do_not_get_in_except_where_an_undo_needs_the_letter() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        let run: RunId = "261119-120000-aaaa".parse().unwrap();
        let hiding = state.hiding(&Secrets::new(["s3cret-of-mine"])).hiding(&Secrets::new(["an0ther-one"]));
        hiding.write(&run, "x.json", &["a s3cret-of-mine", "an0ther-one", "b"]).unwrap();
        assert_eq!(
            state.read::<Vec<String>>(&run, "x.json").unwrap().unwrap(),
            ["a (hidden)", "(hidden)", "b"]
        );
        hiding.write_as_is(&run, "x.json", &"s3cret-of-mine").unwrap();
        assert_eq!(state.read::<String>(&run, "x.json").unwrap().unwrap(), "s3cret-of-mine");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_opens_the_folder_of_a_run() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path().join("state"));
        let run: RunId = "261119-120000-aaaa".parse().unwrap();
        state.write(&run, "x.json", &1).unwrap();
        for folder in [state.run(&run), folder.path().join("state")] {
            let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        }
    }
}
