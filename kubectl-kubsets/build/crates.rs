//! The crates that are linked into each of our programs, for the lists of parts beside the images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

/// What Cargo resolved for this build.
pub(crate) struct Workspace {
    metadata: Value,
    /// SHA-256 of the archives of published crates, by name and version.
    checksums: BTreeMap<(String, String), String>,
}

impl Workspace {
    /// Asks Cargo, for the platform that is built for.
    pub(crate) fn read() -> Result<Self, String> {
        let cargo = std::env::var("CARGO").map_err(|_| "CARGO is not set".to_owned())?;
        let target = std::env::var("TARGET").map_err(|_| "TARGET is not set".to_owned())?;
        let output = Command::new(cargo)
            .args(["metadata", "--locked", "--format-version=1", "--filter-platform", &target])
            .output()
            .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
        if !output.status.success() {
            return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        let lock = PathBuf::from(text(&metadata["workspace_root"])).join("Cargo.lock");
        let lock = std::fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
        Ok(Self { metadata, checksums: checksums(&lock)? })
    }

    /// Files whose change can change the answer.
    pub(crate) fn sources(&self) -> Vec<PathBuf> {
        let root = PathBuf::from(text(&self.metadata["workspace_root"]));
        let members = self.members().map(|package| PathBuf::from(text(&package["manifest_path"])));
        members.chain([root.join("Cargo.toml"), root.join("Cargo.lock")]).collect()
    }

    /// By program: name, version and, for published crates, SHA-256 of the archive of each crate that it is
    /// linked with.
    pub(crate) fn programs(&self) -> Value {
        let programs = self.members().filter(|package| has_target(package, "bin"));
        programs.map(|package| (text(&package["name"]), self.linked(text(&package["id"])))).collect()
    }

    fn members(&self) -> impl Iterator<Item = &Value> {
        let ids = list(&self.metadata["workspace_members"]);
        list(&self.metadata["packages"]).iter().filter(|package| ids.contains(&package["id"]))
    }

    /// No macros, no tools of the build, nothing that only tests need.
    fn linked(&self, program: &str) -> Value {
        let packages = by_id(&self.metadata["packages"]);
        let nodes = by_id(&self.metadata["resolve"]["nodes"]);
        let mut found = BTreeSet::from([program]);
        let mut open = vec![program];
        while let Some(id) = open.pop() {
            for dependency in list(&nodes[id]["deps"]) {
                let next = text(&dependency["pkg"]);
                let normal = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
                if normal && !has_target(packages[next], "proc-macro") && found.insert(next) {
                    open.push(next);
                }
            }
        }
        found.remove(program);
        let crates = found.into_iter().map(|id| {
            let (name, version) = (text(&packages[id]["name"]), text(&packages[id]["version"]));
            let sha256 = self.checksums.get(&(name.to_owned(), version.to_owned()));
            json!({ "name": name, "version": version, "sha256": sha256 })
        });
        crates.collect()
    }
}

fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>, String> {
    let lock: toml_edit::DocumentMut = lock.parse().map_err(|error| format!("Cargo.lock: {error}"))?;
    let packages = lock["package"].as_array_of_tables().ok_or("Cargo.lock has no packages")?;
    let field = |package: &toml_edit::Table, name| Some(package.get(name)?.as_str()?.to_owned());
    Ok(packages
        .iter()
        .filter_map(|package| {
            let key = (field(package, "name")?, field(package, "version")?);
            Some((key, field(package, "checksum")?))
        })
        .collect())
}

fn by_id(values: &Value) -> BTreeMap<&str, &Value> {
    list(values).iter().map(|value| (text(&value["id"]), value)).collect()
}

fn has_target(package: &Value, kind: &str) -> bool {
    list(&package["targets"]).iter().any(|target| list(&target["kind"]).contains(&Value::from(kind)))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
