//! `report`: what a run did, as a page for a browser, as Markdown, or as JSON.

mod list;
mod runs;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kubsets_report::{
    Comparison, Document, Story, comparison_html, comparison_markdown, report_html, report_markdown,
};
use kubsets_undo::{RunId, StateDir};

use crate::app::App;
use crate::report::{self, REPORT_FILE};
use crate::ui::{ExitCode, Failure, Format, Style, Tone};

pub(crate) use runs::Scope;
pub(super) use runs::last;

/// Arguments of `report`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The run, or the folder of its record [default: the last run]
    #[arg(value_name = "RUN", add = clap_complete::ArgValueCandidates::new(crate::commands::canary::catalog::runs))]
    run: Option<String>,

    /// File to write instead of standard output; without -o it is a page to open in a browser
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    open_path: Option<PathBuf>,

    /// Two runs side by side, each a run or the folder of its record
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with_all = ["run", "list"],
          add = clap_complete::ArgValueCandidates::new(crate::commands::canary::catalog::runs))]
    compare: Vec<String>,

    /// List the runs on record
    #[arg(long, conflicts_with_all = ["run", "open_path"])]
    list: bool,
}

/// Makes a report, from the record on disk alone.
///
/// # Errors
/// When there is no such run, its record cannot be read, or the report cannot be written.
pub(crate) fn run(app: &App, args: &Args, scope: Scope<'_>) -> anyhow::Result<ExitCode> {
    let state = StateDir::at(app.state_dir());
    if args.list {
        return list::run(app, &state, scope);
    }
    if app.ui.format() == Format::Name {
        return Err(Failure::usage("-o name has no meaning for the report of one run")
            .with_hint("--list prints the names of the runs on record")
            .into());
    }
    let document = if let [a, b] = args.compare.as_slice() {
        let (a, b) = (report::story(&folder(&state, a)?)?, report::story(&folder(&state, b)?)?);
        Document::ReportComparison(Box::new(Comparison::new(a, b)))
    } else {
        let folder = match &args.run {
            Some(run) => folder(&state, run)?,
            None => last(&state, scope)?,
        };
        let story = report::story(&folder)?;
        if args.open_path.is_none() && app.ui.format() == Format::Table {
            let path = folder.join(REPORT_FILE);
            write(&path, &report_html(&story))?;
            app.ui.data(&summary(&story, &path, app.ui.style()));
            return Ok(ExitCode::Success);
        }
        Document::Report(Box::new(story))
    };
    let text = render(&document, app.ui.format(), args.open_path.is_some())?;
    match &args.open_path {
        Some(path) => {
            write(path, &text)?;
            app.ui.data(&format!("{}\n", path.display()));
        }
        None => app.ui.data(&text),
    }
    Ok(ExitCode::Success)
}

/// A document in the form asked for. A file is a page unless another form is asked for; a comparison on standard
/// output is Markdown, because there is no folder that is its own.
fn render(document: &Document, format: Format, to_file: bool) -> anyhow::Result<String> {
    let html = match format {
        Format::Json => return Ok(document.json()),
        Format::Yaml => return Ok(serde_saphyr::to_string(document)?),
        Format::Html => true,
        Format::Markdown => false,
        Format::Table | Format::Wide | Format::Name => to_file,
    };
    Ok(match (document, html) {
        (Document::Report(story), true) => report_html(story),
        (Document::Report(story), false) => report_markdown(story),
        (Document::ReportComparison(two), true) => comparison_html(two),
        (Document::ReportComparison(two), false) => comparison_markdown(two),
    })
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The folder of a run's record.
pub(super) fn folder(state: &StateDir, run: &str) -> anyhow::Result<PathBuf> {
    let known = run.parse::<RunId>().ok().map(|run| state.run(&run)).filter(|folder| folder.is_dir());
    let named = || Some(PathBuf::from(run)).filter(|folder| folder.is_dir());
    known.or_else(named).ok_or_else(|| {
        Failure::usage(format!("there is no record of a run {run}"))
            .with_hint("`kubectl kubsets report --list` shows the runs on record")
            .into()
    })
}

/// The top of a report for a terminal, and where the rest is.
fn summary(story: &Story, path: &Path, style: Style) -> String {
    let tone = match story.verdict.tone {
        kubsets_report::Tone::Good => Tone::Good,
        kubsets_report::Tone::Bad => Tone::Bad,
        kubsets_report::Tone::Warn => Tone::Warn,
        kubsets_report::Tone::Plain => Tone::Plain,
    };
    let word = format!("{}, {}", story.verdict.word, story.verdict.meaning);
    let title = if style.unicode { story.title.clone() } else { story.title.replace('→', "->") };
    let mut text = format!("{} {}: {}\n", style.icon(tone), style.paint(tone, &word), story.reason);
    append!(text, "  {title}, run {}\n", story.run);
    if let Some(repeat) = story.commands.first() {
        append!(text, "  again: {}\n", style.paint(Tone::Hint, &repeat.line));
    }
    append!(text, "  report: {}\n", path.display());
    text
}
