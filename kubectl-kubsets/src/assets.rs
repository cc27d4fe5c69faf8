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

/// The crates in each of our programs, as JSON: lists of name, version and SHA-256 by program.
pub(crate) const CRATES: &str = include_str!(concat!(env!("OUT_DIR"), "/crates.json"));

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kubsets_image::Crate;

    use super::*;

    #[test]
    fn crates_are_those_that_a_program_is_linked_with() {
        let crates: BTreeMap<String, Vec<Crate>> = serde_json::from_str(CRATES).unwrap();
        let linked = |program: &str, name: &str| crates[program].iter().find(|linked| linked.name == name);
        let axum = linked("demo-app", "axum").unwrap();
        assert_eq!(axum.sha256.as_deref().map(str::len), Some(64));
        assert!(linked("worker", "kubsets-telemetry").unwrap().sha256.is_none());
        assert!(linked("worker", "rdkafka-sys").is_some());
        for (program, other) in [
            ("kubectl-kubsets", "sqlx"),
            ("kubectl-kubsets", "rcgen"),
            ("demo-app", "serde_derive"),
            ("demo-app", "demo-app"),
        ] {
            assert!(linked(program, other).is_none(), "{other} in {program}");
        }
    }
}
