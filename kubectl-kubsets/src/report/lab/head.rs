//! Title, verdict, reason, the numbers at the top, and commands.

use kubsets_engine::{LabEvent, Outcome, StepStatus, Verdict as Ending};
use kubsets_report::{Command, Number, Tone, Unit, Verdict};

use super::LabRun;
use super::load::LoadSeen;
use crate::cli::AS_PLUGIN;
use crate::report::pieces::{count, good_if, number, sentence};

/// Loads whose numbers stand at the top.
const LOADS_AT_TOP: usize = 2;

pub(super) fn title(run: &LabRun) -> String {
    let given: Vec<String> = run.plan.given.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if given.is_empty() {
        format!("Lab {}", run.plan.lab)
    } else {
        format!("Lab {} with {}", run.plan.lab, given.join(", "))
    }
}

pub(super) fn verdict(run: &LabRun) -> Verdict {
    let Some(outcome) = &run.outcome else {
        return Verdict {
            tone: Tone::Warn,
            word: "UNFINISHED".into(),
            meaning: "no outcome on record: it is still under way, or its driver was killed".into(),
        };
    };
    let (tone, meaning) = match outcome.verdict {
        Ending::Pass => (Tone::Good, "everything expected came out"),
        Ending::Fail => (Tone::Bad, "something expected did not come out"),
        Ending::Inconclusive => (Tone::Warn, "too little evidence for either"),
        Ending::Skipped => (Tone::Warn, "it could not be tried here"),
        Ending::Aborted => (Tone::Warn, "ended before a verdict"),
        Ending::Error => (Tone::Bad, "something other than the experiment ended it"),
    };
    let mut meaning = meaning.to_owned();
    let left = outcome.cleanup_command.is_some();
    if left {
        meaning.push_str(", and something is not as it was before");
    }
    let tone = if left { Tone::Bad } else { tone };
    Verdict { tone, word: outcome.verdict.word().to_owned(), meaning }
}

pub(super) fn reason(run: &LabRun) -> String {
    if let Some(outcome) = &run.outcome {
        return sentence(&outcome.reason);
    }
    let doing = run.events.iter().rev().find_map(|record| match &record.event {
        LabEvent::Doing { what } => Some(what.as_str()),
        LabEvent::StepBegan { name, .. } => Some(name.as_str()),
        _ => None,
    });
    let doing = doing.map(|what| format!("; the last that it told is: {what}")).unwrap_or_default();
    sentence(&format!("the record ends after {}{doing}", Unit::Seconds.text(run.seconds())))
}

pub(super) fn numbers(run: &LabRun, loads: &[LoadSeen<'_>]) -> Vec<Number> {
    let mut numbers: Vec<Number> = run.outcome.iter().map(|outcome| held(run, outcome)).collect();
    let several = loads.len() > 1;
    for load in loads.iter().take(LOADS_AT_TOP) {
        numbers.extend(traffic(load, several));
    }
    numbers.push(steps(run));
    if let Some(outcome) = &run.outcome {
        numbers.push(undo(outcome));
    }
    numbers
}

fn held(run: &LabRun, outcome: &Outcome) -> Number {
    let all = run.plan.expect.len();
    let checked = outcome.expectations.len();
    let held = outcome.expectations.iter().filter(|one| one.held).count();
    let (note, tone) = match checked {
        0 => ("none was looked at".to_owned(), Tone::Warn),
        checked if checked < all => (format!("{checked} were looked at"), Tone::Warn),
        _ => ("of the lab".to_owned(), good_if(held == all)),
    };
    number("Expectations", format!("{held} of {all} held"), note, tone)
}

fn traffic(load: &LoadSeen<'_>, several: bool) -> Vec<Number> {
    let label = |what: &str| if several { format!("{what}: {}", load.name) } else { what.to_owned() };
    let (planned, ok) = load.planned_and_ok();
    if planned == 0 {
        return Vec::new();
    }
    let failed = planned.saturating_sub(ok);
    let tone = if failed == 0 { Tone::Good } else { Tone::Plain };
    let note = format!("{} of {} requests not answered well", count(failed), count(planned));
    let mut numbers = vec![number(&label("Availability"), availability(planned, ok), note, tone)];
    if let (Some(p50), Some(p99)) = (load.figure("p50Ms"), load.figure("p99Ms")) {
        let note = format!("median {}", Unit::Milliseconds.text(p50));
        numbers.push(number(&label("p99 latency"), Unit::Milliseconds.text(p99), note, Tone::Plain));
    }
    numbers
}

/// Availability in percent; never rounded up to 100.
pub(super) fn availability(planned: u64, ok: u64) -> String {
    let percent = ok as f64 / planned.max(1) as f64 * 100.0;
    let text = format!("{percent:.2}");
    if ok < planned && text == "100.00" { "> 99.99 %".to_owned() } else { format!("{text} %") }
}

fn steps(run: &LabRun) -> Number {
    let took = format!("in {}", Unit::Seconds.text(run.seconds()));
    let done = run.plan.steps.iter().filter_map(|step| run.ended(step));
    let passed = done.filter(|ended| ended.status == StepStatus::Passed).count();
    let all = run.plan.steps.len();
    number("Steps", format!("{passed} of {all} done"), took, Tone::Plain)
}

fn undo(outcome: &Outcome) -> Number {
    let Some(undo) = &outcome.undo else {
        return number("Undo", "not ended".to_owned(), "nothing was compared".to_owned(), Tone::Bad);
    };
    let all = undo.comparisons.len();
    if all == 0 {
        let tone = good_if(undo.equal);
        return number("Undo", "nothing to undo".to_owned(), "no object was changed".to_owned(), tone);
    }
    let equal = undo.comparisons.iter().filter(|one| one.equal).count();
    let note = format!("objects as before, in {}", Unit::Seconds.text(undo.seconds));
    number("Undo", format!("{equal} of {all}"), note, good_if(undo.equal))
}

/// Commands on this run; the first one repeats it.
pub(super) fn commands(run: &LabRun) -> Vec<Command> {
    let command = |purpose: &str, line: String| Command { purpose: purpose.to_owned(), line };
    let repeat = run.outcome.as_ref().map(|outcome| outcome.repeat_command.clone());
    let repeat = repeat.unwrap_or_else(|| run.plan.repeat_command());
    let plan = repeat.replacen("lab run", "lab plan", 1);
    let mut commands = vec![command("Repeat it", repeat)];
    let unfinished = run.outcome.is_none().then(|| format!("{AS_PLUGIN} lab clean {}", run.name));
    let cleanup = run.outcome.as_ref().and_then(|outcome| outcome.cleanup_command.clone());
    if let Some(line) = cleanup.or(unfinished) {
        commands.push(command("Finish the undo", line));
    }
    commands.push(command("Say what it would do", plan));
    for canary in run.canaries.iter().filter(|canary| canary.record.is_some()) {
        commands.push(command("Report of its canary alone", format!("{AS_PLUGIN} report {}", canary.run)));
    }
    commands.extend([
        command("This report again", format!("{AS_PLUGIN} report {}", run.name)),
        command("Beside another run", format!("{AS_PLUGIN} report --compare OTHER {}", run.name)),
    ]);
    commands
}
