//! One process at a time changes a cluster, and one at a time what all clusters share.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

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
        let path = file(layout, name);
        // one who leaves removes the file and the root: neither may go between the two lines below
        let _root = RootLock::take(layout)?;
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
            Err((file, _)) => Err(Error::Busy { name: name.to_string(), owner: owner(file) }),
        }
    }

    /// Who changes a cluster at this moment, as `process 4711`; `None` where nobody does, or it cannot be told.
    pub fn owner(layout: &Layout, name: &ClusterName) -> Option<String> {
        // nobody may take the lock while it is tried
        let _root = RootLock::take(layout).ok()?;
        let file = File::open(file(layout, name)).ok()?;
        Flock::lock(file, FlockArg::LockSharedNonblock).err().map(|(file, _)| owner(file))
    }

    /// Whether somebody has the lock, or was killed while he had it.
    pub fn exists(layout: &Layout, name: &ClusterName) -> bool {
        file(layout, name).exists()
    }

    /// Removes the lock's file; for one who holds it and the root's, when nothing of the cluster is left.
    pub fn forget(layout: &Layout, name: &ClusterName) {
        let _ = fs::remove_file(file(layout, name));
    }
}

/// What the owner wrote; it is only for messages.
fn owner(mut file: File) -> String {
    let mut owner = String::new();
    let _ = file.read_to_string(&mut owner);
    owner
}

fn file(layout: &Layout, name: &ClusterName) -> PathBuf {
    layout.root().join(format!(".{name}.lock"))
}

/// Held for a moment by one who chooses addresses, changes the host for all clusters, or puts it back.
///
/// It is on the root folder itself, so that it leaves no file.
pub struct RootLock(#[expect(dead_code, reason = "held for its drop")] Flock<File>);

impl RootLock {
    /// Waits for the lock; makes the root where it is missing.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn take(layout: &Layout) -> Result<Self> {
        let root = layout.root();
        loop {
            fs::create_dir_all(root).map_err(Error::file("create", root))?;
            let folder = match File::open(root) {
                // its owner removed it with the last cluster
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                other => other.map_err(Error::file("open", root))?,
            };
            let lock = Flock::lock(folder, FlockArg::LockExclusive)
                .map_err(|(_, errno)| Error::kernel("lock the folder of native clusters")(errno))?;
            if is_at(&lock, root) {
                return Ok(Self(lock));
            }
        }
    }
}

/// Whether an open file is still the one at this path: one that waited for a lock may get that of a removed file.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, name) = (Layout::new(folder.path()), ClusterName::default());
        assert_eq!(ClusterLock::owner(&layout, &name), None);
        let first = ClusterLock::take(&layout, &name).unwrap();
        let this = format!("process {}", std::process::id());
        assert_eq!(ClusterLock::owner(&layout, &name).as_ref(), Some(&this));
        match ClusterLock::take(&layout, &name) {
            Err(Error::Busy { owner, .. }) => assert_eq!(owner, this),
            Err(other) => panic!("unexpected {other:?}"),
            Ok(_) => panic!("two owners"),
        }
        drop(first);
        assert_eq!(ClusterLock::owner(&layout, &name), None);
        ClusterLock::take(&layout, &name).unwrap();
    }

    #[test]
    fn one_who_waited_for_a_root_that_went_gets_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("root"));
        let first = RootLock::take(&layout).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| RootLock::take(&layout).map(|_lock| layout.root().exists()));
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert!(!second.is_finished(), "two owners");
            fs::remove_dir(layout.root()).unwrap();
            drop(first);
            assert!(second.join().unwrap().unwrap(), "it has the lock of a folder that is gone");
        });
    }
}
