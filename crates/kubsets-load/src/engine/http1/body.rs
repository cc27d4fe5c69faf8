//! The end of a body, found in its bytes: RFC 9112, sections 6 and 7.1.

use super::Malformed;

/// Most digits of a chunk's size: 60 bits are more than anything that can be sent.
const MOST_DIGITS: u8 = 15;

/// What is left of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks, read as far as this.
    Chunked(Chunk),
    /// Everything until the connection is closed.
    UntilClose,
    /// Nothing.
    Complete,
}

/// Where in a chunked body the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    Size { value: u64, digits: u8 },
    Extension { value: u64 },
    SizeEnd { value: u64 },
    Data { left: u64 },
    DataReturn,
    DataEnd,
    TrailerStart,
    TrailerLine,
    LastEnd,
}

impl Chunk {
    pub(super) const FIRST: Self = Self::Size { value: 0, digits: 0 };
}

impl Body {
    /// Takes bytes in and returns how many of them belong to the body.
    pub(super) fn feed(&mut self, data: &[u8]) -> Result<usize, Malformed> {
        let mut used = 0;
        while used < data.len() {
            let rest = data.len() - used;
            match self {
                Self::Complete => break,
                Self::UntilClose => return Ok(data.len()),
                Self::Length(left) | Self::Chunked(Chunk::Data { left }) => {
                    let part = usize::try_from(*left).unwrap_or(usize::MAX).min(rest);
                    *left -= part as u64;
                    used += part;
                    if *left == 0 {
                        *self = match self {
                            Self::Chunked(_) => Self::Chunked(Chunk::DataReturn),
                            _ => Self::Complete,
                        };
                    }
                }
                Self::Chunked(chunk) => {
                    let next = chunk.step(data[used])?;
                    used += 1;
                    *self = next.map_or(Self::Complete, Self::Chunked);
                }
            }
        }
        Ok(used)
    }
}

impl Chunk {
    /// The place after a byte; `None` after the last one of the body.
    #[expect(clippy::match_same_arms, reason = "the places stand in the order in which bytes come")]
    fn step(self, byte: u8) -> Result<Option<Self>, Malformed> {
        let next = match (self, byte) {
            (Self::Size { digits: 0, .. }, b'\r' | b';' | b' ' | b'\t')
            | (Self::Extension { .. } | Self::TrailerStart, b'\n') => return Err(Malformed),
            (Self::Size { value, .. } | Self::Extension { value }, b'\r') => Self::SizeEnd { value },
            (Self::Size { value, .. }, b';' | b' ' | b'\t') => Self::Extension { value },
            (Self::Size { value, digits }, byte) => {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                if digits == MOST_DIGITS {
                    return Err(Malformed);
                }
                Self::Size { value: value << 4 | u64::from(digit), digits: digits + 1 }
            }
            (Self::Extension { value }, _) => Self::Extension { value },
            (Self::SizeEnd { value: 0 }, b'\n') => Self::TrailerStart,
            (Self::SizeEnd { value }, b'\n') => Self::Data { left: value },
            (Self::DataReturn, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::FIRST,
            (Self::TrailerStart, b'\r') => Self::LastEnd,
            (Self::TrailerLine, b'\n') => Self::TrailerStart,
            (Self::TrailerStart | Self::TrailerLine, _) => Self::TrailerLine,
            (Self::LastEnd, b'\n') => return Ok(None),
            _ => return Err(Malformed),
        };
        Ok(Some(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunked() -> Body {
        Body::Chunked(Chunk::FIRST)
    }

    #[test]
    fn a_chunked_body_ends_where_it_says() {
        for text in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "A;name=value\r\n0123456789\r\n0\r\n\r\n",
            "1 \r\nx\r\n00\r\nx-sum: 1\r\nx-more: 2\r\n\r\n",
        ] {
            let mut body = chunked();
            let with_more = format!("{text}HTTP/1.1");
            assert_eq!(body.feed(with_more.as_bytes()), Ok(text.len()), "{text:?}");
            assert_eq!(body, Body::Complete);
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for text in [
            "\r\n",
            "x\r\n",
            "5\nhello",
            "5\r\nhelloX",
            "1\r\nx\rX",
            "ffffffffffffffff\r\n",
            ";\r\n",
            "-1\r\n",
        ] {
            assert_eq!(chunked().feed(text.as_bytes()), Err(Malformed), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_bytes_arrive(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            cuts in prop::collection::vec(1_usize..9, 1..8),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\nx: y\r\n\r\n");
            let mut body = chunked();
            let (mut at, mut cuts) = (0, cuts.iter().cycle());
            while at < wire.len() {
                prop_assert_ne!(body, Body::Complete);
                let to = wire.len().min(at + cuts.next().unwrap());
                prop_assert_eq!(body.feed(&wire[at..to]), Ok(to - at));
                at = to;
            }
            prop_assert_eq!(body, Body::Complete);
        }
    }
}
