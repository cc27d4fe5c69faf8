//! A record as it lies in its folder: of a lab or of a canary.

use std::path::Path;

use anyhow::Context as _;
use kubsets_delivery::{Plan, Record, RunEvent, record};
use kubsets_engine::{EVENTS_FILE, LabEvent, LabRecord};
use kubsets_judge::JudgeConfig;
use serde::de::DeserializeOwned;

use crate::ui::Failure;

/// The events of a run, in order.
#[derive(Debug)]
pub(super) enum Recording {
    Lab(Vec<LabRecord>),
    Canary(Vec<Record>),
}

impl Recording {
    /// Reads a record. A canary that is a run of its own has two: that of the lab around it has the same events, and
    /// the pods beside them.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let lab = events(&folder.join(EVENTS_FILE))?.map(Self::Lab);
        let canary = || events(&folder.join(record::EVENTS_FILE)).map(|found| found.map(Self::Canary));
        lab.map_or_else(canary, |found| Ok(Some(found)))?.ok_or_else(|| {
            Failure::usage(format!("there are no events on record in {}", folder.display()))
                .with_hint("`kubectl kubsets report --list` shows the runs on record")
                .into()
        })
    }

    /// Whether a canary is among the events of a lab.
    pub(super) fn has_a_canary(records: &[LabRecord]) -> bool {
        records.iter().any(|record| matches!(record.event, LabEvent::Canary(_)))
    }

    /// Leaves out what the lab around a canary tells, as `canary run` does. A lab without one stays as it is.
    pub(super) fn around_the_canary(self) -> Self {
        match self {
            Self::Lab(mut records) if Self::has_a_canary(&records) => {
                records.retain(|record| matches!(record.event, LabEvent::Canary(_) | LabEvent::Pods(_)));
                Self::Lab(records)
            }
            other => other,
        }
    }

    /// The events of the canary; of the last one where a lab had several.
    pub(super) fn canary(self) -> Vec<Record> {
        let mut records = match self {
            Self::Canary(records) => records,
            Self::Lab(records) => {
                let inner = records.into_iter().filter_map(|record| match record.event {
                    LabEvent::Canary(inner) => Some(*inner),
                    _ => None,
                });
                inner.collect()
            }
        };
        let last = records.iter().rposition(|record| matches!(record.event, RunEvent::Started { .. }));
        records.split_off(last.unwrap_or(0))
    }
}

/// Events, one per line; none where there is no file or no event. A kill may have cut the last line off.
fn events<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<Vec<T>>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut events = Vec::with_capacity(lines.len());
    for (number, line) in (1..).zip(&lines) {
        match serde_json::from_str(line) {
            Ok(event) => events.push(event),
            Err(_) if number == lines.len() => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read line {number} of {}", path.display()));
            }
        }
    }
    Ok(Some(events).filter(|events| !events.is_empty()))
}

/// The settings that the run was judged by.
pub(super) fn judge_config(folder: &Path) -> anyhow::Result<JudgeConfig> {
    let path = folder.join(record::PLAN_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let plan: Plan =
                serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(plan.judge)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(JudgeConfig::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(run: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs").join(run)
    }

    /// The canary of a fixture as a step of a lab.
    fn as_lab(run: &str, folder: &Path) {
        let Recording::Canary(records) = Recording::read(&fixture(run)).expect("is read") else {
            panic!("a canary")
        };
        let lines = records.into_iter().map(|inner| {
            let event = LabEvent::Canary(Box::new(inner.clone()));
            let record = LabRecord { at: inner.at.clone(), seconds: inner.seconds + 3.0, event };
            serde_json::to_string(&record).expect("is JSON") + "\n"
        });
        std::fs::write(folder.join(EVENTS_FILE), lines.collect::<String>()).expect("is written");
    }

    #[test]
    fn a_canary_is_the_same_alone_and_in_a_lab() {
        let folder = tempfile::tempdir().expect("is made");
        as_lab("261120-163148-d80d", folder.path());
        let alone = Recording::read(&fixture("261120-163148-d80d")).expect("is read").canary();
        let inside = Recording::read(folder.path()).expect("is read").canary();
        assert!(alone.len() > 30 && alone == inside);
    }

    #[test]
    fn a_canary_comes_with_its_pods_and_without_the_lab_around_it() {
        let folder = tempfile::tempdir().expect("is made");
        as_lab("261120-163148-d80d", folder.path());
        let path = folder.path().join(EVENTS_FILE);
        let canary = std::fs::read_to_string(&path).expect("is there");
        let line = |event| {
            let record = LabRecord { at: "x".into(), seconds: 1.0, event };
            serde_json::to_string(&record).expect("is JSON")
        };
        let pods = line(LabEvent::Pods(kubsets_engine::PodChanges::default()));
        let doing = line(LabEvent::Doing { what: "x".into() });
        std::fs::write(&path, format!("{pods}\n{doing}\n{canary}")).expect("is written");
        let own = std::fs::read(fixture("261120-163148-d80d").join(record::EVENTS_FILE)).expect("is there");
        std::fs::write(folder.path().join(record::EVENTS_FILE), own).expect("is written");
        let count = |recording| match recording {
            Recording::Lab(records) => records.len(),
            Recording::Canary(_) => panic!("the record of the lab has more"),
        };
        let read = || Recording::read(folder.path()).expect("is read");
        assert_eq!(count(read()), canary.lines().count() + 2);
        assert_eq!(count(read().around_the_canary()), canary.lines().count() + 1);
        std::fs::write(&path, format!("{doing}\n")).expect("is written");
        assert_eq!(count(read().around_the_canary()), 1, "a lab without a canary stays as it is");
    }

    #[test]
    fn a_line_cut_off_at_the_end_is_left_out_and_others_are_named() {
        let folder = tempfile::tempdir().expect("is made");
        let path = folder.path().join(record::EVENTS_FILE);
        let whole = r#"{"at":"x","seconds":1,"event":{"type":"doing","what":"y"}}"#;
        std::fs::write(&path, format!("{whole}\n{{\"at\":")).expect("is written");
        assert_eq!(Recording::read(folder.path()).expect("is read").canary().len(), 1);
        std::fs::write(&path, format!("nonsense\n{whole}\n")).expect("is written");
        let error = Recording::read(folder.path()).expect_err("is refused");
        assert!(format!("{error:#}").contains("line 1 of"), "{error:#}");
        assert!(Recording::read(&folder.path().join("absent")).is_err());
    }
}
