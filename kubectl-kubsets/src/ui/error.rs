//! Errors as users see them: `error: what: why`, then `hint:` with a command that helps.

use std::fmt;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::exit::ExitCode;
use super::printer::Printer;
use super::style::{Style, Tone};

mod builds;
mod known;

/// An error made by a command of this binary: a message, a code, hints.
#[derive(Debug)]
pub(crate) struct Failure {
    code: ExitCode,
    message: String,
    hints: Vec<String>,
    source: Option<anyhow::Error>,
}

impl Failure {
    /// A failure with a lowercase message that says what failed, on which object.
    pub(crate) fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hints: Vec::new(), source: None }
    }

    /// Wrong arguments.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// Adds what to do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the cause.
    pub(crate) fn because(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> ExitCode {
        self.code
    }

    /// What to do about it.
    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error.as_ref() as _)
    }
}

/// The text of `error` (lines ended) and the exit code of the outermost error that has an opinion.
pub(super) fn render(error: &anyhow::Error, style: Style) -> (String, ExitCode) {
    let mut message = String::new();
    let mut hints = Vec::new();
    let mut code = None;
    for cause in error.chain() {
        let text = cause.to_string();
        // The client's wrapper around a refusal of our own.
        let text = text.strip_prefix("ServiceError: ").unwrap_or(&text);
        // Some libraries repeat the cause in their own text.
        if !message.contains(text) {
            if !message.is_empty() {
                message.push_str(": ");
            }
            message.push_str(text);
        }
        if let Some(advice) = known::advice_on(cause) {
            for hint in advice.hints {
                if !hints.contains(&hint) {
                    hints.push(hint);
                }
            }
            code = code.or(Some(advice.code));
        }
    }
    let mut text = format!("{} {message}\n", style.paint(Tone::Bad, "error:"));
    for hint in hints.iter().take(3) {
        append!(text, "{} {hint}\n", style.paint(Tone::Hint, "hint:"));
    }
    (text, code.unwrap_or(ExitCode::Host))
}

/// Prints what clap has to say (help is no error) and returns its code.
pub(crate) fn usage_error(mut error: clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::MissingRequiredArgument
        && let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg)
        && missing.iter().any(|argument| argument == "<LAB>")
    {
        let tip = "`kubectl kubsets lab list` shows the labs".into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    // A closed pipe is no reason to fail.
    let _ = error.print();
    if error.use_stderr() { ExitCode::Usage } else { ExitCode::Success }
}

impl Printer {
    /// The text of an error as a person sees it, without colours, and its exit code.
    #[cfg(test)]
    pub(crate) fn told(error: &anyhow::Error) -> (String, ExitCode) {
        render(error, Style::PLAIN)
    }

    /// The text of an error on one line, for a log or an event.
    pub(crate) fn one_line(error: &anyhow::Error) -> String {
        let plain = Style { color: false, unicode: true, width: None };
        let (text, _) = render(error, plain);
        text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_joined_and_not_repeated() {
        let error = anyhow::anyhow!("connection refused").context("cannot reach https://127.0.0.1:6443");
        let (text, _) = render(&error, Style::PLAIN);
        assert_eq!(text, "error: cannot reach https://127.0.0.1:6443: connection refused\n");

        let repeated = anyhow::anyhow!("no such file").context("cannot read x: no such file");
        assert_eq!(render(&repeated, Style::PLAIN).0, "error: cannot read x: no such file\n");
    }

    #[test]
    fn hints_follow_and_the_code_is_kept() {
        let failure = Failure::new(ExitCode::Cluster, "no context is called \"x\"")
            .with_hint("try `kubectl config get-contexts`");
        let (text, code) = render(&failure.into(), Style::PLAIN);
        assert_eq!(code, ExitCode::Cluster);
        assert_eq!(text, "error: no context is called \"x\"\nhint: try `kubectl config get-contexts`\n");
    }

    #[test]
    fn an_error_without_an_opinion_is_no_usage_error() {
        assert_eq!(render(&anyhow::anyhow!("disk is gone"), Style::PLAIN).1, ExitCode::Host);
    }

    #[test]
    fn the_outermost_opinion_wins() {
        let inner = Failure::new(ExitCode::Timeout, "waited 60s");
        let outer = Failure::new(ExitCode::CleanupIncomplete, "cannot undo").because(inner);
        assert_eq!(render(&outer.into(), Style::PLAIN).1, ExitCode::CleanupIncomplete);
    }
}
