//! Canary delivery: traffic drivers, the canary state machine, undo journal and watchdog.
