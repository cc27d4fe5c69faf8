//! HTTP/1.1 requests as bytes: what does not change is written once, at the start.

use std::io::Write;

use http::Method;
use http::header::{CONTENT_LENGTH, HOST};
use rand_chacha::ChaCha8Rng;

use super::Trace;
use crate::target::Compiled;
use crate::template::Template;

/// A kind of request, written as far as it is always the same.
pub(super) struct Written {
    /// From the request line to the last header that the target has, line ends included.
    head: Vec<Part>,
    tail: Tail,
    is_head: bool,
}

enum Part {
    Fixed(Vec<u8>),
    Filled(Template),
}

enum Tail {
    /// The last headers, the empty line and a body that is always the same.
    Fixed(Vec<u8>),
    /// A body that changes, and room for it.
    Filled(Template, Vec<u8>),
}

impl Written {
    /// `close` asks the server to close the connection after the answer.
    pub(super) fn new(target: &Compiled, close: bool) -> Self {
        let mut head = Head::default();
        head.text(&format!("{} ", target.method));
        head.template(&target.path);
        head.text(" HTTP/1.1\r\n");
        if !target.headers.iter().any(|(name, _)| *name == HOST) {
            head.text(&format!("{HOST}: {}\r\n", target.address.authority));
        }
        if close {
            head.text("connection: close\r\n");
        }
        for (name, value) in &target.headers {
            head.text(&format!("{name}: "));
            head.template(value);
            head.text("\r\n");
        }
        let tail = match target.body.fixed() {
            Some("") if !expects_body(&target.method) => Tail::Fixed(b"\r\n".to_vec()),
            Some(body) => Tail::Fixed(format!("{CONTENT_LENGTH}: {}\r\n\r\n{body}", body.len()).into_bytes()),
            None => Tail::Filled(target.body.clone(), Vec::new()),
        };
        Self { head: head.parts, tail, is_head: target.method == Method::HEAD }
    }

    pub(super) fn is_head(&self) -> bool {
        self.is_head
    }

    /// Writes one request.
    pub(super) fn fill(&mut self, seq: u64, rng: &mut ChaCha8Rng, trace: Option<&Trace>, out: &mut Vec<u8>) {
        out.clear();
        for part in &self.head {
            match part {
                Part::Fixed(bytes) => out.extend_from_slice(bytes),
                Part::Filled(template) => template.write(seq, rng, out),
            }
        }
        if let Some(trace) = trace {
            // Writing to a vector cannot fail.
            let _always_ok = write!(out, "traceparent: {trace}\r\n");
        }
        match &mut self.tail {
            Tail::Fixed(bytes) => out.extend_from_slice(bytes),
            Tail::Filled(template, body) => {
                body.clear();
                template.write(seq, rng, body);
                let _always_ok = write!(out, "{CONTENT_LENGTH}: {}\r\n\r\n", body.len());
                out.extend_from_slice(body);
            }
        }
    }
}

/// Methods whose requests say that they have no body, for their receivers expect one (RFC 9110, section 8.6).
fn expects_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

#[derive(Default)]
struct Head {
    parts: Vec<Part>,
}

impl Head {
    fn text(&mut self, text: &str) {
        if let Some(Part::Fixed(bytes)) = self.parts.last_mut() {
            bytes.extend_from_slice(text.as_bytes());
        } else {
            self.parts.push(Part::Fixed(text.as_bytes().to_vec()));
        }
    }

    fn template(&mut self, template: &Template) {
        match template.fixed() {
            Some(text) => self.text(text),
            None => self.parts.push(Part::Filled(template.clone())),
        }
    }
}
