//! An event as it arrives: payload, attempt, due time, trace.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kubsets_telemetry::{
    kafka::{header, trace_fields, with_header, with_trace},
    propagation::TraceFields,
};
use rdkafka::{
    Message,
    message::{OwnedHeaders, OwnedMessage},
};
use serde::Deserialize;
use uuid::Uuid;

const ATTEMPT: &str = "kubsets-attempt";
const NOT_BEFORE: &str = "kubsets-not-before-ms";
const REASON: &str = "kubsets-reason";
const ORIGIN: &str = "kubsets-origin";
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Event {
    pub(crate) event_id: Uuid,
    pub(crate) order_id: Uuid,
}

/// A message without the broker's wrapping.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<String>,
    pub(crate) payload: Vec<u8>,
    /// 1 for the first.
    pub(crate) attempt: u32,
    pub(crate) not_before: Option<SystemTime>,
    /// The context in which the event was created; forwarded untouched.
    pub(crate) trace: TraceFields,
    pub(crate) created: Option<SystemTime>,
}

impl Envelope {
    pub(crate) fn open(message: &OwnedMessage) -> Self {
        let headers = message.headers();
        let number = |name| header(headers, name).and_then(|text| text.parse::<u64>().ok());
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(|key| String::from_utf8_lossy(key).into_owned()),
            payload: message.payload().unwrap_or_default().to_vec(),
            attempt: number(ATTEMPT).and_then(|attempt| u32::try_from(attempt).ok()).unwrap_or(1).max(1),
            not_before: number(NOT_BEFORE).map(|ms| UNIX_EPOCH + Duration::from_millis(ms)),
            trace: trace_fields(headers),
            created: message
                .timestamp()
                .to_millis()
                .and_then(|ms| u64::try_from(ms).ok())
                .map(|ms| UNIX_EPOCH + Duration::from_millis(ms)),
        }
    }

    /// What the payload says, or why it says nothing.
    pub(crate) fn event(&self) -> Result<Event, serde_json::Error> {
        serde_json::from_slice(&self.payload)
    }

    /// The order that it is about, as far as can be told from a payload that cannot be read.
    pub(crate) fn order_id(&self) -> Option<Uuid> {
        self.event()
            .ok()
            .map(|event| event.order_id)
            .or_else(|| self.key.as_deref().and_then(|key| Uuid::parse_str(key).ok()))
    }

    /// Time until it may be handled. A wrong clock or header cannot hold it up for ever.
    pub(crate) fn wait(&self) -> Duration {
        self.not_before
            .and_then(|due| due.duration_since(SystemTime::now()).ok())
            .unwrap_or_default()
            .min(LONGEST_WAIT)
    }

    /// Time since the message was written.
    pub(crate) fn age(&self) -> Option<Duration> {
        SystemTime::now().duration_since(self.created?).ok()
    }

    /// Headers for the next attempt.
    pub(crate) fn retry_headers(&self, delay: Duration, reason: &str) -> OwnedHeaders {
        let due = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + delay;
        let headers = with_header(self.forward_headers(reason), ATTEMPT, &(self.attempt + 1).to_string());
        with_header(headers, NOT_BEFORE, &due.as_millis().to_string())
    }

    /// Headers for the dead-letter topic.
    pub(crate) fn dead_headers(&self, reason: &str) -> OwnedHeaders {
        let origin = format!("{}/{}/{}", self.topic, self.partition, self.offset);
        let headers = with_header(self.forward_headers(reason), ATTEMPT, &self.attempt.to_string());
        with_header(headers, ORIGIN, &origin)
    }

    fn forward_headers(&self, reason: &str) -> OwnedHeaders {
        let reason: String = reason.chars().take(200).collect();
        with_header(with_trace(OwnedHeaders::new(), &self.trace), REASON, &reason)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;

    use super::*;

    fn message(payload: &str, headers: OwnedHeaders) -> OwnedMessage {
        let payload = Some(payload.as_bytes().to_vec());
        let key = Some(Uuid::nil().to_string().into_bytes());
        OwnedMessage::new(payload, key, "orders".into(), Timestamp::now(), 2, 7, Some(headers))
    }

    #[test]
    fn a_retry_counts_waits_and_keeps_the_trace() {
        let trace = TraceFields {
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            tracestate: None,
        };
        let first = Envelope::open(&message("{}", with_trace(OwnedHeaders::new(), &trace)));
        assert_eq!((first.attempt, first.wait()), (1, Duration::ZERO));
        let again = Envelope::open(&message("{}", first.retry_headers(Duration::from_secs(4), "boom")));
        assert_eq!((again.attempt, &again.trace), (2, &trace));
        assert!((3.0..=4.0).contains(&again.wait().as_secs_f64()), "{:?}", again.wait());
        let dead = message("{}", again.dead_headers("boom"));
        assert_eq!(header(dead.headers(), ORIGIN), Some("orders/2/7"));
        assert_eq!(header(dead.headers(), REASON), Some("boom"));
        assert_eq!(trace_fields(dead.headers()), trace);
    }

    #[test]
    fn broken_payloads_still_name_their_order() {
        let envelope = Envelope::open(&message("not json", OwnedHeaders::new()));
        assert!(envelope.event().is_err());
        assert_eq!(envelope.order_id(), Some(Uuid::nil()));
    }

    #[test]
    fn a_wrong_header_does_not_hold_an_event_for_ever() {
        let far = with_header(OwnedHeaders::new(), NOT_BEFORE, "99999999999999");
        assert_eq!(Envelope::open(&message("{}", far)).wait(), LONGEST_WAIT);
    }
}
