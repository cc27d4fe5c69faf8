//! What no record may hold: secret values, found wherever they stand.

use std::fmt::{self, Write as _};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What stands in the place of a secret value on record.
pub const HIDDEN: &str = "(hidden)";

/// Headers whose values are secret, in lower case.
pub const SENSITIVE: [&str; 5] =
    ["authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"];

/// Characters that a value has at least to be looked for: shorter ones are parts of words that have nothing to do
/// with them.
pub const SHORTEST: usize = 8;

/// Characters of a value by which its beginning is known at the end of a text that was cut off.
const CUT: usize = SHORTEST;

/// Bytes of a text that may have been cut off: none is shorter, and no word with a meaning is as long.
const LONG: usize = 100;

/// Parts of the names of environment variables whose values are secret.
const TELLING: [&str; 6] = ["TOKEN", "SECRET", "PASSW", "PASSPHRASE", "CREDENTIAL", "APIKEY"];

/// Words of such names that say so only when they stand alone.
const TELLING_WORDS: [&str; 4] = ["PASS", "PWD", "KEY", "AUTH"];

/// Whether an environment variable looks secret: by its name, or as an address with a user and a password. One that only
/// refers to others, as in `$(PASSWORD)`, holds no secret.
pub fn is_secret_variable(name: &str, value: &str) -> bool {
    if value.contains("$(") {
        return false;
    }
    let name = name.to_ascii_uppercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    TELLING.iter().any(|part| name.contains(part))
        || words.any(|word| TELLING_WORDS.contains(&word))
        || value.split_once("://").is_some_and(|(_, rest)| {
            rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
        })
}

/// Whether a value can be told from other text on record, so that it can be hidden there.
pub fn can_be_hidden(value: &str) -> bool {
    let is_number = value.parse::<f64>().is_ok() || value.starts_with("0x") || value.starts_with("0o");
    value.chars().count() >= SHORTEST && !is_number
}

/// Secret values that are hidden wherever they stand: inside of texts, encoded for an address or as JSON, cut off at
/// the end.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Every spelling, the longest first.
    spellings: Vec<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} spellings)", self.spellings.len())
    }
}

impl Secrets {
    /// Those of the values that [can be hidden](can_be_hidden).
    pub fn new<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Self {
        let mut spellings = Vec::new();
        for value in values {
            let value = value.as_ref();
            if can_be_hidden(value) {
                let json = Value::from(value).to_string();
                let inner = json[1..json.len() - 1].to_owned();
                spellings.extend([value.to_owned(), percent_encoded(value), inner]);
            }
        }
        Self { spellings }.sorted()
    }

