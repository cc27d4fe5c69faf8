//! Finds a Go that is new enough, or fetches it through an older one.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{GoError, workspace};
use crate::{
    command::{self, CommandError, command},
    inputs::Inputs,
    progress::{Sink, Stage},
};

/// Where Go is looked for besides PATH.
const USUAL_PLACES: [&str; 3] = ["/usr/local/go/bin/go", "/usr/lib/go/bin/go", "/usr/bin/go"];

/// A Go toolchain.
pub(super) struct Go {
    program: PathBuf,
}

impl Go {
    /// A go command in a folder that uses this toolchain and no settings that change what is built.
    pub(super) fn command(&self, folder: &Path) -> Command {
        let mut go = command(&self.program);
        go.current_dir(folder)
            .envs([("CGO_ENABLED", "0"), ("GOOS", "linux"), ("GOWORK", "off")])
            .envs([("GOTOOLCHAIN", "local"), ("GO111MODULE", "on")])
            // where a variable is empty or absent, go takes what `go env -w` wrote
            .envs([("GOFLAGS", "-buildvcs=false"), ("GOARCH", architecture())])
            .envs([("GOAMD64", "v1"), ("GOARM64", "v8.0")])
            .env_remove("GOROOT")
            .env_remove("GOEXPERIMENT");
        go
    }
}

/// The toolchain for a module folder: one on this host, else the one that go.mod names.
pub(super) fn find(home: &Path, inputs: &Inputs, sink: Sink<'_>) -> Result<Go, GoError> {
    let go_mod = home.join("go.mod");
    let text = fs::read_to_string(&go_mod).map_err(GoError::at(&go_mod))?;
    let required = required(&text);
    let mut older = None;
    for program in candidates() {
        let go = Go { program };
        match installed(&go) {
            Some(version) if at_least(&version, &required) => return Ok(go),
            Some(_) => older = older.or(Some(go)),
            None => {}
        }
    }
    match older {
        Some(older) => fetch(&older, &required, inputs, sink),
        None => Err(GoError::NoGo { required }),
    }
}

/// A go command of this host and its version, for example `1.26.7`: on PATH, else in one of the usual places.
pub fn installed_go() -> Option<(PathBuf, String)> {
    candidates().into_iter().find_map(|program| {
        let go = Go { program };
        installed(&go).map(|version| (go.program, version))
    })
}

/// This host's architecture as Go calls it.
fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = env::split_paths(&path).map(|folder| folder.join("go")).collect();
    found.extend(USUAL_PLACES.map(PathBuf::from));
    found.retain(|program| program.is_file());
    found
}

/// The version of a toolchain without `go`, for example `1.26.7`.
fn installed(go: &Go) -> Option<String> {
    let text = command::output(go.command(Path::new("/")).args(["env", "GOVERSION"])).ok()?;
    text.trim()
        .strip_prefix("go")
        .map(|version| version.split_whitespace().next().unwrap_or(version).to_owned())
}

/// The version in the `go` line of a go.mod.
fn required(go_mod: &str) -> String {
    let line = go_mod.lines().find_map(|line| line.trim().strip_prefix("go "));
    let version = line.map_or("1.26.0", str::trim);
    // the toolchain of 1.26 is called 1.26.0
    if version.split('.').count() == 2 { format!("{version}.0") } else { version.to_owned() }
}

fn at_least(version: &str, required: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        text.split('.')
            .map(|part| {
                part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
            })
            .collect()
    };
    numbers(version) >= numbers(required)
}

/// Downloads the module `golang.org/toolchain`, whose folder is a whole toolchain.
fn fetch(older: &Go, required: &str, inputs: &Inputs, sink: Sink<'_>) -> Result<Go, GoError> {
    let arch = architecture();
    let module = format!("golang.org/toolchain@v0.0.1-go{required}.linux-{arch}");
    let mut stage = Stage::start(sink, "go", format!("download Go {required}"), Duration::from_secs(20));
    let folder = tempfile::tempdir().map_err(GoError::at(&env::temp_dir()))?;
    let source = workspace::download(older, folder.path(), &module, inputs)?;
    // a module's files are not executable, and old versions of Go do not make an exception here
    make_executable(&source.dir.join("bin"))?;
    make_executable(&source.dir.join(format!("pkg/tool/linux_{arch}")))?;
    let go = Go { program: source.dir.join("bin/go") };
    if installed(&go).is_none() {
        return Err(CommandError::Missing { program: go.program.display().to_string() }.into());
    }
    stage.tick();
    stage.finish();
    Ok(go)
}

fn make_executable(folder: &Path) -> Result<(), GoError> {
    for entry in fs::read_dir(folder).map_err(GoError::at(folder))? {
        let path = entry.map_err(GoError::at(folder))?.path();
        let mode = path.metadata().map_err(GoError::at(&path))?.permissions().mode();
        if mode & 0o111 != 0o111 {
            fs::set_permissions(&path, Permissions::from_mode(0o555)).map_err(GoError::at(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_host_do_not_get_into_programs() {
        let go = Go { program: "go".into() };
        let command = go.command(Path::new("/"));
        let set = |name: &str| command.get_envs().find(|(one, _)| *one == name).and_then(|(_, value)| value);
        for name in ["GOFLAGS", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "CGO_ENABLED"] {
            assert!(set(name).is_some_and(|value| !value.is_empty()), "{name}");
        }
        // the user's GOPROXY is there
        assert_eq!(set("GOENV"), None);
    }

    #[test]
    fn compares_versions_by_number() {
        assert!(at_least("1.26.8", "1.26.7"));
        assert!(at_least("1.27rc1", "1.26.7"));
        assert!(at_least("1.26.7", "1.26.7"));
        assert!(!at_least("1.26.7", "1.26.10"));
        assert!(!at_least("1.19.8", "1.26.0"));
    }

    #[test]
    fn reads_the_go_line() {
        assert_eq!(required("module x\n\ngo 1.26.7\n"), "1.26.7");
        assert_eq!(required("module x\ngo 1.25\ntoolchain go1.26.1\n"), "1.25.0");
    }
}
