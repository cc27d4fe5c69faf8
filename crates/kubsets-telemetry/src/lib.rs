//! What every service shares: traces, metrics, logs, health, graceful stop.
