//! Where runs are kept on disk.

use std::path::{Path, PathBuf};

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
        Self { root }
    }

    /// A folder of the caller's choice.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
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

    /// Writes a file of a run; a reader sees the old or the new content, never half of it.
    ///
    /// # Errors
    /// [`StateError`] when the folder cannot be written.
    pub fn write<T: Serialize>(&self, run: &RunId, file: &str, value: &T) -> Result<(), StateError> {
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
