//! Unpacked images kept for the next node, so that they are imported once and not once a node.
//!
//! A template is the folder of a node's containerd at a moment when nothing ran in it. A new node gets it by hard
//! links: layers and blobs never change in place. Databases do, so they are copied.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::node;
use crate::command::{HostRunner, Invocation, Runner, WORK};
use crate::{Error, Result};

/// What belongs to a template, as names below a node's folder.
const PARTS: [&str; 2] = ["containerd", "images.json"];

/// Templates in one folder of the cache; the newest only.
#[derive(Debug, Clone)]
pub struct TemplateStore {
    root: PathBuf,
}

impl TemplateStore {
    /// The store in this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The template of a set of archives.
    ///
    /// # Errors
    /// [`Error::File`] where an archive cannot be read.
    pub fn template(&self, archives: &[PathBuf]) -> Result<Template> {
        let mut identities = archives.iter().map(|a| node::identity(a)).collect::<Result<Vec<_>>>()?;
        identities.sort();
        let digest = Sha256::digest(identities.join("\n"));
        let key = u128::from_be_bytes(digest[..16].try_into().expect("a digest has 32 bytes"));
        Ok(Template { folder: self.root.join(format!("{key:032x}")), root: self.root.clone() })
    }
}

/// One template, there or not.
#[derive(Debug, Clone)]
pub struct Template {
    folder: PathBuf,
    root: PathBuf,
}

impl Template {
    /// Whether it was harvested.
    pub fn exists(&self) -> bool {
        self.folder.exists()
    }

    /// Gives its images to a node that has none. Tells whether it did; it cannot across file systems.
    ///
    /// # Errors
    /// [`Error::File`] where a failed copy cannot be removed.
    pub fn stamp(&self, node_folder: &Path) -> Result<bool> {
        if !self.exists() || node_folder.join("images.json").exists() {
            return Ok(false);
        }
        fs::create_dir_all(node_folder).map_err(Error::file("create", node_folder))?;
        copy(&self.folder, node_folder)
    }

    /// Takes the images of a node that is stopped, and forgets older templates. Does nothing across file systems.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn harvest(&self, node_folder: &Path) -> Result<()> {
        let partial = self.root.join("partial");
        remove(&partial)?;
        fs::create_dir_all(&partial).map_err(Error::file("create", &partial))?;
        if !copy(node_folder, &partial)? {
            return remove(&partial);
        }
        // every containerd makes an identity of its own
        remove(&partial.join("containerd/io.containerd.grpc.v1.introspection"))?;
        for entry in fs::read_dir(&self.root)
            .map_err(Error::file("list", &self.root))?
            .filter_map(std::result::Result::ok)
        {
            if entry.path() != partial {
                remove(&entry.path())?;
            }
        }
        fs::rename(&partial, &self.folder).map_err(Error::file("rename", &partial))
    }
}

/// Links the parts of a template into another folder; copies databases. `false` where links are not possible.
fn copy(from: &Path, to: &Path) -> Result<bool> {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    for part in PARTS {
        let target = to.join(part);
        remove(&target)?;
        let link = Invocation::new("cp").args(["--archive", "--link", "--no-target-directory"]).within(WORK);
        if HostRunner.run(&link.args([text(from.join(part)), text(target.clone())])).is_err() {
            for part in PARTS {
                remove(&to.join(part))?;
            }
            return Ok(false);
        }
    }
    let mut changing = databases(&from.join("containerd"))?;
    changing.push(from.join("images.json"));
    for file in changing {
        let below = file.strip_prefix(from).expect("it was found there");
        let copy = Invocation::new("cp").args(["--archive", "--remove-destination"]).within(WORK);
        HostRunner.run(&copy.args([text(file.clone()), text(to.join(below))]))?;
    }
    Ok(true)
}

/// The databases of a containerd, which lie directly in its plugins' folders.
fn databases(containerd: &Path) -> Result<Vec<PathBuf>> {
    let list = |folder: &Path| -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(folder).map_err(Error::file("list", folder))?;
        Ok(entries.filter_map(|e| Some(e.ok()?.path())).collect())
    };
    let mut found = Vec::new();
    for plugin in list(containerd)?.into_iter().filter(|p| p.is_dir()) {
        found.extend(list(&plugin)?.into_iter().filter(|p| p.extension().is_some_and(|e| e == "db")));
    }
    Ok(found)
}

fn remove(path: &Path) -> Result<()> {
    let result = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match result {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", path)(e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn node(root: &Path, name: &str) -> PathBuf {
        let folder = root.join(name);
        fs::create_dir_all(folder.join("containerd/bolt")).unwrap();
        fs::create_dir_all(folder.join("containerd/blobs")).unwrap();
        fs::write(folder.join("containerd/bolt/meta.db"), "database").unwrap();
        fs::write(folder.join("containerd/blobs/layer"), "layer").unwrap();
        fs::write(folder.join("images.json"), "[]").unwrap();
        folder
    }

    #[test]
    fn layers_are_linked_and_databases_copied() {
        let root = tempfile::tempdir().unwrap();
        let archive = root.path().join("a.tar");
        fs::write(&archive, "a").unwrap();
        let store = TemplateStore::new(root.path().join("templates"));
        let template = store.template(std::slice::from_ref(&archive)).unwrap();
        let first = node(root.path(), "first");
        assert!(!template.stamp(&root.path().join("second")).unwrap());
        template.harvest(&first).unwrap();
        let second = root.path().join("second");
        assert!(template.stamp(&second).unwrap());
        let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
        assert_eq!(inode(first.join("containerd/blobs/layer")), inode(second.join("containerd/blobs/layer")));
        assert_ne!(
            inode(first.join("containerd/bolt/meta.db")),
            inode(second.join("containerd/bolt/meta.db"))
        );
        assert!(!template.stamp(&second).unwrap(), "a node with images was overwritten");

        fs::write(&archive, "another").unwrap();
        let newer = store.template(&[archive]).unwrap();
        assert!(!newer.exists());
        newer.harvest(&first).unwrap();
        assert!(newer.exists() && !template.exists());
    }
}
