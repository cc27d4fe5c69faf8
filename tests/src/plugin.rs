//! The plugin as a program, with its own kubeconfig and state folder.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

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

    /// Runs kubectl on the cluster; the exit code must be 0.
    pub(crate) fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(&self.kubectl).args(args).env("KUBECONFIG", self.kubeconfig()).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`kubectl {}`: {}", args.join(" "), errors.trim());
        Ok(String::from_utf8(output.stdout)?)
    }

    /// An object of the stack without what the cluster itself counts and dates.
    pub(crate) fn object(&self, kind: &str, name: &str) -> anyhow::Result<Value> {
        let text = self.kubectl(&["-n", "kubsets-demo", "get", kind, name, "-o", "json"])?;
        let mut value: Value = serde_json::from_str(&text)?;
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
}
