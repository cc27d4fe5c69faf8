//! Web API of the demo stack: takes orders, writes them with an outbox row.

fn main() {}
