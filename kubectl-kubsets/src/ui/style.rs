//! Colours and icons: meaning never depends on them alone.

use std::ffi::OsString;
use std::io::IsTerminal as _;

use owo_colors::{OwoColorize as _, Style as Paint};

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or TERM is dumb.
    #[default]
    Auto,
    /// Also in a pipe.
    Always,
    /// Not at all.
    Never,
}

/// What a piece of text means; decides its colour and its icon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Plain text.
    #[default]
    Plain,
    /// Success: green.
    Good,
    /// Failure: red.
    Bad,
    /// Attention: yellow.
    Warn,
    /// Hints, commands and paths: cyan.
    Hint,
    /// Of less weight.
    Dim,
    /// Headings.
    Strong,
}

/// How text is written to one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Colours are written.
    pub(crate) color: bool,
    /// Characters outside ASCII are written.
    pub(crate) unicode: bool,
    /// Columns of the terminal, where there is one.
    pub(crate) width: Option<u16>,
}

impl Style {
    /// Neither colours nor characters outside ASCII, any width.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { color: false, unicode: false, width: None };

    /// The style for standard output.
    pub(crate) fn stdout(choice: ColorChoice) -> Self {
        Self::of(choice, std::io::stdout().is_terminal())
    }

    /// The style for standard error.
    pub(crate) fn stderr(choice: ColorChoice) -> Self {
        Self::of(choice, std::io::stderr().is_terminal())
    }

    fn of(choice: ColorChoice, terminal: bool) -> Self {
        let environment = Environment::read();
        let width = if terminal {
            ratatui::crossterm::terminal::size().ok().map(|(columns, _)| columns)
        } else {
            None
        };
        Self { color: environment.color(choice, terminal), unicode: environment.unicode(), width }
    }

    /// `text` broken between words where the terminal ends.
    pub(crate) fn wrap(self, text: &str) -> String {
        let Some(width) = self.width.map(usize::from) else { return text.to_owned() };
        let (mut lines, mut used) = (String::new(), 0);
        for word in text.split(' ') {
            let columns = word.chars().count();
            if used > 0 && used + 1 + columns > width {
                lines.push('\n');
                used = 0;
            } else if used > 0 {
                lines.push(' ');
                used += 1;
            }
            lines.push_str(word);
            used += columns;
        }
        lines
    }

    /// `text` in the colour of `tone`.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let paint = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Good => Paint::new().green(),
            Tone::Bad => Paint::new().red(),
            Tone::Warn => Paint::new().yellow(),
            Tone::Hint => Paint::new().cyan(),
            Tone::Dim => Paint::new().dimmed(),
            Tone::Strong => Paint::new().bold(),
        };
        text.style(paint).to_string()
    }

    /// One short mark in the colour of `tone`; in ASCII it is a word or sign of its own.
    pub(crate) fn icon(self, tone: Tone) -> String {
        let text = match (tone, self.unicode) {
            (Tone::Good, true) => "✔",
            (Tone::Good, false) => "ok",
            (Tone::Bad, true) => "✘",
            (Tone::Bad, false) => "!!",
            (Tone::Warn, true) => "▲",
            (Tone::Warn, false) => "! ",
            (_, true) => "•",
            (_, false) => "- ",
        };
        self.paint(tone, text)
    }

    /// `→` or `->`.
    pub(crate) fn arrow(self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }

    /// `±` or `+/-`.
    pub(crate) fn plus_minus(self) -> &'static str {
        if self.unicode { "±" } else { "+/-" }
    }
}

/// The variables that decide, read once so that tests can give their own.
#[derive(Debug, Default)]
struct Environment {
    no_color: Option<OsString>,
    term: Option<OsString>,
    locale: Option<OsString>,
}

impl Environment {
    fn read() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            no_color: set("NO_COLOR"),
            term: set("TERM"),
            locale: set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")),
        }
    }

    fn dumb(&self) -> bool {
        self.term.as_ref().is_some_and(|term| term == "dumb")
    }

    fn color(&self, choice: ColorChoice, terminal: bool) -> bool {
        match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && self.no_color.is_none() && !self.dumb(),
        }
    }

    fn unicode(&self) -> bool {
        let utf8 = self.locale.as_ref().is_some_and(|locale| {
            let locale = locale.to_string_lossy().to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        utf8 && !self.dumb()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_colours_only_a_capable_terminal() {
        let plain = Environment::default();
        assert!(plain.color(ColorChoice::Auto, true));
        assert!(!plain.color(ColorChoice::Auto, false));
        let no_color = Environment { no_color: Some("1".into()), ..Environment::default() };
        assert!(!no_color.color(ColorChoice::Auto, true));
        assert!(no_color.color(ColorChoice::Always, false));
        let dumb = Environment { term: Some("dumb".into()), ..Environment::default() };
        assert!(!dumb.color(ColorChoice::Auto, true));
    }

    #[test]
    fn unicode_follows_the_locale() {
        let with = |locale: &str| Environment { locale: Some(locale.into()), ..Environment::default() };
        assert!(with("C.UTF-8").unicode());
        assert!(with("de_DE.utf8").unicode());
        assert!(!with("C").unicode());
        assert!(!Environment::default().unicode());
    }

    #[test]
    fn text_is_broken_between_words_where_the_terminal_ends() {
        let narrow = Style { width: Some(10), ..Style::PLAIN };
        assert_eq!(narrow.wrap("one two three averyverylongword x"), "one two\nthree\naveryverylongword\nx");
        assert_eq!(narrow.wrap("12345 7890 2"), "12345 7890\n2");
        assert_eq!(Style::PLAIN.wrap("one two three four"), "one two three four");
    }

    #[test]
    fn text_says_the_same_without_colour() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "failed"), "failed");
        let colored = Style { color: true, ..Style::PLAIN };
        assert_eq!(colored.paint(Tone::Bad, "failed"), "\u{1b}[31mfailed\u{1b}[0m");
        assert_eq!(Style::PLAIN.icon(Tone::Good), "ok");
    }
}
