-- Orders and the outbox that carries them to the broker.

create table orders (
    id           uuid primary key,
    item         text not null check (char_length(item) between 1 and 100),
    quantity     integer not null check (quantity between 1 and 1000),
    source       text not null,
    state        text not null default 'accepted' check (state in ('accepted', 'fulfilled', 'dead')),
    -- Version and pod of the process that took the order.
    version      text not null,
    pod          text not null,
    trace_id     text not null,
    created_at   timestamptz not null default clock_timestamp(),
    published_at timestamptz,
    fulfilled_at timestamptz,
    dead_at      timestamptz,
    -- Pod of the worker that ended the order, after how many attempts, and why it failed if so.
    worker       text,
    attempts     integer not null default 0,
    failure      text
);

create index orders_by_time on orders (created_at desc);
-- Small, because it holds only what is not done: makes queue length and age cheap to read.
create index orders_open on orders (created_at) where state = 'accepted';
create index orders_heartbeat on orders (fulfilled_at desc) where source = 'heartbeat';

create table outbox (
    id           bigint generated always as identity primary key,
    event_id     uuid not null unique,
    order_id     uuid not null references orders (id) on delete cascade,
    topic        text not null,
    payload      jsonb not null,
    traceparent  text,
    tracestate   text,
    created_at   timestamptz not null default clock_timestamp(),
    published_at timestamptz
);

create index outbox_pending on outbox (id) where published_at is null;
create index outbox_published on outbox (published_at) where published_at is not null;
create index outbox_order on outbox (order_id);
