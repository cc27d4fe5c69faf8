//! How much time is left of work that goes through stages: from what they usually take and how fast it went so far.
//!
//! Pure: what time it is (since the work began) comes with each call.

use std::time::Duration;

/// Seconds of work as usual that count beside those seen, so that the first few say little about the rest.
const TRUST: f64 = 20.0;
/// The same inside a stage, as a share of it.
const TRUST_IN_STAGE: f64 = 0.1;
/// A stage may be over its time by that much before it is worth a word, in seconds.
const TOLERANCE: f64 = 2.0;

/// What is known of work under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Estimate {
    /// Usual seconds of the stages that have not begun.
    rest: f64,
    /// Usual seconds of the stages that have ended.
    finished: f64,
    /// Seconds that they took.
    spent: f64,
    stage: Option<Stage>,
}

/// A stage that has begun.
#[derive(Clone, Copy, Debug)]
struct Stage {
    usual: f64,
    began: f64,
    /// Share that is known to be done, and when that was.
    done: f64,
    heard: f64,
}

/// How long it will still take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeLeft {
    /// Nothing is known.
    Unknown,
    /// About that long.
    About(Duration),
    /// What is being done should have ended.
    Overdue {
        /// So long ago.
        by: Duration,
        /// Time for what comes after it.
        then: Duration,
    },
}

impl Estimate {
    /// Work that takes so long in all.
    pub(crate) fn of(usual: Duration) -> Self {
        Self { rest: usual.as_secs_f64(), ..Self::default() }
    }

    /// Adds something that was not planned.
    pub(crate) fn add(&mut self, usual: Duration) {
        self.rest += usual.as_secs_f64();
    }

    /// A stage of what is left begins; one that has begun before ends. Of one that takes no time nothing is known, such
    /// as waiting for others.
    pub(crate) fn begin(&mut self, usual: Duration, now: Duration) {
        self.end(now);
        let (usual, now) = (usual.as_secs_f64(), now.as_secs_f64());
        self.rest = (self.rest - usual).max(0.0);
        self.stage = Some(Stage { usual, began: now, done: 0.0, heard: now });
    }

    /// The stage turns out to take another time than was thought before it began.
    pub(crate) fn revise(&mut self, usual: Duration) {
        if let Some(stage) = &mut self.stage {
            stage.usual = usual.as_secs_f64();
        }
    }

    /// This share of the stage is done, from 0 to 1.
    pub(crate) fn advance(&mut self, done: f64, now: Duration) {
        if let Some(stage) = &mut self.stage
            && done > stage.done
        {
            (stage.done, stage.heard) = (done.min(1.0), now.as_secs_f64().max(stage.began));
        }
    }

    /// The stage has ended.
    pub(crate) fn end(&mut self, now: Duration) {
        if let Some(stage) = self.stage.take().filter(Stage::is_known) {
            self.finished += stage.usual;
            self.spent += (now.as_secs_f64() - stage.began).max(0.0);
        }
    }

    /// The time left.
    pub(crate) fn left(&self, now: Duration) -> TimeLeft {
        let rest = self.rest * self.pace();
        let stage = match self.stage {
            Some(stage) if stage.is_known() => stage,
            None if rest > 0.0 => return TimeLeft::About(seconds(rest)),
            _ => return TimeLeft::Unknown,
        };
        let passed = (now.as_secs_f64() - stage.heard).max(0.0);
        let left = stage.usual * (1.0 - stage.done) * stage.pace(self.pace_before());
        if passed <= left + TOLERANCE {
            TimeLeft::About(seconds((left - passed).max(0.0) + rest))
        } else {
            TimeLeft::Overdue { by: seconds(passed - left), then: seconds(rest) }
        }
    }

    /// Seconds per usual second in the stages that have ended.
    fn pace_before(&self) -> f64 {
        (TRUST + self.spent) / (TRUST + self.finished)
    }

    /// Seconds per usual second in all that is done.
    fn pace(&self) -> f64 {
        let (took, done) = self.stage.map_or((0.0, 0.0), |stage| (stage.took(), stage.usual * stage.done));
        (TRUST + self.spent + took) / (TRUST + self.finished + done)
    }
}

