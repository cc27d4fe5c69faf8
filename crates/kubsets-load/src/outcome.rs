//! How a request can end, and how errors are sorted into kinds.

use std::error::Error;
use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a request did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No connection: refused, unreachable.
    Connect,
    /// No agreement on TLS: the certificate is not trusted, or the server does not speak it, or not HTTP/2 over it.
    Tls,
    /// The connection was reset or closed before the answer was complete.
    Reset,
    /// No complete answer within the timeout.
    Timeout,
    /// The answer was not understood.
    Protocol,
    /// Status 500 or above.
    #[serde(rename = "5xx")]
    Http5xx,
    /// A status below 500 that counts as failed.
    #[serde(rename = "4xx")]
    Http4xx,
    /// The generator's machine ran out of ports or file descriptors. Makes the run invalid.
    Local,
}

impl ErrorKind {
    /// All kinds in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::Tls,
        Self::Reset,
        Self::Timeout,
        Self::Protocol,
        Self::Http5xx,
        Self::Http4xx,
        Self::Local,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Http5xx => "5xx",
            Self::Http4xx => "4xx",
            Self::Local => "local",
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The kind of a failed attempt to connect.
    pub(crate) fn of_connect(error: &io::Error) -> Self {
        // 23 and 24: no file descriptors left in the system or the process.
        if error.kind() == io::ErrorKind::AddrNotAvailable || matches!(error.raw_os_error(), Some(23 | 24)) {
            Self::Local
        } else {
            Self::Connect
        }
    }

    /// The kind of an error after the connection was made.
    pub(crate) fn of_exchange(error: &hyper::Error) -> Self {
        if error.is_parse() || error.is_user() {
            return Self::Protocol;
        }
        if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
            return Self::Reset;
        }
        let mut cause = error.source();
        while let Some(inner) = cause {
            if inner.is::<io::Error>() {
                return Self::Reset;
            }
            cause = inner.source();
        }
        Self::Protocol
    }

    /// The kind of a status that counts as failed.
    pub(crate) fn of_status(status: u16) -> Self {
        if status >= 500 { Self::Http5xx } else { Self::Http4xx }
    }
}

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A complete answer with this status.
    Answer(u16),
    /// No complete answer.
    Error(ErrorKind),
    /// Given up after the timeout.
    TimedOut,
}
