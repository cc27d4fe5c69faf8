//! The folder in which a module is built.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{
    GoError, GoModule,
    toolchain::{self, Go},
};
use crate::{
    cache::Cache,
    command::{self, CommandError},
    inputs::Inputs,
    progress::{Expected, Sink, Stage},
};

/// Measured: 2 GB of modules.
const SOURCES: Duration = Duration::from_secs(30);
/// The stage that brings them.
const FETCH: &str = "download the source of Kubernetes and more";
/// One module.
const MODULE: Duration = Duration::from_secs(4);
/// The stage that brings it.
const DOWNLOAD: &str = "go mod download";

/// Kind of the cache's entries.
const KIND: &str = "go-modules";

/// What `go mod download -json` prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Downloaded {
    pub(super) dir: PathBuf,
    #[serde(default)]
    sum: String,
}

/// The stage of [`prepare`], where it has something to do.
pub(super) fn expected(module: &GoModule, inputs: &Inputs, cache: &Cache) -> Option<Expected> {
    if cache.has(KIND, &module.key()) {
        return None;
    }
    match module {
        GoModule::Own(_) if inputs.offline => None,
        GoModule::Own(_) => Some(Expected::new("go", FETCH, SOURCES)),
        GoModule::Copy(source) => Some(Expected::new(&source.module, DOWNLOAD, MODULE)),
    }
}

/// Makes the folder with the module's go.mod in the cache.
pub(super) fn prepare(
    module: &GoModule,
    inputs: &Inputs,
    cache: &Cache,
    sink: Sink<'_>,
) -> Result<PathBuf, GoError> {
    cache.entry(KIND, &module.key(), sink, |folder, sink| match module {
        GoModule::Own(files) => {
            for (name, text) in files {
                let path = folder.join(name);
                let above = path.parent().unwrap_or(folder);
                fs::create_dir_all(above).map_err(GoError::at(above))?;
                fs::write(&path, text).map_err(GoError::at(&path))?;
            }
            fetch_sources(folder, inputs, sink)
        }
        GoModule::Copy(source) => {
            let name = format!("{}@{}", source.module, source.version);
            // the module's own go.mod says which Go it needs; before it is here any Go will do
            let go_mod = folder.join("go.mod");
            fs::write(&go_mod, "module fetch\n\ngo 1.19.0\n").map_err(GoError::at(&go_mod))?;
            let go = toolchain::find(folder, inputs, sink)?;
            let mut stage = Stage::start(sink, &source.module, DOWNLOAD, MODULE);
            let found = download(&go, folder, &name, inputs)?;
            if found.sum != source.sum {
                let expected = source.sum.clone();
                return Err(GoError::Sum { module: name, found: found.sum, expected });
            }
            stage.tick();
            copy_tree(&found.dir, folder)?;
            stage.finish();
            Ok(())
        }
    })
}

/// Downloads the source of all programs at once, which is faster than one build after the other.
fn fetch_sources(home: &Path, inputs: &Inputs, sink: Sink<'_>) -> Result<(), GoError> {
    if inputs.offline {
        return Ok(());
    }
    let go = toolchain::find(home, inputs, sink)?;
    let mut stage = Stage::start(sink, "go", FETCH, SOURCES);
    // -e: the imports of tools.go are programs, which go list would else complain about
    let mut list = go.command(home);
    list.args(["list", "-e", "-mod=readonly", "-deps", "-tags=tools", "-f={{if .Error}}{{end}}", "./..."]);
    command::run(&mut list, &mut stage)?;
    stage.finish();
    Ok(())
}

/// Downloads a module (`path`, as required by the folder's go.mod, or `path@version`).
pub(super) fn download(go: &Go, home: &Path, module: &str, inputs: &Inputs) -> Result<Downloaded, GoError> {
    let mut download = go.command(home);
    download.args(["mod", "download", "-json", module]);
    if inputs.offline {
        download.env("GOPROXY", "off");
    }
    match command::output(&mut download) {
        Ok(text) => serde_json::from_str(&text).map_err(|_| GoError::Output(text)),
        Err(CommandError::Failed { .. }) if inputs.offline => Err(GoError::Offline(module.to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// Copies a folder; the copies are writable by their owner, unlike the files of the module cache.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<(), GoError> {
    fs::create_dir_all(to).map_err(GoError::at(to))?;
    for entry in fs::read_dir(from).map_err(GoError::at(from))? {
        let entry = entry.map_err(GoError::at(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(GoError::at(&source))?.is_dir() {
            copy_tree(&source, &target)?;
        } else {
            let bytes = fs::read(&source).map_err(GoError::at(&source))?;
            fs::write(&target, bytes).map_err(GoError::at(&target))?;
            fs::set_permissions(&target, Permissions::from_mode(0o644)).map_err(GoError::at(&target))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_writable() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("deep")).unwrap();
        let source = from.path().join("deep/file");
        fs::write(&source, "content").unwrap();
        fs::set_permissions(&source, Permissions::from_mode(0o444)).unwrap();
        copy_tree(from.path(), &to.path().join("copy")).unwrap();
        let copy = to.path().join("copy/deep/file");
        assert_eq!(fs::read_to_string(&copy).unwrap(), "content");
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    }
}