    /// These and others.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self { spellings: [&self.spellings[..], &others.spellings].concat() }.sorted()
    }

    /// These without what is part of one of these names: a record without its names could not be read.
    #[must_use]
    pub fn sparing<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        for name in names {
            self.spellings.retain(|spelling| !name.contains(spelling.as_str()));
        }
        self
    }

    fn sorted(mut self) -> Self {
        self.spellings.sort_unstable_by(|one, other| (other.len(), one).cmp(&(one.len(), other)));
        self.spellings.dedup();
        self
    }

    /// Whether nothing is secret.
    pub fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }

    /// A text without them.
    pub fn hidden_in(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for spelling in &self.spellings {
            if text.contains(spelling.as_str()) {
                text = text.replace(spelling.as_str(), HIDDEN);
            }
        }
        if let Some(from) = self.cut_off(&text) {
            text.truncate(from);
            text.push_str(HIDDEN);
        }
        text
    }

    /// Where a value begins that the end of a text cuts off.
    fn cut_off(&self, text: &str) -> Option<usize> {
        if text.len() < LONG {
            return None;
        }
        let end = text.trim_end_matches(['…', '.', '"']);
        let begins = |spelling: &String| {
            let lengths = (CUT..spelling.len()).rev().filter(|length| spelling.is_char_boundary(*length));
            lengths.map(|length| &spelling[..length]).find(|part| end.ends_with(part)).map(str::len)
        };
        self.spellings.iter().filter_map(begins).max().map(|length| end.len() - length)
    }

    /// Hides them in every text of a JSON value, also in the names of fields.
    pub fn hide(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.hidden_in(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|field| self.hide(field));
                if fields.keys().any(|name| self.are_in(name)) {
                    let named = std::mem::take(fields).into_iter();
                    *fields = named.map(|(name, field)| (self.hidden_in(&name), field)).collect();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether one of them stands in a text.
    pub fn are_in(&self, text: &str) -> bool {
        self.spellings.iter().any(|spelling| text.contains(spelling.as_str()))
    }

    /// A value of any kind without them; `None` where it is of that kind no more, as a secret stood in the place of
    /// a word with a meaning.
    pub fn removed_from<T: Serialize + DeserializeOwned>(&self, value: &T) -> Option<T> {
        let mut json = serde_json::to_value(value).ok()?;
        self.hide(&mut json);
        serde_json::from_value(json).ok()
    }
}

/// A text as a part of an address.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut done, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            done.push(char::from(byte));
        } else {
            let _ = write!(done, "%{byte:02X}");
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_hidden_in_every_text_and_spelling() {
        let secrets = Secrets::new(["s3cret/of+mine", "tea\"pot\n418"]);
        let mut value = json!({
            "url": "http://h/?t=s3cret%2Fof%2Bmine&n=1",
            "list": ["Bearer s3cret/of+mine", 1, null],
            "body": "{\"pot\": \"tea\\\"pot\\n418\"}",
            "x-s3cret/of+mine": true,
        });
        secrets.hide(&mut value);
        assert_eq!(
            value,
            json!({
                "url": "http://h/?t=(hidden)&n=1",
                "list": ["Bearer (hidden)", 1, null],
                "body": "{\"pot\": \"(hidden)\"}",
                "x-(hidden)": true,
            })
        );
        assert_eq!(format!("{secrets:?}"), "Secrets(5 spellings)");
    }

    #[test]
    fn a_value_inside_of_another_leaves_nothing_of_it() {
        let secrets = Secrets::new(["s3cret-of", "s3cret-of-mine"]).and(&Secrets::new(["other-one"]));
        assert_eq!(secrets.hidden_in("s3cret-of-mine, s3cret-of, other-one"), "(hidden), (hidden), (hidden)");
    }

    #[test]
    fn what_is_left_of_a_value_that_was_cut_off_is_hidden_too() {
        let (secrets, long) = (Secrets::new(["pass-w0rd-1"]), "it says ".repeat(20));
        for end in ["pass-w0rd-", "pass-w0r…"] {
            assert_eq!(secrets.hidden_in(&format!("{long}{end}")), format!("{long}(hidden)"), "{end}");
        }
        assert_eq!(secrets.hidden_in(&format!("{long}pass")), format!("{long}pass"));
        // Words with a meaning are not cut off.
        assert_eq!(secrets.hidden_in("pass"), "pass");
    }

    #[test]
    fn what_is_too_short_or_a_number_is_not_looked_for() {
        assert!(Secrets::new(["short", "12345678", "1234e5678", "0x12345678"]).is_empty());
        assert!(can_be_hidden("8-signs!") && !can_be_hidden("7-signs"));
    }

    #[test]
    fn variables_tell_by_name_or_as_an_address_with_a_password() {
        for name in
            ["TOKEN", "GITHUB_TOKEN", "db_password", "DBPASSWORD", "API_KEY", "ACCESS_KEY_ID", "DB_PASS"]
        {
            assert!(is_secret_variable(name, "x"), "{name}");
        }
        for name in ["APP_VERSION", "KUBSETS_FAULT_LATENCY", "COMPASS", "KEYBOARD", "AUTHOR"] {
            assert!(!is_secret_variable(name, "x"), "{name}");
        }
        assert!(is_secret_variable("DATABASE_URL", "postgres://u:p@db/orders"));
        assert!(!is_secret_variable("DATABASE_URL", "postgres://db/orders?at=@"));
        assert!(!is_secret_variable("DATABASE_URL", "postgres://u:$(DB_PASSWORD)@db/orders"));
    }

    #[test]
    fn a_typed_value_keeps_its_kind_or_is_none() {
        #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Word {
            S3cretOfMine,
        }
        let secrets = Secrets::new(["s3cret-of-mine"]);
        let texts = vec!["a s3cret-of-mine".to_owned()];
        assert_eq!(secrets.removed_from(&texts), Some(vec!["a (hidden)".to_owned()]));
        assert_eq!(secrets.removed_from(&Word::S3cretOfMine), None);
    }
}
