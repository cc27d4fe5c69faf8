//! `${name}` in a lab's files: checked values in the place of names.
//!
//! A value is text for a scalar and nothing else: after the replacement the file must have the same
//! fields as before. `$${name}` stands for `${name}` itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use crate::error::{LabError, Place};
use crate::model::{Param, ParamKind};
use crate::outline::Outline;
use crate::secret::{SHORTEST, can_be_hidden};
use crate::spelling;
use crate::units::{Percent, Span};

/// Values for parameters, by name, as they are typed on a command line.
pub type Values = BTreeMap<String, String>;

impl Param {
    /// Checks a value for this parameter.
    ///
    /// # Errors
    /// What is wrong with it and what is accepted, in words.
    pub fn check(&self, value: &str) -> Result<(), String> {
        if self.secret {
            return self.check_secret(value);
        }
        match self.kind {
            ParamKind::Number => match value.parse::<f64>() {
                Ok(number)
                    if number.is_finite() && value.bytes().all(|b| b"0123456789.eE+-".contains(&b)) =>
                {
                    Ok(())
                }
                _ => Err(format!("{value:?} is no number")),
            },
            ParamKind::Percent => value.parse::<Percent>().map(|_| ()).map_err(|error| error.to_string()),
            ParamKind::Duration => value.parse::<Span>().map(|_| ()).map_err(|error| error.to_string()),
            ParamKind::Text if is_plain(value) => Ok(()),
            ParamKind::Text => {
                Err(format!("{value:?} has other characters than letters, digits and ._-/:@+="))
            }
        }
    }

    /// The value is not told: it may be the right one but for a letter.
    fn check_secret(&self, value: &str) -> Result<(), String> {
        if self.kind != ParamKind::Text {
            return Err("a secret is of type text".to_owned());
        }
        if !is_plain(value) {
            return Err("a secret has letters, digits and ._-/:@+= only".to_owned());
        }
        if !can_be_hidden(value) {
            return Err(format!(
                "a secret has at least {SHORTEST} characters and is no number, or it could not be told from other text"
            ));
        }
        Ok(())
    }

    /// A checked value as expressions see it: a number, the number of percent or of seconds, or text.
    fn bound(&self, value: &str) -> Value {
        let float = |number: f64| serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number);
        match self.kind {
            ParamKind::Number => {
                value.parse::<i64>().map_or_else(|_| float(value.parse().unwrap_or_default()), Value::from)
            }
            ParamKind::Percent => float(value.parse::<Percent>().unwrap_or_default().value()),
            ParamKind::Duration => float(value.parse::<Span>().unwrap_or_default().0.as_secs_f64()),
            ParamKind::Text => Value::from(value),
        }
    }
}

/// Whether a text has only characters that cannot become structure.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@+=".contains(c))
}

/// The parameters of a lab with a checked value for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    params: BTreeMap<String, (Param, String)>,
}

impl Resolved {
    /// Checks `values` and fills what is missing with the defaults.
    ///
    /// # Errors
    /// [`LabError::UnknownParam`] or [`LabError::BadParam`].
    pub fn new(params: &BTreeMap<String, Param>, values: &Values) -> Result<Self, LabError> {
        if let Some(name) = values.keys().find(|name| !params.contains_key(*name)) {
            return Err(LabError::UnknownParam { name: name.clone(), known: known(params, name) });
        }
        let mut resolved = BTreeMap::new();
        for (name, param) in params {
            let value = values.get(name).unwrap_or(&param.default).trim().to_owned();
            param.check(&value).map_err(|reason| LabError::BadParam { name: name.clone(), reason })?;
            resolved.insert(name.clone(), (param.clone(), value));
        }
        Ok(Self { params: resolved })
    }

    /// The values in use, by name.
    pub fn values(&self) -> Values {
        self.params.iter().map(|(name, (_, value))| (name.clone(), value.clone())).collect()
    }

    /// What expressions find as `params`: numbers, percentages and seconds as numbers, the rest as text.
    pub fn bound(&self) -> Value {
        self.params.iter().map(|(name, (param, value))| (name.clone(), param.bound(value))).collect()
    }

    /// Names of the parameters that are declared secret.
    pub fn secret(&self) -> BTreeSet<String> {
        let secret = self.params.iter().filter(|(_, (param, _))| param.secret);
        secret.map(|(name, _)| name.clone()).collect()
    }

    /// Puts the values in the place of every `${name}`. A quoted number becomes a number.
    ///
    /// # Errors
    /// [`LabError::UnknownReference`]; [`LabError::BadParam`] when a value would change the fields of
    /// the file; [`LabError::Yaml`] when the file is none.
    pub fn fill(&self, text: &str) -> Result<String, LabError> {
        let filled = self.replace(text)?;
        if filled != text {
            let before = Outline::documents(&mask(text))?;
            let after = Outline::documents(&filled)?;
            let changed = after.iter().zip(&before).find_map(|(now, then)| now.differs_from(then));
            let changed = changed.or((after.len() != before.len()).then_some(""));
            if let Some(path) = changed {
                let reason = format!("the values would change the structure of the file at {path:?}");
                return Err(LabError::BadParam { name: self.named(text), reason });
            }
        }
        Ok(filled)
    }

