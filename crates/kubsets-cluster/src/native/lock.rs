//! One process at a time changes a cluster.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};

use nix::fcntl::{Flock, FlockArg};

use super::state::Layout;
use crate::{ClusterName, Error, Result};

/// Held while a cluster is changed; the kernel lets go of it when its owner dies.
pub struct ClusterLock(#[expect(dead_code, reason = "held for its drop")] Flock<File>);

impl ClusterLock {
    /// Takes the lock of a cluster without waiting.
    ///
    /// # Errors
    /// [`Error::Busy`] where another process has it.
    pub fn take(layout: &Layout, name: &ClusterName) -> Result<Self> {
        let path = layout.root().join(format!(".{name}.lock"));
        fs::create_dir_all(layout.root()).map_err(Error::file("create", layout.root()))?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::file("open", &path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                let note = |file: &mut File| -> std::io::Result<()> {
                    file.set_len(0)?;
                    file.rewind()?;
                    write!(file, "process {}", std::process::id())
                };
                note(&mut lock).map_err(Error::file("write", &path))?;
                Ok(Self(lock))
            }
            Err((mut file, _)) => {
                let mut owner = String::new();
                // the owner's name is only for the message
                let _ = file.read_to_string(&mut owner);
                Err(Error::Busy { name: name.to_string(), owner })
            }
        }
    }

    /// Removes the lock's file; for the end of the last cluster's removal.
    pub fn forget(layout: &Layout, name: &ClusterName) {
        let _ = fs::remove_file(layout.root().join(format!(".{name}.lock")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, name) = (Layout::new(folder.path()), ClusterName::default());
        let first = ClusterLock::take(&layout, &name).unwrap();
        match ClusterLock::take(&layout, &name) {
            Err(Error::Busy { owner, .. }) => assert_eq!(owner, format!("process {}", std::process::id())),
            Err(other) => panic!("unexpected {other:?}"),
            Ok(_) => panic!("two owners"),
        }
        drop(first);
        ClusterLock::take(&layout, &name).unwrap();
    }
}
