//! A folder for the time of one command. What a killed command left is removed by the next one.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// File that the owner of a folder, or of all of them for a moment, has locked; the kernel lets go of it when it dies.
const LOCK: &str = ".lock";

/// A folder that goes with its owner.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    #[expect(dead_code, reason = "held for its drop")]
    lock: File,
}

impl Scratch {
    /// A new folder below `parent`, after the folders of dead owners are removed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn below(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        // between the making of a folder and its lock nobody may take it for one that was left
        let everything = File::create(parent.join(LOCK))?;
        everything.lock()?;
        remove_left(parent);
        let folder = TempDir::new_in(parent)?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { folder, lock })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes folders whose owners are dead. Best effort: they cost only space.
fn remove_left(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for folder in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let lock = File::options().write(true).open(folder.join(LOCK));
        let is_alive = lock.is_ok_and(|lock| lock.try_lock().is_err());
        if !is_alive {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_left_goes_and_what_the_living_have_stays() {
        let parent = tempfile::tempdir().unwrap();
        let folders = || {
            let entries = fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.is_dir()).count()
        };
        // as a kill leaves them: with files and an owner who has let go of the lock, or before there was one
        for dead in ["a", "b"] {
            fs::create_dir_all(parent.path().join(dead).join("k8s")).unwrap();
        }
        fs::write(parent.path().join("a").join(LOCK), "").unwrap();
        let first = Scratch::below(parent.path()).unwrap();
        assert_eq!(folders(), 1);
        let second = Scratch::below(parent.path()).unwrap();
        assert!(first.path().is_dir() && second.path().is_dir());
        drop((first, second));
        assert_eq!(folders(), 0);
    }
}
