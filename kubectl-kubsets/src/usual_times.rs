//! How long things usually take on this machine: as they took before, else as they take on two cores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What took longer is no work that is waited for, and what is remembered of it is damaged.
const LONGEST: Duration = Duration::from_hours(24);
/// Name of the file in the cache folder.
const FILE: &str = "usual-times.json";

/// Seconds by the kind of work, kept in a file. Best effort: without the file everything takes as long as on two cores.
#[derive(Clone, Debug)]
pub(crate) struct UsualTimes {
    path: PathBuf,
    known: Arc<Mutex<Option<BTreeMap<String, f64>>>>,
}

impl UsualTimes {
    /// The times that this cache folder remembers; they are read when the first is asked for.
    pub(crate) fn in_cache(folder: &Path) -> Self {
        Self { path: folder.join(FILE), known: Arc::default() }
    }

    /// How long this kind of work takes.
    pub(crate) fn of(&self, kind: &str, on_two_cores: Duration) -> Duration {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(|| read(&self.path));
        let remembered = known.get(kind).and_then(|seconds| Duration::try_from_secs_f64(*seconds).ok());
        remembered.filter(|time| *time <= LONGEST).unwrap_or(on_two_cores)
    }

    /// Remembers how long it took: half of what is remembered is the last time, a quarter the one before, and so on.
    pub(crate) fn learn(&self, kind: &str, took: Duration) {
        // another process may have learned something meanwhile
        let mut all = read(&self.path);
        let took = took.as_secs_f64();
        all.entry(kind.to_owned()).and_modify(|known| *known = f64::midpoint(*known, took)).or_insert(took);
        // it is only a guess at the next time
        let _ = write(&self.path, &all);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(all);
    }
}

fn read(path: &Path) -> BTreeMap<String, f64> {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Writes the whole file or nothing.
fn write(path: &Path, all: &BTreeMap<String, f64>) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&file, all)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILTIN: Duration = Duration::from_secs(15);

    #[test]
    fn what_was_learned_is_known_to_the_next_process() {
        let folder = tempfile::tempdir().expect("is made");
        let cache = folder.path().join("kubsets");
        let times = UsualTimes::in_cache(&cache);
        assert_eq!(times.of("start", BUILTIN), BUILTIN);
        times.learn("start", Duration::from_secs(40));
        assert_eq!(times.of("start", BUILTIN), Duration::from_secs(40));
        let next = UsualTimes::in_cache(&cache);
        assert_eq!(next.of("start", BUILTIN), Duration::from_secs(40));
        next.learn("start", Duration::from_secs(20));
        next.learn("other", Duration::from_secs(1));
        assert_eq!(next.of("start", BUILTIN), Duration::from_secs(30));
        times.learn("other", Duration::from_secs(1));
        assert_eq!(times.of("start", BUILTIN), Duration::from_secs(30), "of the other process");
    }

    #[test]
    fn a_damaged_file_is_no_trouble() {
        let folder = tempfile::tempdir().expect("is made");
        for text in ["", "[]", "{\"start\": -1}", "{\"start\": 1e19}", "{\"start\": 1e300}"] {
            std::fs::write(folder.path().join(FILE), text).expect("is written");
            assert_eq!(UsualTimes::in_cache(folder.path()).of("start", BUILTIN), BUILTIN, "{text}");
        }
        UsualTimes::in_cache(Path::new("/proc/none")).learn("start", BUILTIN);
    }
}
