//! Where text goes: data to standard output, everything else to standard error.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use indicatif::MultiProgress;
use serde::Serialize;

use super::error;
use super::exit::ExitCode;
use super::progress::Step;
use super::style::{ColorChoice, Style, Tone};

/// Group and version of every JSON document that a command prints.
const API_VERSION: &str = "kubsets.dev/v1alpha1";

/// The form of a command's data on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people; may change between versions.
    #[default]
    Table,
    /// The same, with lines as long as they are.
    Wide,
    /// One JSON document (a watch prints one per line).
    Json,
    /// The same document as YAML.
    Yaml,
    /// Names, one a line; lists only.
    Name,
    /// A page for a browser; reports only.
    Html,
    /// A page as Markdown; reports only.
    Markdown,
}

impl Format {
    /// Whether it is a page, which only reports are.
    pub(crate) fn is_page(self) -> bool {
        matches!(self, Self::Html | Self::Markdown)
    }
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Volume {
    Quiet,
    Normal,
    Verbose(u8),
}

/// What a printer has to know from the command line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PrinterOptions {
    /// Form of the data.
    pub(crate) format: Format,
    /// No progress and no messages but errors.
    pub(crate) quiet: bool,
    /// 1 for details, more for logs.
    pub(crate) verbose: u8,
    /// When to colour.
    pub(crate) color: ColorChoice,
    /// Behave as if there were no terminal: no bars, no prompts.
    pub(crate) no_tty: bool,
    /// Answer questions with yes.
    pub(crate) yes: bool,
}

/// Prints; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    options: PrinterOptions,
    volume: Volume,
    out: Style,
    err: Style,
    bars: Option<Arc<MultiProgress>>,
}

impl Printer {
    /// A printer as the command line asks for.
    pub(crate) fn new(mut options: PrinterOptions) -> Self {
        let volume = match (options.quiet, options.verbose) {
            (true, _) => Volume::Quiet,
            (false, 0) => Volume::Normal,
            (false, level) => Volume::Verbose(level),
        };
        let animated =
            volume != Volume::Quiet && !options.no_tty && std::io::stderr().is_terminal() && !in_ci();
        let mut out = Style::stdout(options.color);
        if options.format == Format::Wide {
            options.format = Format::Table;
            out.width = None;
        }
        Self {
            options,
            volume,
            out,
            err: Style::stderr(options.color),
            bars: animated.then(|| Arc::new(MultiProgress::new())),
        }
    }

    /// Form of the data on standard output.
    pub(crate) fn format(&self) -> Format {
        self.options.format
    }

    /// Style of standard output.
    pub(crate) fn style(&self) -> Style {
        self.out
    }

    /// Style of standard error.
    pub(crate) fn message_style(&self) -> Style {
        self.err
    }

    /// True when standard output is a terminal and `--no-tty` was not given.
    pub(crate) fn has_screen(&self) -> bool {
        !self.options.no_tty && std::io::stdout().is_terminal() && std::io::stdin().is_terminal()
    }

    /// True when questions are answered with yes.
    pub(crate) fn assumes_yes(&self) -> bool {
        self.options.yes
    }

