//! Forms that names have to have.

/// Words that cannot be names in expressions: of the language, and those that labs bind themselves.
const RESERVED: [&str; 37] = [
    "as",
    "bool",
    "break",
    "bytes",
    "const",
    "continue",
    "double",
    "dyn",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "int",
    "let",
    "list",
    "loop",
    "map",
    "namespace",
    "null",
    "null_type",
    "object",
    "package",
    "params",
    "pods",
    "result",
    "return",
    "string",
    "timestamp",
    "true",
    "type",
    "uint",
    "var",
    "void",
    "while",
];

/// A DNS label: lower-case letters, digits and hyphens, at most 63, no hyphen at the ends.
pub(crate) fn is_dns_label(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// A name that expressions can use.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.len() <= 63
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !RESERVED.contains(&name)
}

/// A label selector that selects something: `key`, `!key`, `key=value`, `key!=value`, `key in (a,b)`,
/// `key notin (a,b)`, several with commas.
pub(super) fn is_selector(selector: &str) -> bool {
    let mut depth = 0;
    let mut parts = selector.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.all(|part| is_requirement(part.trim()))
}

fn is_requirement(part: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b))
    };
    if let Some((key, values)) = part.split_once(" in (").or_else(|| part.split_once(" notin (")) {
        let values = values.strip_suffix(')');
        return word(key.trim())
            && values.is_some_and(|values| values.split(',').all(|value| word(value.trim())));
    }
    match part.split_once("!=").or_else(|| part.split_once("==")).or_else(|| part.split_once('=')) {
        Some((key, value)) => word(key.trim()) && (value.trim().is_empty() || word(value.trim())),
        None => word(part.trim_start_matches('!')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for good in ["a", "pod-kill", "x2"] {
            assert!(is_dns_label(good), "{good}");
        }
        for bad in ["", "A", "-a", "a-", "a_b", "a.b", &"a".repeat(64)] {
            assert!(!is_dns_label(bad), "{bad}");
        }
        assert!(is_identifier("release") && is_identifier("step_2"));
        for bad in ["", "2a", "a-b", "result", "in", "params", "null"] {
            assert!(!is_identifier(bad), "{bad}");
        }
    }

    #[test]
    fn selectors() {
        for good in
            ["app=web", "app.kubernetes.io/name=demo-app,tier!=db", "app in (a, b),x", "!canary", "a=="]
        {
            assert!(is_selector(good), "{good}");
        }
        for bad in ["", " ", "app=web,", "app in (a", "a b", "=x", "app=${x}"] {
            assert!(!is_selector(bad), "{bad}");
        }
    }
}
