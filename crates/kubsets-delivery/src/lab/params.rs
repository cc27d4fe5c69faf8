//! Parameters of a lab: declared with a type and a default, used as `${name}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LabError, syntax};
use crate::units::{Percent, Span};

/// Type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamKind {
    /// A number.
    Number,
    /// A percentage such as `5%`.
    Percent,
    /// A duration such as `30s`.
    Duration,
    /// Letters, digits and `._-/:@+=`.
    Text,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Param {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParamKind,
    /// Its value when none is given.
    pub default: String,
    /// What it is for.
    pub about: String,
}

impl Param {
    /// Checks a value.
    fn check(&self, value: &str) -> Result<(), String> {
        match self.kind {
            ParamKind::Number => match value.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(()),
                _ => Err(format!("{value:?} is no number")),
            },
            ParamKind::Percent => value.parse::<Percent>().map(|_| ()).map_err(|error| error.to_string()),
            ParamKind::Duration => value.parse::<Span>().map(|_| ()).map_err(|error| error.to_string()),
            ParamKind::Text => {
                // Nothing that could end a scalar: a value must never become structure.
                let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@+=".contains(c);
                if !value.is_empty() && value.chars().all(plain) {
                    Ok(())
                } else {
                    Err(format!("{value:?} has other characters than letters, digits and ._-/:@+="))
                }
            }
        }
    }
}

/// The declared parameters, read before anything else.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, Param>, LabError> {
    #[derive(Deserialize)]
    struct Head {
        spec: HeadSpec,
    }
    #[derive(Deserialize)]
    struct HeadSpec {
        #[serde(default)]
        params: BTreeMap<String, Param>,
    }
    let head: Head = serde_saphyr::from_str(text).map_err(|error| syntax(&error))?;
    Ok(head.spec.params)
}

/// Puts values in the place of every `${name}`. A quoted number becomes a number.
pub(super) fn substitute(
    text: &str,
    params: &BTreeMap<String, Param>,
    values: &BTreeMap<String, String>,
) -> Result<String, LabError> {
    if let Some(name) = values.keys().find(|name| !params.contains_key(*name)) {
        let known = params.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(LabError::UnknownParam { name: name.clone(), known });
    }
    let value_of = |name: &str, line: usize| {
        let param =
            params.get(name).ok_or_else(|| LabError::UnknownReference { line, name: name.to_owned() })?;
        let value = values.get(name).unwrap_or(&param.default).trim().to_owned();
        param.check(&value).map_err(|reason| LabError::BadParam { name: name.to_owned(), reason })?;
        Ok((value, param.kind))
    };
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut done = String::with_capacity(line.len());
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, tail)) = after.split_once('}') else { break };
            let (value, kind) = value_of(name, index + 1)?;
            // "${rate}" as a whole scalar loses its quotes when it is a number.
            if kind == ParamKind::Number && before.ends_with('"') && tail.starts_with('"') {
                done.push_str(&before[..before.len() - 1]);
                done.push_str(&value);
                rest = &tail[1..];
            } else {
                done.push_str(before);
                done.push_str(&value);
                rest = tail;
            }
        }
        done.push_str(rest);
        lines.push(done);
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(kind: ParamKind, default: &str) -> Param {
        Param { kind, default: default.into(), about: String::new() }
    }

    #[test]
    fn values_cannot_become_structure() {
        let text = param(ParamKind::Text, "a");
        assert!(text.check("0.2.0-bad").is_ok());
        for wrong in ["", "a: b", "x\ny", "\"", "{a}", "# c"] {
            assert!(text.check(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn kinds_check_their_values() {
        assert!(param(ParamKind::Percent, "5%").check("5%").is_ok());
        assert!(param(ParamKind::Percent, "5%").check("500%").is_err());
        assert!(param(ParamKind::Duration, "5s").check("5 s").is_err());
        assert!(param(ParamKind::Number, "1").check("inf").is_err());
    }

    #[test]
    fn several_references_on_a_line() {
        let params = BTreeMap::from([
            ("a".to_owned(), param(ParamKind::Number, "1")),
            ("b".to_owned(), param(ParamKind::Text, "two")),
        ]);
        let text = substitute("x: [\"${a}\", \"${b}\"] # ${a}", &params, &BTreeMap::new()).unwrap();
        assert_eq!(text, "x: [1, \"two\"] # 1\n");
    }
}
