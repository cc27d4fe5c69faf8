//! Well-formed XML: every value is escaped, what XML 1.0 cannot hold is replaced.

use std::fmt::Write as _;

/// A document under construction.
#[derive(Debug)]
pub(super) struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    /// A document without an element yet.
    pub(super) fn document() -> Self {
        Self { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), depth: 0 }
    }

    /// The finished document.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Begins an element that has others in it.
    pub(super) fn open(&mut self, name: &str, attributes: &[(&str, String)]) {
        self.start(name, attributes);
        self.text.push_str(">\n");
        self.depth += 1;
    }

    /// Ends an element.
    pub(super) fn close(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        let _ = writeln!(self.text, "{:1$}</{name}>", "", self.depth * 2);
    }

    /// An element with nothing in it.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, String)]) {
        self.start(name, attributes);
        self.text.push_str("/>\n");
    }

    /// An element with text in it.
    pub(super) fn text(&mut self, name: &str, attributes: &[(&str, String)], text: &str) {
        self.start(name, attributes);
        let _ = writeln!(self.text, ">{}</{name}>", escaped(text, false));
    }

    fn start(&mut self, name: &str, attributes: &[(&str, String)]) {
        let _ = write!(self.text, "{:1$}<{name}", "", self.depth * 2);
        for (name, value) in attributes {
            let _ = write!(self.text, " {name}=\"{}\"", escaped(value, true));
        }
    }
}

/// Text without markup. In an attribute, line breaks and tabs are kept as references, because a reader would make
/// spaces of them.
fn escaped(text: &str, attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' if attribute => out.push_str("&#10;"),
            '\t' if attribute => out.push_str("&#9;"),
            '\n' | '\t' => out.push(letter),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        let hostile = "a\" b='c' <d>&amp; ]]>\r\n\t\u{1b}[31m\u{0}\u{ffff}é";
        assert_eq!(
            escaped(hostile, true),
            "a&quot; b='c' &lt;d&gt;&amp;amp; ]]&gt;&#13;&#10;&#9;\u{fffd}[31m\u{fffd}\u{fffd}é"
        );
        assert_eq!(escaped("a\n\tb", false), "a\n\tb");
    }

    #[test]
    fn elements_are_nested() {
        let mut xml = Xml::document();
        xml.open("a", &[("x", "1".into())]);
        xml.empty("b", &[]);
        xml.text("c", &[], "<");
        xml.close("a");
        let expected =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a x=\"1\">\n  <b/>\n  <c>&lt;</c>\n</a>\n";
        assert_eq!(xml.into_text(), expected);
    }
}
