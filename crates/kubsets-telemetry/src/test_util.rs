//! A throw-away `PostgreSQL` server on the loopback address, for tests of services.

mod postgres;

pub use postgres::TestDatabase;
