//! The folder where everything is kept that was built once.
//!
//! Each entry is a folder `<kind>/<key>`, where the key is the hash of what the entry was made from.
//! An entry is made in a temporary folder and renamed into place, so that it is either whole or absent.

use std::{
    env,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::progress::{Event, Progress, Sink};

/// Start of the names of entries that are still being made.
const UNFINISHED: &str = ".making-";
/// No entry takes that long to make.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);

/// The cache folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// The cache folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Neither `KUBSETS_CACHE` nor `XDG_CACHE_HOME` nor `HOME` says where the cache is.
    #[error("no cache folder: set KUBSETS_CACHE, XDG_CACHE_HOME or HOME")]
    NoHome,
    /// A file or folder of the cache cannot be made, read or moved.
    #[error("cannot use {path} in the cache")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl CacheError {
    pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

impl Cache {
    /// Uses this folder, which is made when the first entry is.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The user's cache: `$KUBSETS_CACHE`, else `$XDG_CACHE_HOME/kubsets`, else `~/.cache/kubsets`.
    ///
    /// # Errors
    /// When none of the three variables is set.
    pub fn user() -> Result<Self, CacheError> {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        variable("KUBSETS_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|home| home.join("kubsets")))
            .or_else(|| variable("HOME").map(|home| home.join(".cache/kubsets")))
            .map(Self::new)
            .ok_or(CacheError::NoHome)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the entry is, whether it exists or not.
    pub(crate) fn path(&self, kind: &str, key: &str) -> PathBuf {
        self.root.join(kind).join(key)
    }

    /// Whether the entry exists.
    pub(crate) fn has(&self, kind: &str, key: &str) -> bool {
        self.path(kind, key).is_dir()
    }

    /// The folders of all entries of a kind.
    pub(crate) fn entries(&self, kind: &str) -> Result<Vec<PathBuf>, CacheError> {
        let parent = self.root.join(kind);
        let entries = match fs::read_dir(&parent) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(CacheError::at(parent)(error)),
        };
        let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
        let mut paths = paths.map_err(CacheError::at(parent))?;
        paths.retain(|path| !is_unfinished(path));
        Ok(paths)
    }

    /// Returns the entry's folder; makes it first when it is absent.
    ///
    /// `make` fills an empty folder. Only one process at a time makes an entry; the others wait
    /// and then use it. `make` reports its own progress; it is not called when the entry is there.
    pub(crate) fn entry<E: From<CacheError>>(
        &self,
        kind: &str,
        key: &str,
        sink: Sink<'_>,
        make: impl FnOnce(&Path, Sink<'_>) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        let path = self.path(kind, key);
        if path.is_dir() {
            return Ok(path);
        }
        let _lock = self.lock(kind, key, sink)?;
        if path.is_dir() {
            return Ok(path);
        }
        let parent = self.root.join(kind);
        fs::create_dir_all(&parent).map_err(CacheError::at(&parent))?;
        remove_abandoned(&parent);
        let work = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&parent)
            .map_err(CacheError::at(&parent))?;
        make(work.path(), sink)?;
        open_to_all(work.path()).map_err(CacheError::at(work.path()))?;
        fs::rename(work.path(), &path).map_err(CacheError::at(&path))?;
        // the folder has moved: there is nothing left to remove
        let _ = work.keep();
        Ok(path)
    }

    /// Takes the lock of an entry and holds it until the file is dropped or the process ends.
    fn lock(&self, kind: &str, key: &str, sink: Sink<'_>) -> Result<File, CacheError> {
        let folder = self.root.join("locks");
        fs::create_dir_all(&folder).map_err(CacheError::at(&folder))?;
        let path = folder.join(format!("{}-{key}", kind.replace('/', "-")));
        let file = File::create(&path).map_err(CacheError::at(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let stage = "another process builds this".to_owned();
                sink(Progress { subject: kind.to_owned(), stage, event: Event::Waiting });
                file.lock().map_err(CacheError::at(&path))?;
            }
            Err(TryLockError::Error(error)) => return Err(CacheError::at(&path)(error)),
        }
        Ok(file)
    }
}

fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED))
}

/// Removes what a killed process left behind. Best effort: it costs only space.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| is_unfinished(path)) {
        let age =
            fs::metadata(&path).and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED_AFTER) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Temporary folders are private; entries of the cache are readable by all.
fn open_to_all(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_an_entry_once_and_leaves_nothing_behind_on_failure() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path());
        let mut made = 0;
        for _ in 0..2 {
            let path = cache
                .entry::<CacheError>("kind", "key", &mut |_| {}, |dir, _| {
                    made += 1;
                    fs::write(dir.join("file"), "content").map_err(CacheError::at(dir))
                })
                .unwrap();
            assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "content");
        }
        assert_eq!(made, 1);

        let failed = cache.entry("kind", "bad", &mut |_| {}, |_, _| Err(CacheError::NoHome));
        assert!(matches!(failed, Err(CacheError::NoHome)));
        let left: Vec<_> = fs::read_dir(root.path().join("kind")).unwrap().collect();
        assert_eq!(left.len(), 1, "only the good entry remains: {left:?}");
    }

    #[test]
    fn two_threads_do_not_make_the_same_entry_twice() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path());
        let made = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    cache
                        .entry::<CacheError>("kind", "key", &mut |_| {}, |_, _| {
                            made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            std::thread::sleep(std::time::Duration::from_millis(20));
                            Ok(())
                        })
                        .unwrap();
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }
}
