//! Reading a lab file: text and values in, a [`Lab`] or the place of what is wrong out.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{LabError, Place};
use crate::model::{API_VERSION, KIND, Lab, Param, Step};
use crate::operation::Operation;
use crate::outline::Outline;
use crate::spelling;
use crate::template::{Resolved, Values, mask};

/// Bytes that one file of a lab may have.
pub const LARGEST_FILE: usize = 1 << 20;

/// A lab with what was found out while it was read.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The lab.
    pub(crate) lab: Lab,
    /// Its parameters with their values.
    pub(crate) resolved: Resolved,
    /// Where its fields stand in the file as it was written.
    pub(crate) outline: Outline,
}

/// Reads a lab, with values for its parameters; defaults fill what is missing.
///
/// # Errors
/// [`LabError`] with line, column and field of what is wrong and what is accepted there.
pub fn parse(text: &str, values: &Values) -> Result<Lab, LabError> {
    document(text, values).map(|document| document.lab)
}

/// Reads a lab together with the places of its fields.
pub(crate) fn document(text: &str, values: &Values) -> Result<Document, LabError> {
    limit(text)?;
    let masked = mask(text);
    let outline = Outline::read(&masked)?;
    header(&outline)?;
    let resolved = Resolved::new(&params(&masked, &outline)?, values)?;
    steps(&outline)?;
    let filled = resolved.fill(text)?;
    let lab: Lab = typed(&filled, &outline)?;
    Ok(Document { lab, resolved, outline })
}

/// Refuses files that are larger than any lab.
pub(crate) fn limit(text: &str) -> Result<(), LabError> {
    if text.len() > LARGEST_FILE {
        return Err(LabError::TooLarge { bytes: text.len(), limit: LARGEST_FILE });
    }
    Ok(())
}

/// `apiVersion` and `kind`, first of all: another kind of file has other fields.
fn header(outline: &Outline) -> Result<(), LabError> {
    for (field, accepted) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        let message = match outline.text(field) {
            Some(text) if text == accepted => continue,
            Some(text) => format!("{text:?} is not accepted, only {accepted:?}"),
            None => format!("missing, accepted is {accepted:?}"),
        };
        return Err(LabError::Field { place: outline.place(field), field: field.to_owned(), message });
    }
    Ok(())
}

/// The declared parameters, which have to be known before the rest makes sense.
fn params(masked: &str, outline: &Outline) -> Result<BTreeMap<String, Param>, LabError> {
    #[derive(Deserialize)]
    struct Head {
        spec: HeadSpec,
    }
    #[derive(Deserialize)]
    struct HeadSpec {
        #[serde(default)]
        params: BTreeMap<String, Param>,
    }
    typed::<Head>(masked, outline).map(|head| head.spec.params)
}

/// Exactly one operation in every step.
fn steps(outline: &Outline) -> Result<(), LabError> {
    for list in ["spec.steadyState", "spec.steps"] {
        for index in 0..outline.length(list) {
            let path = format!("{list}[{index}]");
            let keys = outline.keys(&path);
            let name = outline.text(&format!("{path}.name")).unwrap_or("without a name");
            let wrong = |field: String, message: String| {
                Err(LabError::Field { place: outline.key_place(&field), field, message })
            };
            let known = Operation::KINDS.join(", ");
            let unknown = |key: &&String| !Step::FIELDS.contains(&key.as_str()) && !is_operation(key);
            if let Some(key) = keys.iter().find(unknown) {
                let words = Operation::KINDS.iter().chain(&Step::FIELDS).copied();
                let hint = spelling::hint(key, words);
                let hint = if hint.is_empty() { ";" } else { &hint };
                let message =
                    format!("step `{name}` has the unknown field `{key}`{hint} operations are: {known}");
                return wrong(format!("{path}.{key}"), message);
            }
            let operations: Vec<&str> =
                keys.iter().map(String::as_str).filter(|key| is_operation(key)).collect();
            match operations.as_slice() {
                [] if !keys.is_empty() => {
                    return wrong(path, format!("step `{name}` has no operation, give one of: {known}"));
                }
                [_, second, ..] => {
                    let all = operations.join(" and ");
                    let message = format!("step `{name}` has {all}, a step has exactly one operation");
                    return wrong(format!("{path}.{second}"), message);
                }
                [] | [_] => {}
            }
        }
    }
    Ok(())
}

fn is_operation(key: &str) -> bool {
    Operation::KINDS.contains(&key)
}

/// The typed value of a text. `outline` belongs to a text with the same fields.
pub(crate) fn typed<'de, T: Deserialize<'de>>(text: &'de str, outline: &Outline) -> Result<T, LabError> {
    serde_saphyr::from_str(text).map_err(|error| {
        let at = error.location().map(|at| Place { line: at.line() as usize, column: at.column() as usize });
        let message = error.without_snippet().to_string();
        let message = explain(message.lines().next().unwrap_or_default());
        // The values may have moved columns: the field leads back to the place in the file.
        let actual = Outline::read(text).unwrap_or_default();
        let Some(field) = at.and_then(|at| actual.field_at(at)) else {
            return LabError::Yaml { place: at.unwrap_or(Place::START), message };
        };
        let is_key = actual.node(field).is_some_and(|node| Some(node.key) == at);
        let place = if is_key { outline.key_place(field) } else { outline.place(field) };
        let field = if field.is_empty() { "file" } else { field };
        LabError::Field { place, field: field.to_owned(), message }
    })
}

