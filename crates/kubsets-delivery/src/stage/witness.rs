//! What an answer tells of who gave it: by the route's mark, by the pod's name, or by its version. Pure.

use kubsets_undo::Reach;

use super::Versions;
use crate::driver::Side;
use crate::probe::Answer;

/// What answers told while the canary was prepared.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) versions: Versions,
    /// Whether answers of the canary name their pod.
    pub(super) pods: bool,
}

/// Tells answers apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Witness<'a> {
    /// Whether the route marks answers.
    pub(super) marked: bool,
    /// Name of the canary's Deployment.
    pub(super) canary: &'a str,
    /// Known once both versions have answered.
    pub(super) seen: Option<&'a Seen>,
}

impl Witness<'_> {
    /// Whether the canary's last answer on the way back can be told.
    pub(super) fn tells_canary(self, reach: Reach) -> bool {
        let pods = self.seen.is_some_and(|seen| seen.pods);
        // After a promotion the stable pods have the canary's version.
        self.marked || pods || reach == Reach::Before
    }

    /// Whether an answer comes from a canary pod.
    pub(super) fn is_canary(self, answer: &Answer) -> bool {
        if self.marked {
            return marked(answer, Side::Canary);
        }
        match (&answer.pod, self.seen) {
            (Some(_), _) => self.is_canary_pod(answer),
            (None, Some(seen)) => answer.version.as_ref() == Some(&seen.versions.canary),
            (None, None) => false,
        }
    }

    /// Whether an answer to a probe that is aimed at stable comes from a pod that has replaced an old one.
    pub(super) fn is_replaced(self, answer: &Answer) -> bool {
        if self.marked {
            // The rollout is over; an answer says no more than that it comes from a stable pod.
            return marked(answer, Side::Stable);
        }
        let old = self.seen.map_or(&[][..], |seen| seen.versions.stable.as_slice());
        let new = answer.version.as_ref().is_some_and(|version| !old.contains(version));
        answer.status > 0 && new && !self.is_canary_pod(answer)
    }

    fn is_canary_pod(self, answer: &Answer) -> bool {
        answer.pod.as_deref().is_some_and(|pod| pod.starts_with(&format!("{}-", self.canary)))
    }
}

/// Whether the route marked an answer as one of this side.
pub(super) fn marked(answer: &Answer, side: Side) -> bool {
    answer.side.as_deref() == Some(side.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(side: Option<&str>, version: Option<&str>, pod: Option<&str>) -> Answer {
        let [side, version, pod] = [side, version, pod].map(|text| text.map(str::to_owned));
        Answer { status: 200, side, version, pod, words: String::new() }
    }

    fn seen(pods: bool) -> Seen {
        Seen { versions: Versions { stable: vec!["1".into()], canary: "2".into() }, pods }
    }

    #[test]
    fn old_stable_pods_are_told_by_what_was_seen_and_not_by_the_template() {
        let seen = seen(true);
        let witness = Witness { marked: false, canary: "web-canary", seen: Some(&seen) };
        assert!(!witness.is_replaced(&answer(None, Some("1"), Some("web-a"))));
        assert!(witness.is_replaced(&answer(None, Some("2"), Some("web-b"))));
        assert!(!witness.is_replaced(&answer(None, Some("2"), Some("web-canary-c"))));
        assert!(!witness.is_replaced(&answer(None, None, None)), "an answer of the gateway itself");
    }

    #[test]
    fn without_names_of_pods_the_version_tells_the_canary_until_it_is_promoted() {
        let seen = seen(false);
        let witness = Witness { marked: false, canary: "web-canary", seen: Some(&seen) };
        assert!(witness.is_canary(&answer(None, Some("2"), None)));
        assert!(!witness.is_canary(&answer(None, Some("1"), None)));
        assert!(witness.tells_canary(Reach::Before) && !witness.tells_canary(Reach::Promoted));
        assert!(witness.is_replaced(&answer(None, Some("2"), None)));
    }

    #[test]
    fn marks_need_nothing_of_the_service() {
        let witness = Witness { marked: true, canary: "web-canary", seen: None };
        assert!(witness.is_canary(&answer(Some("canary"), None, None)));
        assert!(!witness.is_canary(&answer(Some("stable"), None, Some("web-canary-x"))));
        assert!(!witness.is_canary(&answer(None, None, None)), "the route is as before");
        assert!(witness.is_replaced(&answer(Some("stable"), None, None)));
        assert!(!witness.is_replaced(&answer(Some("canary"), None, None)));
        assert!(witness.tells_canary(Reach::Promoted));
    }
}
