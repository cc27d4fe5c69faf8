//! Puts into the binary: the commit and the compiler's version, for `version`, and the crates of our programs.

mod crates;

use std::path::{Path, PathBuf};
use std::process::Command;

use crates::Workspace;

fn main() -> Result<(), String> {
    let commit =
        std::env::var("KUBSETS_COMMIT").ok().or_else(|| output("git", &["rev-parse", "--short=12", "HEAD"]));
    set("KUBSETS_BUILD_COMMIT", commit.as_deref().unwrap_or("unknown"));

    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    set("KUBSETS_BUILD_RUSTC", output(&rustc, &["--version"]).as_deref().unwrap_or("unknown"));

    tell("rerun-if-env-changed=KUBSETS_COMMIT");
    tell("rerun-if-changed=build");
    if let Some(folder) = output("git", &["rev-parse", "--absolute-git-dir"]) {
        let branch = output("git", &["symbolic-ref", "--quiet", "HEAD"]);
        for file in ["HEAD", "logs/HEAD"].into_iter().chain(branch.as_deref()) {
            let path = Path::new(&folder).join(file);
            if path.exists() {
                tell(&format!("rerun-if-changed={}", path.display()));
            }
        }
    }

    let workspace = Workspace::read()?;
    for source in workspace.sources() {
        tell(&format!("rerun-if-changed={}", source.display()));
    }
    let folder = std::env::var("OUT_DIR").map_err(|_| "OUT_DIR is not set".to_owned())?;
    std::fs::write(PathBuf::from(folder).join("crates.json"), workspace.programs().to_string())
        .map_err(|error| format!("crates.json: {error}"))
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn set(name: &str, value: &str) {
    tell(&format!("rustc-env={name}={value}"));
}

#[expect(clippy::print_stdout, reason = "Cargo reads what a build script prints")]
fn tell(instruction: &str) {
    println!("cargo::{instruction}");
}
