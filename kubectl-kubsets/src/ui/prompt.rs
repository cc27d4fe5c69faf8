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
    /// Something is lost for good: its name has to be typed.
    Severe {
        /// The name.
        name: &'a str,
        /// What `--confirm` says beforehand.
        confirmed: Option<&'a str>,
    },
}

impl Risk<'_> {
    /// Whether the answer was given beforehand, with the right name.
    fn is_confirmed(self) -> Result<bool, Failure> {
        match self {
            Self::Severe { name, confirmed: Some(given) } if given != name => {
                Err(Failure::usage(format!("--confirm={given} does not name what would be lost: {name}"))
                    .with_hint(format!("--confirm={name} does; nothing was changed")))
            }
            Self::Severe { confirmed, .. } => Ok(confirmed.is_some()),
            Self::Moderate => Ok(false),
        }
    }

    /// What agrees beforehand.
    fn flags(self) -> String {
        match self {
            Self::Moderate => "add --yes to agree beforehand".to_owned(),
            Self::Severe { name, .. } => format!("add --yes or --confirm={name} to agree beforehand"),
        }
    }
}

impl Printer {
    /// Asks `question` (without a question mark) and returns when the answer is yes.
    ///
    /// # Errors
    /// When the answer is no, when nobody can answer and none was given beforehand, and when `--confirm` names
    /// something else, whatever `--yes` says.
    pub(crate) fn confirm(&self, risk: Risk<'_>, question: &str) -> anyhow::Result<()> {
        if risk.is_confirmed()? || self.assumes_yes() {
            return Ok(());
        }
        if !self.can_ask() {
            return Err(Failure::new(
                ExitCode::Usage,
                format!("{question}: nobody can be asked without a terminal"),
            )
            .with_hint(risk.flags())
            .into());
        }
        let style = self.message_style();
        let form = match risk {
            Risk::Moderate => "[y/N]".to_owned(),
            Risk::Severe { name, .. } => format!("type {} to go on:", style.paint(Tone::Hint, name)),
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
        Risk::Severe { name, .. } => answer.trim() == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::printer::PrinterOptions;

    fn severe(confirmed: Option<&str>) -> Risk<'_> {
        Risk::Severe { name: "kubsets", confirmed }
    }

    #[test]
    fn a_name_given_beforehand_has_to_be_right() {
        let quiet = PrinterOptions { no_tty: true, quiet: true, ..PrinterOptions::default() };
        let printer = Printer::new(quiet);
        assert!(printer.confirm(severe(Some("kubsets")), "delete").is_ok());
        let unnamed = printer.confirm(severe(None), "delete").expect_err("nobody answers");
        let failure = unnamed.downcast_ref::<Failure>().expect("is a failure of ours");
        assert_eq!(failure.hints(), ["add --yes or --confirm=kubsets to agree beforehand"]);
        for printer in [printer, Printer::new(PrinterOptions { yes: true, ..quiet })] {
            let wrong = printer.confirm(severe(Some("kubset")), "delete").expect_err("is another name");
            let failure = wrong.downcast_ref::<Failure>().expect("is a failure of ours");
            assert_eq!(failure.code(), ExitCode::Usage);
            assert!(failure.to_string().starts_with("--confirm=kubset does not name"), "{failure}");
        }
    }

    #[test]
    fn only_a_clear_yes_agrees() {
        assert!(agrees(Risk::Moderate, "y\n"));
        assert!(agrees(Risk::Moderate, "YES\n"));
        assert!(!agrees(Risk::Moderate, "\n"));
        assert!(!agrees(severe(None), "y\n"));
        assert!(agrees(severe(None), "kubsets\n"));
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
        assert!(Printer::new(options).confirm(severe(None), "delete").is_ok());
    }
}
