//! Finds the end of an answer in the bytes of a connection, without any I/O of its own.

use http::HeaderName;

use super::body::Body;
use super::head::{self, Head};
use super::{Malformed, Named};

/// Longest head of an answer in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// Reads answers one after the other.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The start of a head whose end has not come yet.
    partial: Vec<u8>,
    /// The head of the answer, once it is known, and what is left of its body.
    head: Option<Head>,
    to_head: bool,
    excess: bool,
}

impl Reader {
    /// The next bytes answer a new request; `to_head` says that it was a HEAD.
    pub(super) fn begin(&mut self, to_head: bool) {
        self.partial.clear();
        self.head = None;
        self.to_head = to_head;
        self.excess = false;
    }

    /// Takes bytes in; the status once the answer is complete.
    pub(super) fn feed(
        &mut self,
        mut data: &[u8],
        version_header: &HeaderName,
        version: &mut Named,
    ) -> Result<Option<u16>, Malformed> {
        while self.head.is_none() {
            let Some((used, head)) = self.next_head(data, version_header, version)? else {
                return Ok(None);
            };
            data = &data[used..];
            // Interim answers come before the one that counts.
            if head.status >= 200 || head.status == 101 {
                self.head = Some(head);
            }
        }
        let Some(head) = &mut self.head else { return Ok(None) };
        data = &data[head.body.feed(data)?..];
        if head.body != Body::Complete {
            return Ok(None);
        }
        self.excess = !data.is_empty();
        Ok(Some(head.status))
    }

    /// The connection was closed: the status if that completes the answer.
    pub(super) fn close(&self) -> Option<u16> {
        self.head.filter(|head| head.body == Body::UntilClose).map(|head| head.status)
    }

    /// Whether another request can follow on this connection.
    pub(super) fn keeps(&self) -> bool {
        !self.excess && self.head.is_some_and(|head| head.keep && head.body == Body::Complete)
    }

    /// A head, and how many of the bytes of `data` it ends after.
    fn next_head(
        &mut self,
        data: &[u8],
        version_header: &HeaderName,
        version: &mut Named,
    ) -> Result<Option<(usize, Head)>, Malformed> {
        if self.partial.is_empty() {
            let parsed = head::parse(data, self.to_head, version_header, version)?;
            if parsed.is_none() {
                self.partial.extend_from_slice(data);
            }
            return Ok(parsed);
        }
        let before = self.partial.len();
        self.partial.extend_from_slice(data);
        let parsed = head::parse(&self.partial, self.to_head, version_header, version)?;
        if parsed.is_none() && self.partial.len() > LONGEST_HEAD {
            return Err(Malformed);
        }
        // What was there before was no whole head, so that this one ends within the new bytes.
        Ok(parsed.map(|(length, head)| {
            self.partial.clear();
            (length - before, head)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAME: HeaderName = HeaderName::from_static("x-version");

    fn feed(reader: &mut Reader, text: &str, version: &mut Named) -> Result<Option<u16>, Malformed> {
        reader.feed(text.as_bytes(), &NAME, version)
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let (mut reader, mut version) = (Reader::default(), Named::default());
        reader.begin(false);
        let text = "HTTP/1.1 103 Early Hints\r\nx-version: early\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        assert_eq!(feed(&mut reader, text, &mut version), Ok(None));
        let text = "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nX-Version: 1.0\r\n\r\nno";
        assert_eq!(feed(&mut reader, text, &mut version), Ok(Some(404)));
        assert_eq!(version.get(), Some(&b"1.0"[..]));
        assert!(reader.keeps());
    }

    #[test]
    fn more_than_was_asked_for_ends_the_connection() {
        let (mut reader, mut version) = (Reader::default(), Named::default());
        reader.begin(true);
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno body may follow a HEAD";
        assert_eq!(feed(&mut reader, text, &mut version), Ok(Some(200)));
        assert!(!reader.keeps());
    }

    #[test]
    fn a_close_completes_only_what_has_no_length() {
        let (mut reader, mut version) = (Reader::default(), Named::default());
        reader.begin(false);
        assert_eq!(feed(&mut reader, "HTTP/1.1 200 OK\r\n\r\nsome", &mut version), Ok(None));
        assert_eq!(reader.close(), Some(200));
        reader.begin(false);
        assert_eq!(
            feed(&mut reader, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome", &mut version),
            Ok(None)
        );
        assert_eq!(reader.close(), None);
        reader.begin(false);
        assert_eq!(reader.close(), None);
    }

    #[test]
    fn a_head_without_end_is_refused() {
        let (mut reader, mut version) = (Reader::default(), Named::default());
        reader.begin(false);
        assert_eq!(feed(&mut reader, "HTTP/1.1 200 OK\r\n", &mut version), Ok(None));
        let line = format!("x: {}", "y".repeat(LONGEST_HEAD));
        assert_eq!(feed(&mut reader, &line, &mut version), Err(Malformed));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_bytes_arrive(cuts in prop::collection::vec(1_usize..30, 1..10)) {
            let wire = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nx-version: 7\r\n\
                transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
            let (mut reader, mut version) = (Reader::default(), Named::default());
            reader.begin(false);
            let (mut at, mut cuts, mut last) = (0, cuts.iter().cycle(), None);
            while at < wire.len() {
                prop_assert_eq!(last, None);
                let to = wire.len().min(at + cuts.next().unwrap());
                last = feed(&mut reader, &wire[at..to], &mut version).unwrap();
                at = to;
            }
            prop_assert_eq!(last, Some(201));
            prop_assert_eq!(version.get(), Some(&b"7"[..]));
            prop_assert!(reader.keeps());
        }

        #[test]
        fn no_bytes_make_it_panic(data in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let (mut reader, mut version) = (Reader::default(), Named::default());
            reader.begin(false);
            let cut = cut.min(data.len());
            if reader.feed(&data[..cut], &NAME, &mut version) == Ok(None) {
                let _either = reader.feed(&data[cut..], &NAME, &mut version);
            }
        }
    }
}