    /// True when a person can answer a question.
    pub(crate) fn can_ask(&self) -> bool {
        !self.options.no_tty && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// True where progress is drawn as bars instead of lines.
    pub(crate) fn is_animated(&self) -> bool {
        self.bars.is_some()
    }

    /// True with `-q`.
    pub(crate) fn is_quiet(&self) -> bool {
        self.volume == Volume::Quiet
    }

    /// The bars on standard error, where they can be drawn.
    pub(super) fn bars(&self) -> Option<Arc<MultiProgress>> {
        self.bars.clone()
    }

    /// Writes data to standard output as it is.
    pub(crate) fn data(&self, text: &str) {
        let write = || {
            let mut stdout = std::io::stdout().lock();
            // A reader that went away (`| head`) has what it wanted.
            let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// Writes `value` in the form asked for; `text` is the table form, every line ended.
    ///
    /// # Errors
    /// When `value` cannot be serialised.
    pub(crate) fn emit<T: Serialize>(
        &self,
        kind: &str,
        value: &T,
        text: impl FnOnce(Style) -> String,
    ) -> anyhow::Result<()> {
        match self.options.format {
            Format::Json => self.data(&format!("{:#}\n", document(kind, value)?)),
            Format::Yaml => self.data(&serde_saphyr::to_string(&document(kind, value)?)?),
            Format::Table | Format::Wide | Format::Name | Format::Html | Format::Markdown => {
                self.data(&text(self.out));
            }
        }
        Ok(())
    }

    /// Writes a list in the form asked for; `name` gives what `-o name` prints of an item.
    ///
    /// # Errors
    /// When an item cannot be serialised.
    pub(crate) fn emit_list<T: Serialize>(
        &self,
        kind: &str,
        items: &[T],
        name: impl Fn(&T) -> String,
        text: impl FnOnce(Style) -> String,
    ) -> anyhow::Result<()> {
        if self.options.format == Format::Name {
            self.data(&items.iter().map(|item| name(item) + "\n").collect::<String>());
            return Ok(());
        }
        self.emit(kind, &items, text)
    }

    /// Writes `value` as a watch does: one line of JSON, or one document of a YAML stream.
    ///
    /// # Errors
    /// When `value` cannot be serialised.
    pub(crate) fn emit_line<T: Serialize>(&self, kind: &str, value: &T) -> anyhow::Result<()> {
        let document = document(kind, value)?;
        self.data(&stream_part(self.options.format, &document)?);
        Ok(())
    }

    /// Says something to the user; silent with `-q`.
    pub(crate) fn message(&self, text: impl AsRef<str>) {
        if self.volume >= Volume::Normal {
            self.write_error(text.as_ref());
        }
    }

    /// Says something only with `-v`.
    pub(crate) fn detail(&self, text: impl AsRef<str>) {
        if self.volume >= Volume::Verbose(1) {
            self.write_error(&self.err.paint(Tone::Dim, text.as_ref()));
        }
    }

    /// Says that something deserves attention; never fails a command.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        if self.volume >= Volume::Normal {
            self.write_error(&format!("{} {}", self.err.paint(Tone::Warn, "warning:"), text.as_ref()));
        }
    }

    /// Proposes the next command.
    pub(crate) fn hint(&self, text: impl AsRef<str>) {
        if self.volume >= Volume::Normal {
            self.write_error(&format!("{} {}", self.err.paint(Tone::Hint, "hint:"), text.as_ref()));
        }
    }

    /// Begins something that takes time and says so at once.
    pub(crate) fn step(&self, what: impl Into<String>) -> Step {
        Step::begin(self, what.into())
    }

    /// Prints an error with its hints, also with `-q`, and returns the exit code that it asks for.
    pub(crate) fn error(&self, error: &anyhow::Error) -> ExitCode {
        let (text, code) = error::render(error, self.err);
        self.write_error(text.trim_end());
        code
    }

    /// Writes one or more lines to standard error, above the bars.
    pub(super) fn write_error(&self, text: &str) {
        let write = || {
            let mut stderr = std::io::stderr().lock();
            let _ = writeln!(stderr, "{text}");
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// `value` with `apiVersion` and `kind` before its own fields.
fn document<T: Serialize>(kind: &str, value: &T) -> anyhow::Result<serde_json::Value> {
    let mut document = serde_json::Map::new();
    document.insert("apiVersion".to_owned(), API_VERSION.into());
    document.insert("kind".to_owned(), kind.into());
    match serde_json::to_value(value)? {
        serde_json::Value::Object(fields) => document.extend(fields),
        serde_json::Value::Array(items) => {
            document.insert("items".to_owned(), items.into());
        }
        other => {
            document.insert("value".to_owned(), other);
        }
    }
    Ok(document.into())
}

/// One document of many.
fn stream_part(format: Format, document: &serde_json::Value) -> anyhow::Result<String> {
    Ok(match format {
        Format::Yaml => format!("---\n{}", serde_saphyr::to_string(document)?),
        _ => format!("{document}\n"),
    })
}

/// True where a build server watches instead of a person.
fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Obeys `--color` for what clap prints before the arguments are known.
pub(crate) fn set_color(args: &[OsString]) {
    let mut words = args.iter().map(|word| word.to_string_lossy());
    let mut choice = None;
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        if let Some(value) = word.strip_prefix("--color=") {
            choice = Some(value.to_owned());
        } else if word == "--color" {
            choice = words.next().map(std::borrow::Cow::into_owned);
        }
    }
    match choice.as_deref() {
        Some("always") => anstream::ColorChoice::Always.write_global(),
        Some("never") => anstream::ColorChoice::Never.write_global(),
        _ => {}
    }
}

/// Sends logs to standard error: `RUST_LOG`, else warnings, `-v` information, `-vv` debugging, `-vvv` all.
pub(crate) fn init_logs(printer: &Printer) {
    let level = match printer.volume {
        Volume::Quiet => "error",
        Volume::Normal => "warn",
        Volume::Verbose(1) => "warn,kubsets=info,kubectl_kubsets=info",
        Volume::Verbose(2) => "info,kubsets=debug,kubectl_kubsets=debug",
        Volume::Verbose(_) => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let writer = LogWriter { printer: printer.clone() };
    // A second call (in tests) keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(printer.err.color)
        .with_writer(move || writer.clone())
        .try_init();
}

/// Lets log lines and bars share standard error.
#[derive(Clone)]
struct LogWriter {
    printer: Printer,
}

impl std::io::Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.printer.write_error(String::from_utf8_lossy(line).trim_end_matches('\n'));
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_names_its_kind_first() {
        let document = document("Version", &serde_json::json!({"client": "0.1.0"})).expect("serialises");
        let expected = r#"{"apiVersion":"kubsets.dev/v1alpha1","kind":"Version","client":"0.1.0"}"#;
        assert_eq!(document, serde_json::from_str::<serde_json::Value>(expected).expect("is JSON"));
    }

    #[test]
    fn names_that_users_gave_stay_as_they_are() {
        let data = serde_json::json!({"data": {"max_items": "5", "a.b/c_d": "x"}});
        assert_eq!(document("ConfigMap", &data).expect("serialises")["data"], data["data"]);
    }

    #[test]
    fn a_watch_prints_a_line_or_a_document_of_a_stream() {
        let document = serde_json::json!({"kind": "Status", "healthy": true});
        let part = |format| stream_part(format, &document).expect("serialises");
        assert_eq!(part(Format::Json), "{\"healthy\":true,\"kind\":\"Status\"}\n");
        assert_eq!(part(Format::Yaml), "---\nhealthy: true\nkind: Status\n");
    }

    #[test]
    fn a_list_becomes_items() {
        let document = document("ImageList", &[1, 2]).expect("serialises");
        assert_eq!(document["items"], serde_json::json!([1, 2]));
    }
}
