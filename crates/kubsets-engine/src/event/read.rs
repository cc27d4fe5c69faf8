//! Reads a record back. Some events have `seconds` of their own, and one of a canary has a whole record of its own;
//! all stands in one flat object, in order. The first of a name is the record's.

use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{LabEvent, LabRecord};

/// Name of the event that holds a record of its own.
const CANARY: &str = "canary";

impl<'de> Deserialize<'de> for LabRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = LabRecord;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event with its time")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<LabRecord, A::Error> {
        let (mut at, mut seconds, mut canary) = (None, None, false);
        let mut event: Vec<(String, Value)> = Vec::new();
        while let Some(name) = entries.next_key::<String>()? {
            match name.as_str() {
                "at" if at.is_none() => at = Some(entries.next_value()?),
                "seconds" if seconds.is_none() => seconds = Some(entries.next_value()?),
                _ => {
                    let value: Value = entries.next_value()?;
                    if event.is_empty() && name == "event" && value == CANARY {
                        canary = true;
                    } else {
                        event.push((name, value));
                    }
                }
            }
        }
        let event = if canary {
            let inner = kubsets_delivery::Record::deserialize(MapDeserializer::new(event.into_iter()));
            inner.map(|record| LabEvent::Canary(Box::new(record)))
        } else {
            serde_json::from_value(event.into_iter().collect::<Map<_, _>>().into())
        };
        Ok(LabRecord {
            at: at.ok_or_else(|| A::Error::missing_field("at"))?,
            seconds: seconds.ok_or_else(|| A::Error::missing_field("seconds"))?,
            event: event.map_err(A::Error::custom)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use kubsets_delivery::{Record, RunEvent, ShareReport};

    use super::*;
    use crate::event::LoadTick;
    use crate::outcome::{StepStatus, UndoReport};

    fn survives(event: LabEvent) {
        let record = LabRecord { at: "2026-01-01T00:00:00Z".into(), seconds: 25.5, event };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<LabRecord>(&text).unwrap(), record, "{text}");
    }

    #[test]
    fn events_with_seconds_of_their_own_keep_both() {
        let message = "3 pods".to_owned();
        let status = StepStatus::Passed;
        survives(LabEvent::StepEnded { step: 2, status, seconds: 8.0, message, result: Value::Null });
        survives(LabEvent::Undone(UndoReport { seconds: 1.5, equal: true, ..UndoReport::default() }));
        survives(LabEvent::Load(LoadTick {
            load: "users".into(),
            second: 3,
            ok: 100,
            ..LoadTick::default()
        }));
    }

    #[test]
    fn a_canary_inside_keeps_its_own_record() {
        let share = ShareReport::new(10.0, 60, 600);
        for event in [
            RunEvent::Doing { what: "waiting for pods".into() },
            RunEvent::StepEnded { step: 1, passed: true, seconds: 8.0, share },
        ] {
            let record = Record { at: "2026-01-01T00:00:09Z".into(), seconds: 9.0, event };
            survives(LabEvent::Canary(Box::new(record)));
        }
    }

    #[test]
    fn a_line_without_time_or_with_an_unknown_event_is_refused() {
        for text in [
            r#"{"at":"x","event":"doing","what":"y"}"#,
            r#"{"seconds":1,"event":"doing","what":"y"}"#,
            r#"{"at":"x","seconds":1,"event":"nothing"}"#,
            r#"{"at":"x","seconds":1,"event":"canary","what":"y"}"#,
        ] {
            assert!(serde_json::from_str::<LabRecord>(text).is_err(), "{text}");
        }
    }
}
