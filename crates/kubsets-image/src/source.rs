//! The files of a layer, by where they come from.

mod base;
mod debian;
mod glob;
mod maven;
mod wheel;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    cache::{Cache, CacheError},
    command::CommandError,
    digest, elf,
    go::{self, GoError},
    inputs::{Crate, Inputs},
    progress::{Expected, Sink},
    recipe::{FileEntry, GoBinary, Layer, RustBinary},
    tree::{Content, Node, Tree},
};

pub(crate) use base::{base_key, base_layer};

/// The version of our own programs.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The files of a layer cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// One of our own programs was not built.
    #[error("{path} is not there; build it first with `cargo build --release --bin {bin}`")]
    NotBuilt {
        /// Where it was looked for.
        path: PathBuf,
        /// Name of the program.
        bin: String,
    },
    /// A download is not what was pinned.
    #[error("{name} has the SHA-256 {found}, expected {expected}")]
    Checksum {
        /// What was downloaded.
        name: String,
        /// Its hash.
        found: String,
        /// The pinned hash.
        expected: String,
    },
    /// A recipe names something that is not there.
    #[error("{0}")]
    Absent(String),
    /// The part is not in the cache and the network may not be used.
    #[error("{0} is not in the cache and the build is offline")]
    Offline(String),
    /// A Go program cannot be built.
    #[error(transparent)]
    Go(#[from] GoError),
    /// Another program failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A file cannot be read or written.
    #[error("cannot use {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl SourceError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Something that a layer contains, for the list of the image's parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Package URL, for example `pkg:deb/debian/nftables@1.0.6`.
    pub(crate) purl: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
}

/// The files of a layer and what they are.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) tree: Tree,
    pub(crate) parts: Vec<Part>,
}

/// The hash of everything that decides the content of a layer.
pub(crate) fn key(layer: &Layer, inputs: &Inputs) -> Result<String, SourceError> {
    let architecture = std::env::consts::ARCH;
    Ok(match layer {
        Layer::GoBinary(binary) => {
            let program = go::key_of(binary, inputs)?;
            digest::of_key(&("go", program, &binary.to))
        }
        Layer::RustBinary(binary) => {
            let path = rust_path(binary, inputs)?;
            let hash = digest::of_file(&path).map_err(SourceError::at(&path))?;
            let libraries = elf::with_hashes(elf::libraries(&path)?)?;
            digest::of_key(&("rust-2", hash, libraries, &binary.to, inputs.crates.get(&binary.bin)))
        }
        // which libraries of this host its program needs is known only when it is here
        Layer::Wheel(_) => {
            digest::of_key(&("wheel-2", layer, architecture, elf::with_hashes(elf::usual_libraries())?))
        }
        other => digest::of_key(&(other, architecture)),
    })
}

/// The stage that brings the files of a layer of `subject`, added to others where it takes more than a moment.
pub(crate) fn expect(layer: &Layer, subject: &str, cache: &Cache, others: &mut Vec<Expected>) {
    let stage = match layer {
        Layer::Debian(layer) => Some(debian::expected(layer, subject)),
        Layer::Wheel(wheel) => Some(wheel::expected(wheel, subject)),
        Layer::Maven(jars) => maven::expected(jars, subject, cache),
        Layer::GoBinary(_) | Layer::RustBinary(_) | Layer::Files(_) => None,
    };
    if let Some(stage) = stage {
        stage.join(others);
    }
}

/// Where the files of a layer come from and where they are put.
pub(crate) struct Context<'a> {
    /// The image, for messages.
    pub(crate) subject: &'a str,
    pub(crate) inputs: &'a Inputs,
    pub(crate) cache: &'a Cache,
    /// A folder that is removed when the layer is written.
    pub(crate) work: &'a Path,
}

/// Builds or downloads the files of a layer.
pub(crate) fn files(layer: &Layer, context: &Context<'_>, sink: Sink<'_>) -> Result<Files, SourceError> {
    match layer {
        Layer::GoBinary(binary) => go_files(binary, context, sink),
        Layer::RustBinary(binary) => rust_files(binary, context.inputs),
        Layer::Wheel(wheel) => wheel::files(wheel, context, sink),
        Layer::Maven(maven) => maven::files(maven, context, sink),
        Layer::Debian(debian) => debian::files(debian, context, sink),
        Layer::Files(entries) => Ok(plain_files(entries)),
    }
}

fn go_files(binary: &GoBinary, context: &Context<'_>, sink: Sink<'_>) -> Result<Files, SourceError> {
    let built = go::compile(binary, context.inputs, context.cache, context.work, sink)?;
    let mut files = Files { parts: go::parts(&built.build_info), ..Files::default() };
    files.tree.file(&binary.to, 0o755, Content::Path(built.program));
    Ok(files)
}

fn rust_path(binary: &RustBinary, inputs: &Inputs) -> Result<PathBuf, SourceError> {
    let path = inputs.binaries.join(&binary.bin);
    if path.is_file() { Ok(path) } else { Err(SourceError::NotBuilt { path, bin: binary.bin.clone() }) }
}

fn rust_files(binary: &RustBinary, inputs: &Inputs) -> Result<Files, SourceError> {
    let path = rust_path(binary, inputs)?;
    let mut files = Files::default();
    files.parts.push(Part {
        purl: format!("pkg:cargo/{}@{VERSION}", binary.bin),
        name: binary.bin.clone(),
        version: VERSION.to_owned(),
        sha256: Some(digest::of_file(&path).map_err(SourceError::at(&path))?),
    });
    files.parts.extend(inputs.crates.get(&binary.bin).into_iter().flatten().map(crate_part));
    elf::add_libraries(&mut files, &path)?;
    files.tree.file(&binary.to, 0o755, Content::Path(path));
    Ok(files)
}

fn crate_part(linked: &Crate) -> Part {
    let Crate { name, version, sha256 } = linked.clone();
    Part { purl: format!("pkg:cargo/{name}@{version}"), name, version, sha256 }
}

fn plain_files(entries: &[FileEntry]) -> Files {
    let mut files = Files::default();
    for entry in entries {
        let mode = entry.mode().expect("recipes are checked before they are built");
        match (&entry.content, &entry.link) {
            (Some(content), _) => files.tree.file(&entry.path, mode, Content::Bytes(content.clone().into())),
            (None, Some(target)) => files.tree.insert(&entry.path, Node::Symlink { target: target.clone() }),
            (None, None) => files.tree.folder(&entry.path, mode),
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn own_programs_list_their_crates_and_libraries() {
        let program = std::env::current_exe().unwrap();
        let bin = program.file_name().unwrap().to_str().unwrap().to_owned();
        let linked = Crate { name: "serde".into(), version: "1.0.0".into(), sha256: Some("0".repeat(64)) };
        let inputs = Inputs {
            binaries: program.parent().unwrap().to_owned(),
            crates: [(bin.clone(), vec![linked])].into(),
            ..Inputs::default()
        };
        let binary = RustBinary { bin: bin.clone(), to: "/program".into() };
        let parts = rust_files(&binary, &inputs).unwrap().parts;
        assert_eq!((parts[0].name.as_str(), parts[1].purl.as_str()), (bin.as_str(), "pkg:cargo/serde@1.0.0"));
        assert_eq!(parts.len() - 2, elf::libraries(&program).unwrap().len());

        let layer = Layer::RustBinary(binary);
        let known = key(&layer, &inputs).unwrap();
        assert_ne!(known, key(&layer, &Inputs { crates: BTreeMap::new(), ..inputs }).unwrap());
    }
}
