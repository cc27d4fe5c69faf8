//! The plugin as a program, with its own kubeconfig and state folder.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// How to call the plugin.
pub(crate) struct Plugin {
    program: PathBuf,
    folder: PathBuf,
    kubectl: PathBuf,
}

impl Plugin {
    /// The plugin beside this program.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let program = own.with_file_name("kubectl-kubsets");
        ensure!(program.exists(), "{} is not built", program.display());
        let folder = std::env::temp_dir().join("kubsets-e2e");
        std::fs::create_dir_all(&folder)?;
        let mut plugin = Self { program, folder, kubectl: PathBuf::new() };
        let programs = plugin.ok(&["internal", "programs"])?;
        plugin.kubectl = PathBuf::from(programs.trim()).join("kubectl");
        Ok(plugin)
    }

    /// Forgets the kubeconfig of an earlier run that did not come to its end.
    pub(crate) fn start_afresh(&self) -> anyhow::Result<()> {
        match std::fs::remove_file(self.kubeconfig()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context("cannot remove the kubeconfig of an earlier run")
            }
            _ => Ok(()),
        }
    }

    /// Removes what the steps wrote, records of runs too.
    pub(crate) fn leave_nothing(self) -> anyhow::Result<()> {
        std::fs::remove_dir_all(&self.folder)
            .with_context(|| format!("cannot remove {}", self.folder.display()))
    }

    /// The kubeconfig that the steps use.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Writes a file for one step and returns its path.
    pub(crate) fn scratch(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let path = self.folder.join(name);
        std::fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .args(["--yes", "--no-tty"])
            .env("KUBECONFIG", self.kubeconfig())
            .env("KUBSETS_STATE", self.folder.join("state"))
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end; what it says on standard error passes through.
    pub(crate) fn run(&self, args: &[&str]) -> anyhow::Result<Output> {
        self.command(args).stderr(Stdio::inherit()).output().context("cannot start the plugin")
    }

    /// Runs it and returns its standard output; the exit code must be 0.
    pub(crate) fn ok(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = self.run(args)?;
        ensure!(output.status.success(), "`{}` ended with {}", args.join(" "), output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs it with `-o json` and returns the exit code and the document.
    pub(crate) fn json(&self, args: &[&str]) -> anyhow::Result<(i32, Value)> {
        let output = self.run(&[args, &["-o", "json"]].concat())?;
        let code = output.status.code().context("it was killed")?;
        let text = String::from_utf8(output.stdout)?;
        let value = serde_json::from_str(&text)
            .with_context(|| format!("`{}` printed no JSON: {text}", args.join(" ")))?;
        Ok((code, value))
    }

    /// Runs it and returns the exit code with what it said on standard error.
    pub(crate) fn refusal(&self, args: &[&str]) -> anyhow::Result<(i32, String)> {
        let output = self.command(args).output()?;
        Ok((
            output.status.code().context("it was killed")?,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }

    /// Starts it and does not wait.
    pub(crate) fn start(&self, args: &[&str]) -> anyhow::Result<Child> {
        self.command(args).stdout(Stdio::null()).spawn().context("cannot start the plugin")
    }

    /// Starts it with its document on a pipe and does not wait.
    pub(crate) fn start_json(&self, args: &[&str]) -> anyhow::Result<Child> {
        self.command(args)
            .args(["-o", "json"])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the plugin")
    }

    /// kubectl on the cluster; what it learns about the API stays in the tests' folder.
    fn kubectl_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .args(args)
            .env("KUBECONFIG", self.kubeconfig())
            .env("KUBECACHEDIR", self.folder.join("kubectl-cache"));
        command
    }

    /// Runs kubectl on the cluster; the exit code must be 0.
    pub(crate) fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = self.kubectl_command(args).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`kubectl {}`: {}", args.join(" "), errors.trim());
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs kubectl with the plugin on its PATH, under the two names that kubectl looks for.
    pub(crate) fn through_kubectl(&self, args: &[&str]) -> anyhow::Result<Output> {
        let folder = PathBuf::from(self.empty_folder("bin")?);
        for name in ["kubectl-kubsets", "kubectl_complete-kubsets"] {
            std::os::unix::fs::symlink(&self.program, folder.join(name))?;
        }
        let mut path = folder.into_os_string();
        path.push(":/usr/bin:/bin");
        let mut command = self.kubectl_command(args);
        command.env("PATH", path).env("KUBSETS_STATE", self.folder.join("state"));
        command.output().context("cannot start kubectl")
    }

    /// Starts it with its messages on a pipe.
    pub(crate) fn start_reading(&self, args: &[&str]) -> anyhow::Result<Reading> {
        let mut child = self.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("standard error is a pipe")?;
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in std::io::BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Reading { child, lines })
    }

    /// A folder for one step, without what an earlier run left in it.
    pub(crate) fn empty_folder(&self, name: &str) -> anyhow::Result<String> {
        let path = self.folder.join(name);
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir_all(&path)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// An object of the stack without what the cluster itself counts and dates.
    pub(crate) fn object(&self, kind: &str, name: &str) -> anyhow::Result<Value> {
        let text = self.kubectl(&["-n", "kubsets-demo", "get", kind, name, "-o", "json"])?;
        lasting(serde_json::from_str(&text)?)
    }
}

/// A plugin under way whose messages are read.
pub(crate) struct Reading {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Reading {
    /// Waits for a line that has this text; false when it ends or the time is over before.
    pub(crate) fn wait_for(&self, text: &str, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if line.contains(text) {
                return true;
            }
        }
        false
    }

    /// Kills it without warning.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

/// Sends a signal such as `INT` to a process.
pub(crate) fn signal(child: &Child, name: &str) -> anyhow::Result<()> {
    let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status()?;
    ensure!(status.success(), "kill: {status}");
    Ok(())
}

/// An object without what the cluster itself counts and dates.
pub(crate) fn lasting(mut value: Value) -> anyhow::Result<Value> {
    let top = value.as_object_mut().context("an object is a map")?;
    top.remove("status");
    if let Some(metadata) = top.get_mut("metadata").and_then(Value::as_object_mut) {
        for changing in ["resourceVersion", "generation", "managedFields"] {
            metadata.remove(changing);
        }
        if let Some(notes) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            // the Deployment controller's own counter
            notes.remove("deployment.kubernetes.io/revision");
        }
    }
    Ok(value)
}
