//! Questions before something is changed, by risk.

use std::io::BufRead as _;

use super::error::Failure;
use super::exit::ExitCode;
use super::printer::Printer;
use super::style::Tone;

/// What an answer of yes can cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Risk<'a> {
    /// Reversible work of some size: y/N.
    Moderate,
    /// Something is lost for good: the name has to be typed.
    Severe(&'a str),
}

impl Printer {
    /// Asks `question` (without a question mark) and returns when the answer is yes.
    ///
    /// # Errors
    /// When the answer is no, or when nobody can answer and `--yes` was not given.
    pub(crate) fn confirm(&self, risk: Risk<'_>, question: &str) -> anyhow::Result<()> {
        if self.assumes_yes() {
            return Ok(());
        }
        if !self.can_ask() {
            return Err(Failure::new(
                ExitCode::Usage,
                format!("{question}: nobody can be asked without a terminal"),
            )
            .with_hint("add --yes to agree beforehand")
            .into());
        }
        let style = self.message_style();
        let form = match risk {
            Risk::Moderate => "[y/N]".to_owned(),
            Risk::Severe(name) => format!("type {} to go on:", style.paint(Tone::Hint, name)),
        };
        self.write_error(&format!("{} {question}? {form}", style.icon(Tone::Warn)));
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if agrees(risk, &answer) {
            return Ok(());
        }
        Err(Failure::new(ExitCode::Interrupted, "not confirmed, nothing was changed").into())
    }
}

fn agrees(risk: Risk<'_>, answer: &str) -> bool {
    match risk {
        Risk::Moderate => matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"),
        Risk::Severe(name) => answer.trim() == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::printer::PrinterOptions;

    #[test]
    fn only_a_clear_yes_agrees() {
        assert!(agrees(Risk::Moderate, "y\n"));
        assert!(agrees(Risk::Moderate, "YES\n"));
        assert!(!agrees(Risk::Moderate, "\n"));
        assert!(!agrees(Risk::Severe("kubsets"), "y\n"));
        assert!(agrees(Risk::Severe("kubsets"), "kubsets\n"));
    }

    #[test]
    fn without_a_terminal_the_flag_is_named() {
        let printer = Printer::new(PrinterOptions { no_tty: true, quiet: true, ..PrinterOptions::default() });
        let error = printer.confirm(Risk::Moderate, "delete the cluster").expect_err("nobody answers");
        let failure = error.downcast_ref::<Failure>().expect("is a failure of ours");
        assert_eq!(failure.code(), ExitCode::Usage);
        assert_eq!(failure.hints(), ["add --yes to agree beforehand"]);
    }

    #[test]
    fn yes_answers_beforehand() {
        let options = PrinterOptions { no_tty: true, yes: true, ..PrinterOptions::default() };
        assert!(Printer::new(options).confirm(Risk::Severe("kubsets"), "delete").is_ok());
    }
}
