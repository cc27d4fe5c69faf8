//! Reads a record back. Some events have `seconds` of their own beside those of the record, and both stand in one
//! flat object: the first is the record's.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::Record;

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event with its time")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Record, A::Error> {
        let (mut at, mut seconds) = (None, None);
        let mut event = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            match name.as_str() {
                "at" if at.is_none() => at = Some(entries.next_value()?),
                "seconds" if seconds.is_none() => seconds = Some(entries.next_value()?),
                _ => {
                    event.insert(name, entries.next_value::<Value>()?);
                }
            }
        }
        Ok(Record {
            at: at.ok_or_else(|| A::Error::missing_field("at"))?,
            seconds: seconds.ok_or_else(|| A::Error::missing_field("seconds"))?,
            event: serde_json::from_value(event.into()).map_err(A::Error::custom)?,
        })
    }
}
