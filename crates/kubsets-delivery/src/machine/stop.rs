//! Why a run stops going forward.

use kubsets_kube::{Hint, PodProblem};

use crate::outcome::{RunVerdict, exit};
use crate::stage::StageError;

/// The reason for the end of a run.
#[derive(Debug)]
pub(crate) enum Stop {
    /// All steps are through; with a reason when one of them was without verdict.
    Passed(Option<String>),
    /// The judge found the canary worse.
    Worse(String),
    /// No verdict in the time.
    Inconclusive(String),
    /// What was measured is worth nothing.
    Invalid(String),
    /// Ctrl-C or SIGTERM.
    Cancelled,
    /// Somebody asked for it from elsewhere.
    Aborted(String),
    /// Somebody else restores: nothing may be touched any more.
    TakenOver(String),
    /// The mechanics failed.
    Failed(StageError),
}

impl From<StageError> for Stop {
    fn from(error: StageError) -> Self {
        match error {
            StageError::TakenOver(why) => Self::TakenOver(why),
            error => Self::Failed(error),
        }
    }
}

impl Stop {
    /// What follows, in a word.
    pub(crate) fn decision(&self) -> &'static str {
        match self {
            Self::Passed(_) => "promote",
            Self::TakenOver(_) => "leave",
            _ => "roll-back",
        }
    }

    /// What it is when somebody had asked for an end before the way back was over. What was promoted stays,
    /// and who lost the Lease has no say.
    pub(crate) fn when_asked(self, who: Option<String>, interrupted: bool) -> Self {
        match (self, who) {
            (stop @ (Self::Passed(_) | Self::TakenOver(_) | Self::Cancelled | Self::Aborted(_)), _) => stop,
            (_, Some(who)) => Self::Aborted(who),
            (_, None) if interrupted => Self::Cancelled,
            (stop, None) => stop,
        }
    }

    /// Why, in one sentence.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Passed(None) => "every step passed".into(),
            Self::Passed(Some(reason)) => format!("gone on although inconclusive: {reason}"),
            Self::Worse(reason) | Self::Inconclusive(reason) | Self::Invalid(reason) => reason.clone(),
            Self::Cancelled => "interrupted".into(),
            Self::Aborted(who) => format!("abort asked for by {who}"),
            Self::TakenOver(why) => why.clone(),
            Self::Failed(error) => error.to_string(),
        }
    }

    /// What to do about it, if there is something.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Failed(error) => error.hint(),
            _ => None,
        }
    }

    /// Whether this driver may still change objects.
    pub(crate) fn may_touch(&self) -> bool {
        !matches!(self, Self::TakenOver(_))
    }

    /// Verdict and exit code.
    pub(crate) fn verdict(&self) -> (RunVerdict, u8) {
        match self {
            Self::Passed(None) => (RunVerdict::Promoted, exit::PROMOTED),
            Self::Passed(Some(_)) => (RunVerdict::Promoted, exit::INCONCLUSIVE),
            Self::Worse(_) => (RunVerdict::RolledBack, exit::ROLLED_BACK),
            Self::Inconclusive(_) => (RunVerdict::Inconclusive, exit::INCONCLUSIVE),
            Self::Invalid(_) => (RunVerdict::Invalid, exit::INCONCLUSIVE),
            Self::Cancelled | Self::Aborted(_) => (RunVerdict::Aborted, exit::INTERRUPTED),
            Self::TakenOver(_) => (RunVerdict::Error, exit::CLUSTER),
            // A version that does not even start is a bad version.
            Self::Failed(StageError::Pod(PodProblem::Crashing { .. })) => {
                (RunVerdict::RolledBack, exit::ROLLED_BACK)
            }
            Self::Failed(error) => (RunVerdict::Error, error.exit_code()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_on_the_way_back_has_ended_the_run_unless_it_is_promoted() {
        let asked = |stop: Stop, who: Option<&str>, interrupted| {
            stop.when_asked(who.map(str::to_owned), interrupted).verdict()
        };
        let worse = || Stop::Worse("5 % errors".into());
        assert_eq!(asked(worse(), None, false), (RunVerdict::RolledBack, 1));
        assert_eq!(asked(worse(), Some("another terminal"), false), (RunVerdict::Aborted, 130));
        assert_eq!(asked(worse(), None, true), (RunVerdict::Aborted, 130));
        let failed = Stop::Failed(StageError::Load("gone".into()));
        assert_eq!(asked(failed, Some("another terminal"), false), (RunVerdict::Aborted, 130));
        assert_eq!(asked(Stop::Passed(None), Some("another terminal"), true), (RunVerdict::Promoted, 0));
        let lost = Stop::TakenOver("the lease was deleted".into());
        assert_eq!(asked(lost, Some("another terminal"), true).0, RunVerdict::Error);
    }
}
