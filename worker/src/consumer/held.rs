//! Events that are not due yet, by partition and in order.

use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::envelope::Envelope;

/// Held events.
#[derive(Default)]
pub(super) struct Held(BTreeMap<(String, i32), VecDeque<(Instant, Envelope)>>);

impl Held {
    /// Whether an event has to wait: for its own time, or behind another one of its partition.
    pub(super) fn must_wait(&self, envelope: &Envelope) -> bool {
        !envelope.wait().is_zero() || !self.is_released(&envelope.topic, envelope.partition)
    }

    pub(super) fn hold(&mut self, envelope: Envelope) {
        let due = Instant::now() + envelope.wait();
        let queue = self.0.entry((envelope.topic.clone(), envelope.partition)).or_default();
        // After a rebalance the same event may be delivered again.
        if queue.back().is_none_or(|(_, last)| last.offset < envelope.offset) {
            queue.push_back((due, envelope));
        }
    }

    /// The partition whose first event is due next, at the moment when it is. Never completes
    /// while nothing is held.
    pub(super) async fn next_due(&self) -> (String, i32) {
        let next = self.0.iter().filter_map(|(place, queue)| Some((queue.front()?.0, place))).min();
        let Some((due, place)) = next else { return pending().await };
        sleep_until(due).await;
        place.clone()
    }

    /// Takes the first event of a partition when it is due.
    pub(super) fn take_due(&mut self, topic: &str, partition: i32) -> Option<Envelope> {
        let place = (topic.to_owned(), partition);
        let queue = self.0.get_mut(&place)?;
        // Timers fire up to a millisecond early.
        if queue.front()?.0 > Instant::now() + Duration::from_millis(1) {
            return None;
        }
        let (_, envelope) = queue.pop_front()?;
        if queue.is_empty() {
            self.0.remove(&place);
        }
        Some(envelope)
    }

    /// Whether nothing of this partition is held any more.
    pub(super) fn is_released(&self, topic: &str, partition: i32) -> bool {
        !self.0.contains_key(&(topic.to_owned(), partition))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use kubsets_telemetry::propagation::TraceFields;

    use super::*;

    fn envelope(partition: i32, offset: i64, wait_ms: u64) -> Envelope {
        Envelope {
            topic: "orders.retry".into(),
            partition,
            offset,
            key: None,
            payload: Vec::new(),
            attempt: 2,
            not_before: Some(SystemTime::now() + Duration::from_millis(wait_ms)),
            trace: TraceFields::default(),
            created: None,
        }
    }

    #[tokio::test]
    async fn events_come_when_due_and_in_order() {
        let mut held = Held::default();
        held.hold(envelope(0, 5, 80));
        held.hold(envelope(0, 5, 80));
        assert!(held.must_wait(&envelope(0, 6, 0)), "it would overtake");
        held.hold(envelope(0, 6, 0));
        held.hold(envelope(1, 9, 10));
        let offsets = |held: &mut Held, partition| -> Vec<i64> {
            std::iter::from_fn(|| held.take_due("orders.retry", partition)).map(|e| e.offset).collect()
        };
        let (_, partition) = held.next_due().await;
        assert_eq!((partition, offsets(&mut held, 1)), (1, vec![9]));
        assert_eq!(offsets(&mut held, 0), Vec::<i64>::new());
        let (topic, partition) = held.next_due().await;
        assert_eq!((partition, offsets(&mut held, 0)), (0, vec![5, 6]));
        assert!(held.is_released(&topic, partition));
        assert!(tokio::time::timeout(Duration::from_millis(20), held.next_due()).await.is_err());
    }
}
