//! The head of an answer: status, how its body ends, whether the connection can be used again.

use std::mem::MaybeUninit;

use http::HeaderName;

use super::body::{Body, Chunk};
use super::{Malformed, Named};

/// Most headers of an answer.
const MOST_HEADERS: usize = 96;

/// What matters of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) body: Body,
    /// The server keeps the connection open.
    pub(super) keep: bool,
}

/// Reads a head at the start of `data`; its length and content, or `None` if more bytes are needed. `to_head` says
/// that the request was a HEAD, whose answer has no body.
pub(super) fn parse(
    data: &[u8],
    to_head: bool,
    version_header: &HeaderName,
    version: &mut Named,
) -> Result<Option<(usize, Head)>, Malformed> {
    let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, data, &mut headers)
        .map_err(|_| Malformed)?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let status = response.code.ok_or(Malformed)?;
    let mut fields = Fields { keep: response.version == Some(1), ..Fields::default() };
    version.clear();
    for header in response.headers.iter() {
        fields.take(header)?;
        if header.name.len() == version_header.as_str().len()
            && header.name.eq_ignore_ascii_case(version_header.as_str())
        {
            version.set(header.value);
        }
    }
    let body = fields.body(status, to_head);
    let keep = fields.keep && body != Body::UntilClose && status != 101;
    Ok(Some((length, Head { status, body, keep })))
}

/// Headers that frame the answer.
#[derive(Default)]
struct Fields {
    keep: bool,
    length: Option<u64>,
    coded: bool,
    chunked: bool,
}

impl Fields {
    fn take(&mut self, header: &httparse::Header<'_>) -> Result<(), Malformed> {
        // The length tells most other headers apart before letters are compared.
        match header.name.len() {
            10 if header.name.eq_ignore_ascii_case("connection") => {
                for token in tokens(header.value) {
                    if token.eq_ignore_ascii_case(b"close") {
                        self.keep = false;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") {
                        self.keep = true;
                    }
                }
            }
            14 if header.name.eq_ignore_ascii_case("content-length") => {
                for token in tokens(header.value) {
                    let length = number(token).ok_or(Malformed)?;
                    if self.length.is_some_and(|known| known != length) {
                        return Err(Malformed);
                    }
                    self.length = Some(length);
                }
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                self.coded = true;
                // Only the last coding tells where the body ends.
                if let Some(last) = tokens(header.value).last() {
                    self.chunked = last.eq_ignore_ascii_case(b"chunked");
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// RFC 9112, section 6.3.
    fn body(&mut self, status: u16, to_head: bool) -> Body {
        if to_head || matches!(status, 100..=199 | 204 | 304) {
            return Body::Complete;
        }
        if self.coded {
            // Both ways to tell the length at once are a sign of something wrong on the way.
            self.keep &= self.length.is_none();
            return if self.chunked { Body::Chunked(Chunk::FIRST) } else { Body::UntilClose };
        }
        match self.length {
            Some(0) => Body::Complete,
            Some(length) => Body::Length(length),
            None => Body::UntilClose,
        }
    }
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str, to_head: bool) -> Result<Option<Head>, Malformed> {
        let name = HeaderName::from_static("x-version");
        let text = text.replace('\n', "\r\n");
        parse(text.as_bytes(), to_head, &name, &mut Named::default()).map(|one| one.map(|(_, head)| head))
    }

    #[test]
    fn the_body_is_framed_as_the_standard_says() {
        let chunked = Body::Chunked(Chunk::FIRST);
        for (text, body, keep) in [
            ("200 OK\ncontent-length: 5\n", Body::Length(5), true),
            ("200 OK\nContent-Length: 5\nConnection: close\n", Body::Length(5), false),
            ("200 OK\ncontent-length: 5, 5\n", Body::Length(5), true),
            ("200 OK\ncontent-length: 0\n", Body::Complete, true),
            ("200 OK\ntransfer-encoding: gzip, Chunked\n", chunked, true),
            ("200 OK\ntransfer-encoding: chunked\ncontent-length: 5\n", chunked, false),
            ("200 OK\ntransfer-encoding: chunked, gzip\n", Body::UntilClose, false),
            ("200 OK\n", Body::UntilClose, false),
            ("204 No Content\n", Body::Complete, true),
            ("304 Not Modified\ncontent-length: 9\n", Body::Complete, true),
            ("101 Switching Protocols\n", Body::Complete, false),
        ] {
            let head = head(&format!("HTTP/1.1 {text}\n"), false).unwrap().unwrap();
            assert_eq!((head.body, head.keep), (body, keep), "{text}");
        }
        assert_eq!(
            head("HTTP/1.1 200 OK\ncontent-length: 5\n\n", true).unwrap().unwrap().body,
            Body::Complete
        );
    }

    #[test]
    fn old_servers_close_unless_they_say_otherwise() {
        assert!(!head("HTTP/1.0 200 OK\ncontent-length: 1\n\n", false).unwrap().unwrap().keep);
        assert!(
            head("HTTP/1.0 200 OK\ncontent-length: 1\nconnection: keep-alive\n\n", false)
                .unwrap()
                .unwrap()
                .keep
        );
    }

    #[test]
    fn doubtful_lengths_are_refused() {
        for length in ["5, 6", "-1", "5x", "99999999999999999999", ""] {
            let text = format!("HTTP/1.1 200 OK\ncontent-length: {length}\n\n");
            assert_eq!(head(&text, false), Err(Malformed), "{length}");
        }
        assert_eq!(head("220 mail ready\n\n", false), Err(Malformed));
        assert_eq!(head("HTTP/1.1 200 OK\ncontent-le", false), Ok(None));
    }
}
