//! Data inside the binary: platform components and labs.

use std::borrow::Cow;

use rust_embed::RustEmbed;

/// `platform/`: one folder per component.
#[derive(RustEmbed)]
#[folder = "platform"]
#[allow_missing = true]
pub(crate) struct Platform;

/// `labs/`: one folder per family, in it one per lab.
#[derive(RustEmbed)]
#[folder = "labs"]
#[allow_missing = true]
pub(crate) struct Labs;

/// `k8s/` of the repository: the demo stack as Kustomize folders.
#[derive(RustEmbed)]
#[folder = "../k8s"]
pub(crate) struct Stack;

/// The paths of all files of a folder, sorted.
pub(crate) fn paths<A: RustEmbed>() -> Vec<String> {
    let mut paths: Vec<String> = A::iter().map(Cow::into_owned).collect();
    paths.sort();
    paths
}

/// The text of an embedded file, where it exists and is UTF-8.
pub(crate) fn text<A: RustEmbed>(path: &str) -> Option<String> {
    let file = A::get(path)?;
    match file.data {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok(),
    }
}
