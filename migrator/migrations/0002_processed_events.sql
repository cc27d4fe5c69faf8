-- Events that the worker has finished. The key makes a second delivery harmless.

create table processed_events (
    event_id     uuid primary key,
    order_id     uuid not null,
    topic        text not null,
    partition    integer not null,
    message_offset bigint not null,
    attempt      integer not null,
    worker       text not null,
    processed_at timestamptz not null default clock_timestamp()
);

create index processed_events_by_time on processed_events (processed_at);
