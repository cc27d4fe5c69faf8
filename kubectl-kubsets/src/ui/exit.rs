//! Exit codes: their numbers are an interface and change only with a major version.

use serde::Serialize;

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// The command did what it was asked; a verdict, if any, is PASS.
    Success = 0,
    /// A verdict is FAIL: a canary was rolled back, `status` found trouble, a threshold was crossed.
    VerdictFailed = 1,
    /// Wrong arguments, an invalid lab or plan. Nothing was changed.
    Usage = 2,
    /// Too little evidence for a verdict.
    Inconclusive = 3,
    /// A need is missing, so nothing ran.
    Skipped = 4,
    /// No cluster, no access, or the cluster refused.
    Cluster = 5,
    /// A wait took longer than its limit.
    Timeout = 6,
    /// The verdict stands, but something could not be undone or removed.
    CleanupIncomplete = 7,
    /// A program, a file or the network of this machine failed, or something that should not happen did.
    Host = 8,
    /// Stopped by Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code, in order.
    pub(crate) const ALL: [Self; 10] = [
        Self::Success,
        Self::VerdictFailed,
        Self::Usage,
        Self::Inconclusive,
        Self::Skipped,
        Self::Cluster,
        Self::Timeout,
        Self::CleanupIncomplete,
        Self::Host,
        Self::Interrupted,
    ];

    /// The number given to the shell.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    /// The code that tells more of two runs: what is left behind, then that it was stopped, then a verdict or an error, then
    /// too little evidence, then what did not run.
    pub(crate) fn worse(self, other: Self) -> Self {
        let weight = |code| match code {
            Self::Success => 0,
            Self::Skipped => 1,
            Self::Inconclusive => 2,
            Self::Usage | Self::Cluster | Self::Timeout | Self::Host => 3,
            Self::VerdictFailed => 4,
            Self::Interrupted => 5,
            Self::CleanupIncomplete => 6,
        };
        if weight(other) > weight(self) { other } else { self }
    }

    /// Whether a verdict that is no pass gave the code, and not an error.
    pub(crate) const fn is_verdict(self) -> bool {
        matches!(self, Self::VerdictFailed | Self::Inconclusive)
    }

    /// The code with this number; an unknown one is a failed verdict.
    pub(crate) fn from_number(number: u8) -> Self {
        Self::ALL.into_iter().find(|code| code.number() == number).unwrap_or(Self::VerdictFailed)
    }

    /// One sentence for the documentation.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "done; a verdict, if there is one, is PASS (a canary was promoted)",
            Self::VerdictFailed => {
                "the verdict is FAIL: a canary was rolled back, `status` found trouble, a threshold was crossed"
            }
            Self::Usage => "wrong arguments or an invalid plan; nothing was changed",
            Self::Inconclusive => "too little evidence for a verdict",
            Self::Skipped => "a need is missing, so nothing ran",
            Self::Cluster => "no cluster, no access, or the cluster refused",
            Self::Timeout => "a wait took longer than its limit",
            Self::CleanupIncomplete => "something could not be undone or removed",
            Self::Host => {
                "something on this machine failed: a build, a program, a file; the message says what was done"
            }
            Self::Interrupted => "interrupted by Ctrl-C or SIGTERM",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::ExitCode;

    #[test]
    fn numbers_are_the_documented_ones() {
        let numbers: Vec<u8> = ExitCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]);
        assert!(ExitCode::ALL.into_iter().all(|code| ExitCode::from_number(code.number()) == code));
    }

    #[test]
    fn the_worst_of_a_series_counts_whatever_its_place() {
        let worst =
            |codes: &[ExitCode]| codes.iter().fold(ExitCode::Success, |worst, code| worst.worse(*code));
        let (fail, skipped) = (ExitCode::VerdictFailed, ExitCode::Skipped);
        assert_eq!(worst(&[fail, skipped, ExitCode::Success]), fail);
        assert_eq!(worst(&[skipped, fail]), fail);
        let (incomplete, inconclusive) = (ExitCode::CleanupIncomplete, ExitCode::Inconclusive);
        assert_eq!(worst(&[incomplete, inconclusive, ExitCode::Interrupted]), incomplete);
        assert_eq!(worst(&[skipped, inconclusive]), inconclusive);
    }

    #[test]
    fn every_meaning_is_distinct() {
        let mut meanings: Vec<_> = ExitCode::ALL.iter().map(|code| code.meaning()).collect();
        meanings.sort_unstable();
        meanings.dedup();
        assert_eq!(meanings.len(), ExitCode::ALL.len());
    }
}
