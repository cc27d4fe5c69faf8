//! Takes events one by one and commits each after the work behind it is done.

mod held;

use std::{sync::Arc, time::Duration};

use kubsets_telemetry::{backoff::Backoff, health::Dependency};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
};
use tokio_util::sync::CancellationToken;

use self::held::Held;
use crate::{
    broker::Events,
    envelope::Envelope,
    handler::{Handler, Outage},
    metrics::WorkerMetrics,
};

const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The loop around the handler.
pub(crate) struct EventLoop {
    pub(crate) events: Arc<Events>,
    pub(crate) handler: Handler,
    pub(crate) metrics: Arc<WorkerMetrics>,
    pub(crate) database: Dependency,
    pub(crate) kafka: Dependency,
    pub(crate) stop: CancellationToken,
}

impl EventLoop {
    /// Runs until `stop`: the event in hand is finished and committed, then the group is left.
    pub(crate) async fn run(self) {
        let mut held = Held::default();
        while !self.stop.is_cancelled() {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {}
                (topic, partition) = held.next_due() => {
                    while let Some(envelope) = held.take_due(&topic, partition) {
                        self.finish(&envelope).await;
                    }
                    if held.is_released(&topic, partition) {
                        self.resume(&topic, partition);
                    }
                }
                taken = self.events.recv() => match taken {
                    Ok(message) => {
                        let envelope = Envelope::open(&message.detach());
                        drop(message);
                        self.metrics.taken(envelope.age());
                        if held.must_wait(&envelope) {
                            // The partition rests, so that later events do not overtake; others go on.
                            self.pause(&envelope);
                            held.hold(envelope);
                        } else {
                            self.finish(&envelope).await;
                        }
                    }
                    Err(error) => {
                        tracing::debug!(error = %error, "no event can be taken");
                        self.kafka.report(&Err(error.to_string()));
                        let pause = tokio::time::sleep(Duration::from_millis(500));
                        self.stop.run_until_cancelled(pause).await;
                    }
                },
            }
        }
        self.leave().await;
    }

    /// Handles an event and commits it; waits in place while database or broker are away. An event
    /// that is still undecided when the worker stops is left for others.
    async fn finish(&self, envelope: &Envelope) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            let Err(outage) = self.handler.handle(envelope).await else { return self.commit(envelope) };
            match &outage {
                Outage::Database(error) => self.database.report(&Err(error.to_string())),
                Outage::Broker(error) => self.kafka.report(&Err(error.clone())),
            }
            let wait = backoff.next_wait();
            tracing::warn!(error = %outage, retry_ms = wait.as_millis() as u64, "waiting, the event stays in hand");
            if self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    fn commit(&self, envelope: &Envelope) {
        let place = place(&envelope.topic, envelope.partition, Offset::Offset(envelope.offset + 1));
        // A failed commit means that the event comes again, which changes nothing.
        if let Err(error) = self.events.commit(&place, CommitMode::Async) {
            tracing::debug!(error = %error, "offset was not committed");
        }
    }

    fn pause(&self, envelope: &Envelope) {
        let place = place(&envelope.topic, envelope.partition, Offset::Invalid);
        if let Err(error) = self.events.pause(&place) {
            tracing::debug!(error = %error, "partition was not paused");
        }
    }

    fn resume(&self, topic: &str, partition: i32) {
        if let Err(error) = self.events.resume(&place(topic, partition, Offset::Invalid)) {
            // It belongs to another worker by now.
            tracing::debug!(error = %error, "partition was not resumed");
        }
    }

    /// Leaves the group at once, so that others take over without waiting for a timeout. Closing
    /// the consumer sends the commits that are under way.
    async fn leave(self) {
        let events = self.events;
        events.unsubscribe();
        let closing = tokio::task::spawn_blocking(move || drop(events));
        if tokio::time::timeout(LEAVE_TIMEOUT, closing).await.is_err() {
            tracing::warn!("the group was not left in time");
        }
    }
}

fn place(topic: &str, partition: i32, offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, offset).expect("an offset from a message is a valid offset");
    list
}
