//! One HTTP/1.1 connection, driven by the task that uses it.
//!
//! It is written for this one purpose: a request is a run of bytes that is there already, of the answer only the
//! status, one header and the end matter, and in between there is one write and one read. Nothing is allocated for a
//! request.

mod body;
mod head;
mod reader;

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::HeaderName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::reader::Reader;
use super::stream::Stream;
use crate::outcome::ErrorKind;

/// Bytes read at once.
const READ: usize = 64 * 1024;

thread_local! {
    /// What is read is looked at before anything else is read, so that all connections of a worker share it.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// An answer that is no HTTP/1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Malformed;

/// The version that an answer names, in a buffer that stays.
#[derive(Debug, Default)]
pub(crate) struct Named {
    present: bool,
    value: Vec<u8>,
}

impl Named {
    pub(crate) fn get(&self) -> Option<&[u8]> {
        self.present.then_some(self.value.as_slice())
    }

    pub(crate) fn clear(&mut self) {
        self.present = false;
    }

    /// Keeps the first value of an answer.
    pub(crate) fn set(&mut self, value: &[u8]) {
        if !self.present {
            self.present = true;
            self.value.clear();
            self.value.extend_from_slice(value);
        }
    }
}

/// Why an exchange brought no answer.
pub(crate) enum Failure {
    /// The connection was closed before anything of the request was sent: another one may be tried.
    NotSent,
    /// The request failed.
    Error(ErrorKind),
}

/// An open connection.
pub(crate) struct Http1 {
    stream: Stream,
    reader: Reader,
    fresh: bool,
    usable: bool,
}

impl Http1 {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, reader: Reader::default(), fresh: true, usable: true }
    }

    pub(crate) fn is_reusable(&self) -> bool {
        self.usable
    }

    /// Looks after the connection between requests; ready when it can be used no more. Bytes that nobody asked for
    /// end it too.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.usable {
            let read = poll_read(&mut self.stream, cx, |_| ());
            self.usable = read.is_pending();
        }
        if self.usable { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Sends a request and reads the whole answer; its status, and its version into `version`. `to_head` says that
    /// the request is a HEAD.
    pub(crate) async fn exchange(
        &mut self,
        request: &[u8],
        to_head: bool,
        version_header: &HeaderName,
        version: &mut Named,
    ) -> Result<u16, Failure> {
        self.reader.begin(to_head);
        let mut sending = Sending { request, sent: 0, over: false };
        let mut checked = self.fresh;
        let result = std::future::poll_fn(|cx| {
            if !checked {
                checked = true;
                if self.poll_idle(cx).is_ready() {
                    return Poll::Ready(Err(Failure::NotSent));
                }
            }
            let written = sending.poll(&mut self.stream, cx);
            if written.is_err() && sending.sent == 0 && !self.fresh {
                return Poll::Ready(Err(Failure::NotSent));
            }
            // A server may answer before it has read everything, and close; then only the answer tells why.
            loop {
                let reader = &mut self.reader;
                let read = poll_read(&mut self.stream, cx, |data| {
                    (data.is_empty(), reader.feed(data, version_header, version))
                });
                match ready!(read) {
                    Ok((true, _)) => {
                        return Poll::Ready(self.reader.close().ok_or(Failure::Error(ErrorKind::Reset)));
                    }
                    Ok((false, Ok(Some(status)))) => return Poll::Ready(Ok(status)),
                    Ok((false, Ok(None))) => {}
                    Ok((false, Err(Malformed))) => {
                        return Poll::Ready(Err(Failure::Error(ErrorKind::Protocol)));
                    }
                    Err(_) => return Poll::Ready(Err(Failure::Error(ErrorKind::Reset))),
                }
            }
        })
        .await;
        self.fresh = false;
        self.usable = result.is_ok() && sending.is_complete() && self.reader.keeps();
        result
    }
}

/// A request on its way.
struct Sending<'a> {
    request: &'a [u8],
    sent: usize,
    /// Flushed, or given up.
    over: bool,
}

impl Sending<'_> {
    /// Sends as much as there is room for.
    fn poll(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.over {
            let step = if self.sent < self.request.len() {
                match Pin::new(&mut *stream).poll_write(cx, &self.request[self.sent..]) {
                    Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(length)) => {
                        self.sent += length;
                        continue;
                    }
                    other => other.map_ok(|_| ()),
                }
            } else {
                Pin::new(&mut *stream).poll_flush(cx)
            };
            match step {
                Poll::Pending => return Ok(()),
                Poll::Ready(result) => {
                    self.over = true;
                    return result;
                }
            }
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.over && self.sent == self.request.len()
    }
}

/// Reads once and hands over the bytes; none at the end of the stream.
fn poll_read<T>(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}
