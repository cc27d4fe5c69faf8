//! Heartbeat CronJob of the demo stack: places a probe order and waits for it.

fn main() {}
