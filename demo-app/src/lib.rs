//! Web API of the demo stack.
//!
//! `POST /orders` writes an order and an outbox row in one transaction; the relay carries the row
//! to the broker. The page and `/api/info` work without database and broker.

mod application;
mod broker;
mod database;
mod error;
mod faults;
mod order;
mod relay;
mod routes;
mod settings;
mod state;
mod store;

pub use application::Application;
pub use routes::app;
pub use settings::Settings;
pub use state::AppState;