    fn replace(&self, text: &str) -> Result<String, LabError> {
        let mut done = String::with_capacity(text.len());
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if line.trim_start().starts_with('#') {
                done.push_str(line);
                continue;
            }
            let mut rest = line;
            while let Some((before, name, after)) = next_reference(rest) {
                if let Some(before) = before.strip_suffix('$') {
                    let _ = write!(done, "{before}${{{name}}}");
                    rest = after;
                    continue;
                }
                let Some((param, value)) = self.params.get(name) else {
                    let column = line[..line.len() - rest.len() + before.len()].chars().count() + 1;
                    return Err(LabError::UnknownReference {
                        place: Place { line: index + 1, column },
                        name: name.to_owned(),
                        known: known(&self.params, name),
                    });
                };
                // A quoted reference as a whole scalar loses its quotes when it is a number.
                let quoted =
                    ['"', '\''].iter().any(|quote| before.ends_with(*quote) && after.starts_with(*quote));
                if quoted && param.kind == ParamKind::Number {
                    let _ = write!(done, "{}{value}", &before[..before.len() - 1]);
                    rest = &after[1..];
                } else {
                    let _ = write!(done, "{before}{value}");
                    rest = after;
                }
            }
            done.push_str(rest);
        }
        Ok(done)
    }

    /// The parameters that a text refers to, for a message.
    fn named(&self, text: &str) -> String {
        let used: Vec<&str> = self
            .params
            .keys()
            .map(String::as_str)
            .filter(|name| text.contains(&format!("${{{name}}}")))
            .collect();
        used.join(", ")
    }
}

/// The text with words of the same length in the place of references, so that it is YAML with the
/// places of the original.
pub(crate) fn mask(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next_reference(rest) {
        let _ = write!(done, "{before}_{name}__");
        rest = after;
    }
    done.push_str(rest);
    done
}

/// The next `${name}`: what is before it, the name, what is after it.
fn next_reference(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|found| found + from) {
        let tail = &text[start + 2..];
        let end = tail.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))?;
        if end > 0 && tail[end..].starts_with('}') {
            return Some((&text[..start], &tail[..end], &tail[end + 1..]));
        }
        from = start + 2;
    }
    None
}

fn known<T>(params: &BTreeMap<String, T>, name: &str) -> String {
    if params.is_empty() {
        return "it has none".to_owned();
    }
    let names: Vec<&str> = params.keys().map(String::as_str).collect();
    format!("it has: {}{}", names.join(", "), spelling::hint(name, names.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(kind: ParamKind, default: &str) -> Param {
        Param { kind, default: default.into(), about: String::new(), secret: false }
    }

    fn resolved(list: &[(&str, ParamKind, &str)]) -> Resolved {
        let params =
            list.iter().map(|(name, kind, value)| ((*name).to_owned(), param(*kind, value))).collect();
        Resolved::new(&params, &Values::new()).unwrap()
    }

    #[test]
    fn kinds_check_their_values() {
        let text = param(ParamKind::Text, "a");
        assert!(text.check("0.2.0-bad").is_ok());
        for wrong in ["", "a: b", "x\ny", "\"", "{a}", "# c"] {
            assert!(text.check(wrong).is_err(), "{wrong:?}");
        }
        assert!(param(ParamKind::Percent, "5%").check("5%").is_ok());
        assert!(param(ParamKind::Percent, "5%").check("500%").is_err());
        assert!(param(ParamKind::Duration, "5s").check("5 s").is_err());
        assert!(param(ParamKind::Number, "1").check("inf").is_err());
    }

    #[test]
    fn a_secret_is_a_text_that_can_be_hidden_and_no_refusal_tells_it() {
        let secret = Param { secret: true, ..param(ParamKind::Text, "change-me") };
        assert_eq!(secret.check("s3cret-of-mine"), Ok(()));
        for (value, why) in [
            ("abc1234", "at least 8 characters"),
            ("12345678", "is no number"),
            ("s3cret of mine", "letters, digits"),
        ] {
            let reason = secret.check(value).unwrap_err();
            assert!(reason.contains(why) && !reason.contains(value), "{reason}");
        }
        let number = Param { kind: ParamKind::Number, ..secret };
        assert_eq!(number.check("123456789").unwrap_err(), "a secret is of type text");
    }

    #[test]
    fn references_get_values_and_numbers_lose_their_quotes() {
        let values = resolved(&[("a", ParamKind::Number, "1"), ("b", ParamKind::Text, "two")]);
        let text = "x: [\"${a}\", \"${b}\", '${a}'] # ${a}\n# ${other}\ny: $${a}\n";
        assert_eq!(values.fill(text).unwrap(), "x: [1, \"two\", 1] # 1\n# ${other}\ny: ${a}\n");
    }

    #[test]
    fn an_unknown_reference_has_its_place() {
        let error = resolved(&[("rate", ParamKind::Number, "1")]).fill("a: 1\nb: x ${raet}\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2, column 6: ${raet} is no parameter of this lab, it has: rate, did you mean `rate`?"
        );
    }

    #[test]
    fn a_value_never_becomes_structure() {
        for (text, value) in [("x: [1]\nk:\n  - ${v}\n", "a:"), ("- ${v}\n", "-")] {
            let error = resolved(&[("v", ParamKind::Text, value)]).fill(text).unwrap_err();
            assert!(matches!(error, LabError::BadParam { .. } | LabError::Yaml { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn masking_keeps_every_place() {
        let text = "x: {rate: ${rate}, name: y}";
        assert_eq!(mask(text), "x: {rate: _rate__, name: y}");
        assert_eq!(mask("a ${ b ${} $c {d}"), "a ${ b ${} $c {d}");
    }

    #[test]
    fn expressions_see_numbers() {
        let values = resolved(&[
            ("n", ParamKind::Number, "100"),
            ("f", ParamKind::Number, "0.5"),
            ("p", ParamKind::Percent, "5%"),
            ("d", ParamKind::Duration, "1m30s"),
            ("t", ParamKind::Text, "0.2.0"),
        ]);
        let bound = serde_json::json!({"n": 100, "f": 0.5, "p": 5.0, "d": 90.0, "t": "0.2.0"});
        assert_eq!(values.bound(), bound);
    }
}
