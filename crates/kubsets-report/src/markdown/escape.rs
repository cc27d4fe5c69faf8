//! Text that stays text in Markdown.

/// Text within a line: no markup, no HTML, no column of a table, no second line.
pub(super) fn inline(text: impl AsRef<str>) -> String {
    let mut out = String::new();
    for letter in text.as_ref().chars() {
        match letter {
            '\n' | '\r' | '\t' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
    }
    out
}

/// A block of code, fenced by more ticks than stand in it.
pub(super) fn code(text: &str) -> String {
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_stays_text() {
        assert_eq!(inline("a|b\n*c* <img>"), "a\\|b \\*c\\* &lt;img&gt;");
        assert_eq!(code("a ``` b"), "````\na ``` b\n````");
        assert_eq!(code("plain"), "```\nplain\n```");
    }
}
