//! Runs the binary in clean surroundings.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A home of its own, no kubeconfig, no terminal, plain ASCII.
pub(crate) struct Surroundings {
    home: TempDir,
}

impl Surroundings {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs the binary under its own name.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.run_as(Path::new(env!("CARGO_BIN_EXE_kubectl-kubsets")), args)
    }

    /// Runs the binary under another name, by a symlink in the home folder.
    pub(crate) fn run_named(&self, name: &str, args: &[&str]) -> Output {
        let link: PathBuf = self.home.path().join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-kubsets"), &link)
                .expect("a link can be made");
        }
        self.run_as(&link, args)
    }

    /// Runs the binary with a text on standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_kubectl-kubsets"));
        let mut command = self.command(program, args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        child.stdin.take().expect("has one").write_all(input.as_bytes()).expect("the binary reads");
        child.wait_with_output().expect("the binary ends")
    }

    /// Runs the binary and sends it SIGTERM after a time.
    pub(crate) fn run_terminated(&self, args: &[&str], after: std::time::Duration) -> Output {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_kubectl-kubsets")), args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        std::thread::sleep(after);
        let process = nix::unistd::Pid::from_raw(child.id().cast_signed());
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM).expect("runs still");
        child.wait_with_output().expect("the binary ends")
    }

    fn run_as(&self, program: &Path, args: &[&str]) -> Output {
        self.command(program, args).output().expect("the binary starts")
    }

    fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("KUBSETS_NATIVE_ROOT", self.home.path().join("clusters"))
            .env("KUBECONFIG", self.home.path().join("absent"))
            .current_dir(self.home.path());
        command
    }

    /// Exit code, standard output and standard error as one text, with machine paths replaced.
    pub(crate) fn snapshot(&self, args: &[&str]) -> String {
        self.describe(args, &self.run(args))
    }

    pub(crate) fn describe(&self, args: &[&str], output: &Output) -> String {
        let text = format!(
            "$ kubectl kubsets {}\nexit code {}\n--- stdout\n{}--- stderr\n{}",
            args.join(" "),
            output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string()),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        text.replace(&*self.home.path().to_string_lossy(), "[HOME]")
    }
}