impl Stage {
    fn is_known(&self) -> bool {
        self.usual > 0.0
    }

    /// Seconds for what is done.
    fn took(&self) -> f64 {
        self.heard - self.began
    }

    /// Seconds per usual second in this stage, where it was `before` up to it.
    fn pace(&self, before: f64) -> f64 {
        let trust = TRUST_IN_STAGE * self.usual;
        (trust * before + self.took()) / (trust + self.usual * self.done)
    }
}

impl TimeLeft {
    /// In words; none where there is nothing to say.
    pub(crate) fn words(self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::About(left) if left < Duration::from_secs(1) => None,
            Self::About(left) => Some(format!("about {} left", coarse(left))),
            Self::Overdue { by, then } if then < Duration::from_secs(1) => {
                Some(format!("{} longer than usual", coarse(by)))
            }
            Self::Overdue { by, then } => {
                Some(format!("{} longer than usual, then about {}", coarse(by), coarse(then)))
            }
        }
    }
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)
}

/// A span no finer than an estimate is: `9s`, `1m 25s`, `12m`.
fn coarse(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..600 => format!("{}m {:02}s", seconds / 60, seconds % 60 / 5 * 5),
        seconds => format!("{}m", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn s(value: f64) -> Duration {
        Duration::from_secs_f64(value)
    }

    fn about(left: TimeLeft) -> f64 {
        match left {
            TimeLeft::About(left) => left.as_secs_f64(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_counts_down_and_then_says_that_it_takes_longer() {
        let mut work = Estimate::of(s(100.0));
        work.begin(s(60.0), s(0.0));
        assert_eq!(work.left(s(0.0)), TimeLeft::About(s(100.0)));
        assert_eq!(work.left(s(45.0)), TimeLeft::About(s(55.0)));
        assert_eq!(work.left(s(61.0)), TimeLeft::About(s(40.0)), "a moment is not worth a word");
        assert_eq!(work.left(s(75.0)), TimeLeft::Overdue { by: s(15.0), then: s(40.0) });
        work.end(s(80.0));
        assert_eq!(work.left(s(81.0)), TimeLeft::About(s(40.0 * 100.0 / 80.0)), "this machine is slower");
    }

    #[test]
    fn words_are_no_finer_than_the_estimate() {
        let words = |left| TimeLeft::words(left).unwrap_or_default();
        assert_eq!(words(TimeLeft::About(s(9.7))), "about 9s left");
        assert_eq!(words(TimeLeft::About(s(88.0))), "about 1m 25s left");
        assert_eq!(words(TimeLeft::About(s(1_234.0))), "about 20m left");
        assert_eq!(words(TimeLeft::About(s(0.2))), "");
        assert_eq!(words(TimeLeft::Unknown), "");
        assert_eq!(words(TimeLeft::Overdue { by: s(15.0), then: s(0.0) }), "15s longer than usual");
        let both = TimeLeft::Overdue { by: s(75.0), then: s(40.0) };
        assert_eq!(words(both), "1m 15s longer than usual, then about 40s");
    }

    #[test]
    fn a_stage_that_turns_out_longer_is_longer() {
        let mut work = Estimate::of(s(30.0));
        work.begin(s(10.0), s(0.0));
        work.revise(s(200.0));
        assert_eq!(work.left(s(0.0)), TimeLeft::About(s(220.0)));
        work.add(s(5.0));
        assert_eq!(work.left(s(0.0)), TimeLeft::About(s(225.0)));
    }

    #[test]
    fn without_a_usual_time_nothing_is_said() {
        let mut work = Estimate::default();
        assert_eq!(work.left(s(3.0)), TimeLeft::Unknown);
        work.add(s(40.0));
        assert_eq!(work.left(s(3.0)), TimeLeft::About(s(40.0)));
        work.begin(s(0.0), s(3.0));
        assert_eq!(work.left(s(9.0)), TimeLeft::Unknown, "nobody knows how long others take");
        work.end(s(500.0));
        assert_eq!(work.left(s(500.0)), TimeLeft::About(s(40.0)), "waiting says nothing of this machine");
    }

    #[derive(Clone, Debug)]
    enum Happening {
        Begin(f64),
        Advance(f64),
        Revise(f64),
        Add(f64),
        End,
    }

    fn happening() -> impl Strategy<Value = Happening> {
        prop_oneof![
            (0.0..500.0).prop_map(Happening::Begin),
            (-0.5..1.5).prop_map(Happening::Advance),
            (0.0..500.0).prop_map(Happening::Revise),
            (0.0..50.0).prop_map(Happening::Add),
            Just(Happening::End),
        ]
    }

    /// Work after any events, and the time of the last.
    fn any_work() -> impl Strategy<Value = (Estimate, f64)> {
        let events = proptest::collection::vec((happening(), 0.0..300.0), 0..20);
        (0.0..2_000.0, events).prop_map(|(total, events)| {
            let (mut work, mut now) = (Estimate::of(s(total)), 0.0);
            for (event, passed) in events {
                now += passed;
                match event {
                    Happening::Begin(usual) => work.begin(s(usual), s(now)),
                    Happening::Advance(done) => work.advance(done, s(now)),
                    Happening::Revise(usual) => work.revise(s(usual)),
                    Happening::Add(usual) => work.add(s(usual)),
                    Happening::End => work.end(s(now)),
                }
            }
            (work, now)
        })
    }

    proptest! {
        #[test]
        fn what_is_left_is_finite((work, now) in any_work(), passed in 0.0..10_000.0) {
            let left = match work.left(s(now + passed)) {
                TimeLeft::Unknown => Duration::ZERO,
                TimeLeft::About(left) => left,
                TimeLeft::Overdue { by, then } => by + then,
            };
            prop_assert!(left < s(1e7), "{left:?}");
        }

        #[test]
        fn while_nothing_happens_it_only_shrinks_until_it_is_overdue(
            (work, now) in any_work(), first in 0.0..2_000.0, more in 0.0..2_000.0,
        ) {
            match (work.left(s(now + first)), work.left(s(now + first + more))) {
                (TimeLeft::Unknown, TimeLeft::Unknown) => {}
                (TimeLeft::About(earlier), TimeLeft::About(later)) => prop_assert!(later <= earlier),
                (TimeLeft::About(earlier), TimeLeft::Overdue { then, .. }) => prop_assert!(then <= earlier),
                (TimeLeft::Overdue { by: earlier, then }, TimeLeft::Overdue { by: later, then: same }) => {
                    prop_assert!(later >= earlier && then == same);
                }
                (earlier, later) => prop_assert!(false, "{earlier:?} became {later:?}"),
            }
        }

        #[test]
        fn a_stage_whose_progress_is_known_converges(pace in 0.2..5.0_f64, usual in 10.0..500.0) {
            let mut work = Estimate::of(s(usual));
            work.begin(s(usual), s(0.0));
            let truth = pace * usual;
            for (share, error) in [(0.3, 1.3), (0.9, 0.05), (0.99, 0.005)] {
                work.advance(share, s(truth * share));
                let whole = truth * share + about(work.left(s(truth * share)));
                prop_assert!((whole - truth).abs() <= error * truth, "{whole} at {share}, not {truth}");
            }
        }

        #[test]
        fn stages_tell_how_fast_this_machine_is(
            pace in 0.2..5.0_f64, usual in proptest::collection::vec(10.0..300.0, 1..8), rest in 10.0..500.0,
        ) {
            let (mut work, mut now) = (Estimate::of(s(usual.iter().sum::<f64>() + 400.0 + rest)), 0.0);
            let mut errors = Vec::new();
            for one in usual.iter().chain(&[400.0]) {
                work.begin(s(*one), s(now));
                now += pace * one;
                work.end(s(now));
                let guess = about(work.left(s(now))) / work.rest;
                errors.push((guess - pace).abs());
            }
            prop_assert!(errors.is_sorted_by(|earlier, later| later <= earlier), "{errors:?}");
            prop_assert!(errors[errors.len() - 1] <= 0.2 * pace, "{errors:?} of {pace}");
        }
    }
}
