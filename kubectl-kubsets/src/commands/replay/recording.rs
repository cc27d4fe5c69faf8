//! A record as it lies in its folder: of a lab or of a canary.

use std::path::Path;

use anyhow::Context as _;
use kubsets_delivery::{Plan, Record, RunEvent, record};
use kubsets_engine::{EVENTS_FILE, LabEvent, LabRecord};
use kubsets_judge::JudgeConfig;
use serde::de::DeserializeOwned;

use crate::ui::Failure;

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a lab.
    Lab,
    /// Of a canary.
    Canary,
}

/// The events of a run, in order.
#[derive(Debug)]
pub(super) enum Recording {
    Lab(Vec<LabRecord>),
    Canary(Vec<Record>),
}

impl Recording {
    /// Reads a record, of this kind where the folder has both.
    pub(super) fn read(folder: &Path, kind: Kind) -> anyhow::Result<Self> {
        let lab = || events(&folder.join(EVENTS_FILE)).map(|found| found.map(Self::Lab));
        let canary = || events(&folder.join(record::EVENTS_FILE)).map(|found| found.map(Self::Canary));
        let found = match kind {
            Kind::Lab => lab()?.map_or_else(canary, |found| Ok(Some(found)))?,
            Kind::Canary => canary()?.map_or_else(lab, |found| Ok(Some(found)))?,
        };
        found.ok_or_else(|| {
            Failure::usage(format!("there are no events on record in {}", folder.display()))
                .with_hint("`kubectl kubsets report --list` shows the runs on record")
                .into()
        })
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
        let Recording::Canary(records) = Recording::read(&fixture(run), Kind::Canary).expect("is read")
        else {
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
        let alone = Recording::read(&fixture("261120-163148-d80d"), Kind::Lab).expect("is read").canary();
        let inside = Recording::read(folder.path(), Kind::Canary).expect("is read").canary();
        assert!(alone.len() > 30 && alone == inside);
    }

    #[test]
    fn a_line_cut_off_at_the_end_is_left_out_and_others_are_named() {
        let folder = tempfile::tempdir().expect("is made");
        let path = folder.path().join(record::EVENTS_FILE);
        let whole = r#"{"at":"x","seconds":1,"event":{"type":"doing","what":"y"}}"#;
        std::fs::write(&path, format!("{whole}\n{{\"at\":")).expect("is written");
        assert_eq!(Recording::read(folder.path(), Kind::Canary).expect("is read").canary().len(), 1);
        std::fs::write(&path, format!("nonsense\n{whole}\n")).expect("is written");
        let error = Recording::read(folder.path(), Kind::Canary).expect_err("is refused");
        assert!(format!("{error:#}").contains("line 1 of"), "{error:#}");
        assert!(Recording::read(&folder.path().join("absent"), Kind::Lab).is_err());
    }
}
