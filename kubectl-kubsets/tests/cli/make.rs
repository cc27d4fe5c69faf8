//! What `make` does before the plugin is there: it installs and compiles no more than it must.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A machine with hardly any program, a home without a plugin, and a checkout that was never built.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a temporary folder can be made") };
        fs::create_dir_all(machine.path("bin")).expect("can be made");
        for program in ["bash", "dirname", "env", "grep", "id", "sed", "sort", "timeout"] {
            let found = ["/usr/bin", "/bin"].iter().map(|folder| Path::new(folder).join(program));
            let found = found.into_iter().find(|file| file.exists()).expect("every machine has it");
            symlink(found, machine.path("bin").join(program)).expect("can be linked");
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a program there that runs this script.
    fn program(&self, name: &str, script: &str) {
        let file = self.path("bin").join(name);
        fs::write(&file, format!("#!/usr/bin/env bash\n{script}\n")).expect("can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("can be made a program");
    }

    fn run(&self, script: &str, args: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(self.path("bin/bash"));
        command.arg(root().join("hack").join(script)).args(args).env("PATH", self.path("bin"));
        self.told(&mut command)
    }

    fn told(&self, command: &mut Command) -> (Option<i32>, String) {
        let output: Output = command
            .env("HOME", self.folder.path())
            .env("CARGO_TARGET_DIR", self.path("target"))
            .env("KUBSETS_NATIVE_ROOT", self.path("clusters"))
            .output()
            .expect("it starts");
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    }

    /// What `make` would run.
    fn recipe(&self, target: &str) -> String {
        let mut command = Command::new("make");
        let command = command.args(["--dry-run", target]).current_dir(root());
        command.env_remove("MAKEFLAGS").env_remove("NAME").env_remove("BIN_DIR");
        let (code, text) = self.told(command);
        assert_eq!(code, Some(0), "{text}");
        text
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the checkout")
}

/// A `cargo` that says what it was asked for and puts a plugin in place that does so too.
const CARGO: &str = r#"echo "cargo $*"
[ "$1" = build ] || exit 0
plugin=$CARGO_TARGET_DIR/release/kubectl-kubsets
/bin/mkdir -p "${plugin%/*}"
printf '#!/usr/bin/env bash\necho "plugin $*"\n' >"$plugin"
/bin/chmod +x "$plugin""#;

#[test]
fn nothing_is_compiled_to_remove_nothing() {
    let machine = Machine::new();
    machine.program("cargo", CARGO);
    machine.program("kind", "echo other");
    let (code, text) = machine.run("down.sh", &["kubsets"]);
    assert_eq!((code, text.as_str()), (Some(0), "there is no cluster kubsets: nothing to remove\n"));
    for target in ["down", "clean"] {
        let recipe = machine.recipe(target);
        assert!(recipe.contains("hack/down.sh kubsets") && !recipe.contains("cargo build"), "{recipe}");
    }
}

#[test]
fn a_cluster_without_a_plugin_gets_one_to_remove_it() {
    let removed = "cargo build --release --locked -p kubectl-kubsets\nplugin --yes down --name kubsets\n";
    let native = Machine::new();
    fs::create_dir_all(native.path("clusters")).expect("can be made");
    let by_kind = Machine::new();
    by_kind.program("kind", "echo other; echo kubsets");
    let by_k3d = Machine::new();
    by_k3d.program("k3d", "echo 'kubsets 1/1 1/1 true'");
    for machine in [native, by_kind, by_k3d] {
        machine.program("cargo", CARGO);
        assert_eq!(machine.run("down.sh", &["kubsets"]), (Some(0), removed.to_owned()));
    }
}

#[test]
fn the_installed_plugin_does_where_none_was_built() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("clusters")).expect("can be made");
    machine.program("kubectl-kubsets", r#"echo "installed $*"; exit 7"#);
    let expected = "installed --yes down --name other\n".to_owned();
    assert_eq!(machine.run("down.sh", &["other"]), (Some(7), expected));
}

#[test]
fn a_cluster_by_kind_needs_no_package_of_native_nodes() {
    let machine = Machine::new();
    machine.program("apt-get", "");
    let missing = |option: &str| machine.run("native-prerequisites.sh", &["--check", option]);
    let (code, text) = missing("--kind");
    assert_eq!(code, Some(1), "{text}");
    for program in ["cargo: https://rustup.rs", "docker: https://", "kind: https://"] {
        assert!(text.contains(program), "{text}");
    }
    for program in ["cargo", "docker", "kind"] {
        machine.program(program, "");
    }
    let (native, kind) = (missing("--yes").1, missing("--kind").1);
    // programs of every Debian, which are not on this machine's PATH
    assert!(native.contains("  util-linux ") && native.contains("  mmdebstrap "), "{native}");
    assert!(kind.contains("  mmdebstrap ") && kind.contains("  maven "), "{kind}");
    assert!(!kind.contains("on the nodes") && !kind.contains("of the nodes"), "{kind}");
    assert_eq!(kind, missing("--images").1);
    for (target, option) in [("kind-up", "--kind"), ("deploy", "--images")] {
        let recipe = machine.recipe(target);
        let lines: Vec<&str> = recipe.lines().filter(|line| line.contains("prerequisites.sh")).collect();
        let expected = [option, "--build"].map(|option| format!("hack/native-prerequisites.sh {option}"));
        assert_eq!(lines, expected, "{recipe}");
    }
}

#[test]
fn what_compiles_is_asked_for_before_it_compiles() {
    let machine = Machine::new();
    machine.program("apt-get", "");
    let missing = || machine.run("native-prerequisites.sh", &["--check", "--build"]);
    let (code, text) = missing();
    assert!(code == Some(1) && text.contains("cargo: https://rustup.rs"), "{text}");
    machine.program("cargo", "");
    let (code, text) = missing();
    assert!(code == Some(1) && text.contains("  build-essential ") && !text.contains("images"), "{text}");
    for target in ["build", "install"] {
        let recipe = machine.recipe(target);
        let asked = recipe.find("hack/native-prerequisites.sh --build").expect("is asked for");
        assert!(asked < recipe.find("cargo build").expect("compiles"), "{recipe}");
    }
}
