//! Removes what no image needs any more.

use std::{collections::BTreeSet, fs, io, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use crate::{
    build::{BuildError, list},
    cache::{Cache, CacheError},
};

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    pub(crate) images: usize,
    pub(crate) layers: usize,
}

/// Removes images that have a newer one of the same name, and layers that no image uses.
///
/// Younger entries stay: another process may be about to load or to link them.
pub(crate) fn prune(cache: &Cache, older_than: Duration) -> Result<Pruned, BuildError> {
    let mut pruned = Pruned::default();
    let mut seen = BTreeSet::new();
    for image in list(cache)?.into_iter().rev() {
        let folder = image.archive.parent().expect("archives lie in the folder of their image");
        if !seen.insert(image.reference.clone()) && is_older(folder, older_than) {
            fs::remove_dir_all(folder).map_err(CacheError::at(folder))?;
            pruned.images += 1;
        }
    }
    let used = used_layers(cache)?;
    for folder in cache.entries("layers")? {
        let layer = folder.join("layer.tar");
        let data = fs::metadata(&layer).map_err(CacheError::at(&layer))?;
        if !used.contains(&data.ino()) && is_older(&folder, older_than) {
            fs::remove_dir_all(&folder).map_err(CacheError::at(&folder))?;
            pruned.layers += 1;
        }
    }
    Ok(pruned)
}

fn is_older(folder: &Path, than: Duration) -> bool {
    let modified = fs::metadata(folder).and_then(|data| data.modified());
    modified.ok().and_then(|time| time.elapsed().ok()).is_some_and(|age| age >= than)
}

/// Layers of a layout are hard links to those of the cache: they have the same inode.
fn used_layers(cache: &Cache) -> Result<BTreeSet<u64>, CacheError> {
    let mut used = BTreeSet::new();
    for image in cache.entries("images")? {
        let blobs = image.join("layout/blobs/sha256");
        inodes(&blobs, &mut used).map_err(CacheError::at(&blobs))?;
    }
    Ok(used)
}

fn inodes(folder: &Path, found: &mut BTreeSet<u64>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        found.insert(entry?.metadata()?.ino());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Inputs, Recipe, build};

    #[test]
    fn keeps_the_newest_image_of_each_name_and_its_layers() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path());
        let image = |name: &str, content: &str| {
            let recipe = Recipe::from_yaml(&format!(
                "{{reference: 'x/{name}:1', source: x, caCertificates: false, \
                 layers: [{{files: [{{path: /a, content: {content}}}]}}]}}"
            ))
            .unwrap();
            build(&recipe, &Inputs::default(), &cache, &mut |_| {}).unwrap()
        };
        let (old, new, other) = (image("one", "old"), image("one", "new"), image("two", "other"));
        assert_eq!(prune(&cache, Duration::from_hours(1)).unwrap(), Pruned::default());
        assert!(old.archive.exists());
        assert_eq!(prune(&cache, Duration::ZERO).unwrap(), Pruned { images: 1, layers: 1 });
        assert!(!old.archive.exists() && new.archive.exists() && other.layout.exists());
        assert_eq!(prune(&cache, Duration::ZERO).unwrap(), Pruned::default());
    }
}