/// Adds the nearest accepted word to `unknown field …` and `unknown variant …`, and drops the place,
/// which is told apart from the message.
fn explain(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let message = match message.split_once(": ") {
        Some((head, tail)) if head.starts_with("line ") => tail,
        _ => message,
    };
    let message = message.split(" at line ").next().unwrap_or(message);
    // Advice for programmers that follows some messages.
    let message = message.split(", set ").next().unwrap_or(message);
    if let Some(kind) = message.strip_prefix("invalid ") {
        return match kind {
            "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number is accepted here, 0 or more".to_owned(),
            "i64" => "a whole number is accepted here".to_owned(),
            "f64" | "f32" => "a number is accepted here".to_owned(),
            "bool" => "true or false is accepted here".to_owned(),
            _ => message.to_owned(),
        };
    }
    if !message.starts_with("unknown ") {
        return message.to_owned();
    }
    let Some(word) = message.split('`').nth(1) else { return message.to_owned() };
    let Some((first, accepted)) = message.split_once(", expected ") else { return message.to_owned() };
    let words =
        accepted.strip_prefix("one of ").unwrap_or(accepted).split(", ").map(|word| word.trim_matches('`'));
    let hint = spelling::hint(word, words);
    if hint.is_empty() { message.to_owned() } else { format!("{first}{hint} expected {accepted}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Rate;

    const GOOD: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: x, family: demo, level: 1, minutes: 2}
spec:
  question: Does it work?
  params:
    rate: {type: number, default: 100, about: Requests per second}
    time: {type: duration, default: 10s, about: How long}
  steps:
    - name: traffic
      as: traffic
      load: {path: /, rate: ${rate}, for: \"${time}\"}
  expect:
    - name: all are answered
      that: traffic.failed == 0
";

    fn fails(text: &str) -> String {
        parse(text, &Values::new()).unwrap_err().to_string()
    }

    #[test]
    fn defaults_and_values_fill_the_parameters() {
        let lab = parse(GOOD, &Values::new()).unwrap();
        let load = lab.spec.steps[0].load.clone().unwrap();
        assert_eq!(load.rate, Rate::constant(100.0));
        let values = Values::from([("rate".into(), "250".into()), ("time".into(), "2m".into())]);
        let load = parse(GOOD, &values).unwrap().spec.steps[0].load.clone().unwrap();
        assert_eq!(load.rate, Rate::constant(250.0));
        assert_eq!(load.duration.to_string(), "2m");
        let values = Values::from([("rate".to_owned(), "fast".to_owned())]);
        assert_eq!(parse(GOOD, &values).unwrap_err().to_string(), "parameter rate: \"fast\" is no number");
        let values = Values::from([("speed".to_owned(), "1".to_owned())]);
        assert!(parse(GOOD, &values).unwrap_err().to_string().contains("it has: rate, time"));
    }

    #[test]
    fn a_wrong_field_is_named_with_its_place_and_what_is_accepted() {
        assert_eq!(
            fails(&GOOD.replace("path: /,", "pth: /,")),
            "line 12, column 14: spec.steps[0].load.pth: unknown field `pth`, did you mean `path`? expected one of \
             service, port, path, method, headers, body, rate, for, connections, timeout, background"
        );
        let message = fails(&GOOD.replace("minutes: 2", "minutes: soon"));
        assert!(message.starts_with("line 3, column 54: metadata.minutes: a whole number"), "{message}");
        let message = fails(&GOOD.replace("type: number", "type: nubmer"));
        assert!(message.starts_with("line 7, column 18: spec.params.rate.type: "), "{message}");
        assert!(message.contains("did you mean `number`? expected one of"), "{message}");
    }

    #[test]
    fn places_are_those_of_the_file_and_not_of_the_filled_text() {
        let text = GOOD.replace("rate: ${rate}, for: \"${time}\"", "rate: ${rate}, for: soon");
        let message = fails(&text);
        assert!(message.starts_with("line 12, column 43: spec.steps[0].load.for: "), "{message}");
    }

    #[test]
    fn a_step_has_exactly_one_known_operation() {
        assert_eq!(
            fails(&GOOD.replace("load: {", "laod: {")),
            "line 12, column 7: spec.steps[0].laod: step `traffic` has the unknown field `laod`, did you mean \
             `load`? operations are: apply, patch, delete, scale, rollout, wait, http, exec, logs, query, load, canary, \
             fault, assert, pause"
        );
        let message = fails(&GOOD.replace("load: {", "shell: {"));
        assert!(message.contains("unknown field `shell`; operations are: apply, "), "{message}");
        let message = fails(&GOOD.replace("  expect:", "      pause: {message: x}\n  expect:"));
        assert_eq!(
            message,
            "line 13, column 7: spec.steps[0].pause: step `traffic` has load and pause, a step has exactly one \
             operation"
        );
        let none = GOOD.lines().filter(|line| !line.contains("load:")).collect::<Vec<_>>().join("\n");
        assert!(
            fails(&none).starts_with("line 10, column 7: spec.steps[0]: step `traffic` has no operation")
        );
    }

    #[test]
    fn other_kinds_and_other_files_are_refused() {
        let message = fails(&GOOD.replace("kind: Lab", "kind: Pod"));
        assert_eq!(message, "line 2, column 7: kind: \"Pod\" is not accepted, only \"Lab\"");
        assert!(fails("").contains("apiVersion: missing"));
        assert!(fails("a: [1").starts_with("line 1, column 4: "), "{}", fails("a: [1"));
        assert!(matches!(
            parse(&"#".repeat(LARGEST_FILE + 1), &Values::new()),
            Err(LabError::TooLarge { limit: LARGEST_FILE, .. })
        ));
    }
}
