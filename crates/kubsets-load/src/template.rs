//! Texts with placeholders that change from request to request: `{{seq}}` and `{{uuid}}`.

use std::io::Write;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use uuid::Builder;

/// A text with an unknown or unfinished placeholder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The name between the braces is not known.
    #[error("unknown placeholder `{{{{{name}}}}}` (known: {{{{seq}}}}, {{{{uuid}}}})")]
    Unknown {
        /// The name as written.
        name: String,
    },
    /// `{{` without `}}`.
    #[error("`{{{{` at byte {at} has no closing `}}}}`")]
    Open {
        /// Position of the opening braces.
        at: usize,
    },
}

/// A text, split at its placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Seq,
    Uuid,
}

impl Template {
    /// Reads a text. `{{seq}}` becomes the number of the request, unique within the run, counted from 0;
    /// `{{uuid}}` a random version 4 UUID, reproducible with the run's seed.
    ///
    /// # Errors
    ///
    /// An unknown placeholder, or one that is not closed.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let Some(length) = rest[start..].find("}}") else {
                return Err(TemplateError::Open { at: text.len() - rest.len() + start });
            };
            if start > 0 {
                parts.push(Part::Text(rest[..start].to_owned()));
            }
            parts.push(match rest[start + 2..start + length].trim() {
                "seq" => Part::Seq,
                "uuid" => Part::Uuid,
                name => return Err(TemplateError::Unknown { name: name.to_owned() }),
            });
            rest = &rest[start + length + 2..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The text if it has no placeholder.
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text of one request.
    pub(crate) fn render(&self, seq: u64, rng: &mut ChaCha8Rng) -> String {
        let mut out = Vec::new();
        self.write(seq, rng, &mut out);
        String::from_utf8(out).expect("texts and placeholders are UTF-8")
    }

    /// Adds the text of one request to `out`.
    pub(crate) fn write(&self, seq: u64, rng: &mut ChaCha8Rng, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Seq => {
                    // Writing to a vector cannot fail.
                    let _always_ok = write!(out, "{seq}");
                }
                Part::Uuid => {
                    let mut bytes = [0; 16];
                    rng.fill_bytes(&mut bytes);
                    let id = Builder::from_random_bytes(bytes).into_uuid();
                    let mut text = uuid::Uuid::encode_buffer();
                    out.extend_from_slice(id.as_hyphenated().encode_lower(&mut text).as_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn placeholders_are_filled() {
        let template = Template::parse("/orders/{{seq}}?id={{ uuid }}&x").unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let one = template.render(7, &mut rng);
        let two = template.render(8, &mut rng);
        assert!(one.starts_with("/orders/7?id=") && one.ends_with("&x"), "{one}");
        assert!(two.starts_with("/orders/8?id="));
        let id = uuid::Uuid::parse_str(&one["/orders/7?id=".len()..one.len() - 2]).unwrap();
        assert_eq!(id.get_version_num(), 4);
        assert_ne!(one[13..], two[13..]);
        assert_eq!(template.fixed(), None);
        assert_eq!(Template::parse("plain").unwrap().fixed(), Some("plain"));
    }

    #[test]
    fn faults_are_named() {
        let unknown = Template::parse("a {{time}}").unwrap_err();
        assert_eq!(unknown.to_string(), "unknown placeholder `{{time}}` (known: {{seq}}, {{uuid}})");
        let open = Template::parse("ab {{seq").unwrap_err();
        assert_eq!(open.to_string(), "`{{` at byte 3 has no closing `}}`");
    }
}
