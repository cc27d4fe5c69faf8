//! Programs that a provider runs, behind a trait so that tests can put a transcript in their place.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::{Error, Result};

/// A program with its arguments, and what goes into its standard input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its standard input.
    pub stdin: Option<String>,
}

impl Invocation {
    /// The program without arguments.
    pub fn new(program: impl Into<String>) -> Self {
        Self { program: program.into(), ..Self::default() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets the standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// The command line as a person would type it (arguments are not quoted).
    pub fn line(&self) -> String {
        std::iter::once(self.program.as_str())
            .chain(self.args.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Runs programs.
pub trait Runner: Send + Sync {
    /// Runs one to its end and returns its standard output.
    ///
    /// # Errors
    /// [`Error::Start`] where it cannot be started, [`Error::Command`] where it ends with an error.
    fn run(&self, invocation: &Invocation) -> Result<String>;
}

/// Runs programs of this host.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostRunner;

impl Runner for HostRunner {
    fn run(&self, invocation: &Invocation) -> Result<String> {
        tracing::debug!(command = %invocation.line(), "run");
        let start = |source| Error::Start { program: invocation.line(), source };
        let mut child = Command::new(&invocation.program)
            .args(&invocation.args)
            .stdin(if invocation.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(start)?;
        if let (Some(text), Some(mut pipe)) = (&invocation.stdin, child.stdin.take()) {
            // a program that does not read its input closes the pipe: its exit code tells more than that
            let _ = pipe.write_all(text.as_bytes());
        }
        let output =
            child.wait_with_output().map_err(|source| Error::Start { program: invocation.line(), source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let mut text = String::from_utf8_lossy(&output.stderr).into_owned();
        if text.trim().is_empty() {
            text = String::from_utf8_lossy(&output.stdout).into_owned();
        }
        Err(Error::Command {
            program: invocation.line(),
            code: output.status.code(),
            output: last_lines(&text, 12),
        })
    }
}

/// The last `count` lines of a text, without blank ones at its end.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
pub(crate) mod transcript {
    //! A runner that knows in advance which programs will be run and what they answer.

    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::{Invocation, Runner};
    use crate::{Error, Result};

    /// Expected command lines with their answers, in order.
    pub(crate) struct Transcript(Mutex<VecDeque<(String, Result<String>)>>);

    impl Transcript {
        pub(crate) fn new(calls: Vec<(&str, &str)>) -> Self {
            Self(Mutex::new(
                calls.into_iter().map(|(line, answer)| (line.into(), Ok(answer.into()))).collect(),
            ))
        }

        /// Adds a call that fails with the exit code 1 and this output.
        pub(crate) fn failing(self, line: &str, output: &str) -> Self {
            self.0.lock().unwrap().push_back((
                line.into(),
                Err(Error::Command { program: line.into(), code: Some(1), output: output.into() }),
            ));
            self
        }

        /// Panics where calls that were expected did not come.
        pub(crate) fn finish(&self) {
            let left = self.0.lock().unwrap();
            assert!(left.is_empty(), "not called: {:?}", left.iter().map(|c| &c.0).collect::<Vec<_>>());
        }
    }

    impl Runner for &Transcript {
        fn run(&self, invocation: &Invocation) -> Result<String> {
            let (line, answer) = self.0.lock().unwrap().pop_front().expect("no further call is expected");
            assert_eq!(invocation.line(), line);
            answer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_input_pass_through() {
        let out = HostRunner.run(&Invocation::new("cat").stdin("one\ntwo")).unwrap();
        assert_eq!(out, "one\ntwo");
    }

    #[test]
    fn a_failure_carries_code_and_last_lines() {
        let error = HostRunner.run(&Invocation::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        match error {
            Error::Command { code: Some(3), output, .. } => assert_eq!(output, "why"),
            other => panic!("unexpected {other:?}"),
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = HostRunner.run(&Invocation::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"));
    }
}
