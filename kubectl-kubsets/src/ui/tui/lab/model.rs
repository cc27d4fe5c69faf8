//! What the live picture of a lab shows.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kubsets_engine::{Checked, LoadTick, PodSeen, StepStatus};

use crate::ui::duration;
use crate::ui::style::Tone;
use crate::ui::tui::model::{CanaryView, Line};

/// Seconds of history that sparklines can show.
const HISTORY: usize = 240;

/// Lines of the log that are kept.
const LOG: usize = 2_000;

/// What is known before the first event.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabFacts {
    /// Context of the kubeconfig; empty where no cluster is asked.
    pub(crate) context: String,
    /// Full name of the lab, until the run names it.
    pub(crate) lab: String,
}

/// One pod.
#[derive(Clone, Debug, Default)]
pub(super) struct PodLine {
    pub(super) seen: PodSeen,
    /// When it was made on the run's clock, in seconds; mostly before its begin.
    pub(super) made: Option<f64>,
}

/// A view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Overview,
    Traffic,
    Steps,
    Log,
    Help,
    Pods,
}

impl Page {
    /// All, in the order of their keys from 1.
    pub(super) const ALL: [Self; 6] =
        [Self::Overview, Self::Traffic, Self::Steps, Self::Log, Self::Help, Self::Pods];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Traffic => "traffic",
            Self::Steps => "steps",
            Self::Log => "log",
            Self::Help => "help",
            Self::Pods => "pods",
        }
    }

    /// The page so many places further, around the end.
    pub(super) fn further(self, places: usize) -> Self {
        let at = Self::ALL.iter().position(|page| *page == self).unwrap_or(0);
        Self::ALL[(at + places) % Self::ALL.len()]
    }
}

/// Where a step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mark {
    #[default]
    Waiting,
    Running,
    Ended(StepStatus),
}

/// One step.
#[derive(Clone, Debug, Default)]
pub(super) struct StepLine {
    pub(super) name: String,
    pub(super) operation: String,
    pub(super) question: String,
    pub(super) mark: Mark,
    pub(super) began: f64,
    pub(super) seconds: f64,
    pub(super) timeout: f64,
    pub(super) message: String,
}

/// One load: its newest second, its history, its sums.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic {
    pub(super) last: LoadTick,
    pub(super) ok_each: VecDeque<u64>,
    pub(super) failed_each: VecDeque<u64>,
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) never_sent: u64,
}

impl Traffic {
    pub(super) fn add(&mut self, tick: &LoadTick) {
        self.ok += tick.ok;
        self.failed += tick.failed;
        self.never_sent += tick.never_sent;
        for (history, value) in [(&mut self.ok_each, tick.ok), (&mut self.failed_each, tick.failed)] {
            history.push_back(value);
            if history.len() > HISTORY {
                history.pop_front();
            }
        }
        self.last = tick.clone();
    }
}

/// How the run ended.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) tone: Tone,
    pub(super) word: &'static str,
    pub(super) reason: String,
    pub(super) repeat: String,
}

/// Everything that the picture shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabView {
    pub(super) facts: LabFacts,
    pub(super) run: String,
    pub(super) lab: String,
    pub(super) question: String,
    pub(super) namespace: String,
    /// Seconds since the run began.
    pub(super) seconds: f64,
    pub(super) longest: f64,
    pub(super) doing: String,
    pub(super) steps: Vec<StepLine>,
    /// Index of the step that runs or ran last.
    pub(super) current: Option<usize>,
    pub(super) loads: Vec<Traffic>,
    pub(super) checks: Vec<Checked>,
    /// The sentence on the undo, once it is over.
    pub(super) undone: Option<(Tone, String)>,
    pub(super) ending: Option<Ending>,
    /// The canary that is, or was last, a step.
    pub(super) canary: Option<Box<CanaryView>>,
    /// Pods by name, once they were looked at.
    pub(super) pods: Option<BTreeMap<String, PodLine>>,
    pub(super) log: VecDeque<Line>,
    /// The view that was asked for with a key.
    pub(super) chosen: Option<Page>,
    /// Lines that the log is scrolled back from its newest.
    pub(super) back: usize,
    /// Abort was asked for.
    pub(super) aborting: bool,
    /// Seconds of the record per second, where a record is shown again.
    pub(super) replay: Option<f64>,
}

impl LabView {
    /// An empty picture.
    pub(crate) fn new(facts: LabFacts) -> Self {
        let lab = facts.lab.clone();
        Self { facts, lab, doing: "starting".to_owned(), ..Self::default() }
    }

    /// The same picture for a record that is shown again at this speed; 0 is at once.
    pub(crate) fn replayed(mut self, speed: f64) -> Self {
        self.replay = Some(speed);
        self
    }

    /// The view to show: the one asked for, else where most is to be seen.
    pub(super) fn page(&self) -> Page {
        let in_canary = self.canary.is_some() && self.ending.is_none();
        self.chosen.unwrap_or(if in_canary { Page::Traffic } else { Page::Overview })
    }

    pub(super) fn is_replay(&self) -> bool {
        self.replay.is_some()
    }

    /// Adds lines to the log. A reader who has scrolled back keeps the place.
    pub(super) fn note(&mut self, tone: Tone, text: &str) {
        for line in text.lines() {
            self.log.push_back(Line { seconds: self.seconds, tone, text: line.to_owned() });
            self.back += usize::from(self.back > 0);
        }
        while self.log.len() > LOG {
            self.log.pop_front();
        }
        self.back = self.back.min(self.log.len().saturating_sub(1));
    }

    /// The step that runs or ran last, with its number from 1.
    pub(super) fn step(&self) -> Option<(usize, &StepLine)> {
        let at = self.current?;
        self.steps.get(at).map(|step| (at + 1, step))
    }

    /// Age of a pod in words, as of now in the run.
    pub(super) fn age(&self, pod: &PodLine) -> String {
        let seconds = pod.made.map(|made| (self.seconds - made).max(0.0).floor());
        seconds.map_or_else(String::new, |age| duration(Duration::from_secs_f64(age)))
    }

    /// Seconds that a step has taken so far.
    pub(super) fn took(&self, step: &StepLine) -> f64 {
        if step.mark == Mark::Running { (self.seconds - step.began).max(0.0) } else { step.seconds }
    }
}
