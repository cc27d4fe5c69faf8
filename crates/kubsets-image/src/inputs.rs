//! What a build needs besides the recipe.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::go::GoModule;

/// What a build needs besides the recipe.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Folder of our own release binaries, for example `target/release`.
    pub binaries: PathBuf,
    /// The crates that each of these binaries is linked with, by its file name.
    pub crates: BTreeMap<String, Vec<Crate>>,
    /// Go modules by the name that recipes use. `native` and `containerd` are needed by
    /// [`native_binaries`](crate::native_binaries).
    pub modules: BTreeMap<String, GoModule>,
    /// Revision label of images made from our own source: the Git commit, or `unknown`.
    pub revision: String,
    /// Never use the network: a part that is not in the cache is an error.
    pub offline: bool,
}

/// A crate, as Cargo resolved it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// SHA-256 of its archive; none for a crate of this repository.
    pub sha256: Option<String>,
}

/// The files of the module that the programs of the cluster are built in.
const NATIVE: [&str; 4] = ["go.mod", "go.sum", "tools.go", "coredns/main.go"];

impl Inputs {
    /// Takes the Go modules from the embedded platform files.
    ///
    /// `read` gets a path such as `native-go/go.mod`, relative to the platform folder, and returns the
    /// file's text. These files are read: those of `native-go` and
    /// `containerd-go/source.yaml`.
    ///
    /// # Errors
    /// Names the file that is missing or cannot be parsed.
    pub fn from_platform(
        binaries: impl Into<PathBuf>,
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let text = |path: &str| read(path).ok_or_else(|| format!("platform file {path} is missing"));
        let native = NATIVE.map(|path| Ok((path.to_owned(), text(&format!("native-go/{path}"))?)));
        let native = GoModule::Own(native.into_iter().collect::<Result<_, String>>()?);
        let source = "containerd-go/source.yaml";
        let containerd =
            GoModule::copy_from_yaml(&text(source)?).map_err(|error| format!("{source}: {error}"))?;
        Ok(Self {
            binaries: binaries.into(),
            crates: BTreeMap::new(),
            modules: [("native".to_owned(), native), ("containerd".to_owned(), containerd)].into(),
            revision: "unknown".to_owned(),
            offline: false,
        })
    }
}
