//! OCI images from files and packages, without a container engine.
//!
//! A [`Recipe`] names layers: a Go package, a Rust binary, a Python wheel, jars, Debian packages,
//! plain files. [`build`] makes each layer as a tar file with sorted entries, fixed times and fixed
//! owners, and writes the image as an archive (for `ctr images import` and `docker load`), as an OCI
//! layout and as a list of its parts (SPDX). Everything is kept in a [`Cache`] by the hash of what it
//! was made from.
//!
//! The crate also builds the programs that run on the host of a native cluster
//! ([`native_binaries`]) and finds the folders of Go modules, where charts and manifests lie
//! ([`module_dir`]).
//!
//! It does not talk to a cluster and does not run containers.

mod archive;
mod build;
mod cache;
mod command;
mod digest;
mod elf;
mod go;
mod host_package;
mod inputs;
mod native;
mod oci;
mod progress;
mod prune;
mod recipe;
mod sbom;
mod source;
mod tree;
mod zip;

pub use archive::names_in;
pub use build::{BuildError, BuiltImage, build, is_cached, list, outline};
pub use cache::{Cache, CacheError};
pub use command::CommandError;
pub use go::{GoError, GoModule, ModuleSource, installed_go, module_dir};
pub use inputs::{Crate, Inputs};
pub use native::{NativeBinaries, native_binaries, native_outline};
pub use progress::{Event, Expected, Parts, Progress};
pub use recipe::{
    DebianLayer, FileEntry, GoBinary, JarArtifact, Layer, MavenLayer, Recipe, RecipeError, RustBinary,
    WheelLayer,
};
pub use source::SourceError;
