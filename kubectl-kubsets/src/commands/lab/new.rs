//! `lab new`: the folder of a lab that can be filled in.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kubsets_lab::schema;

use crate::app::App;
use crate::ui::{ExitCode, Failure};

/// Arguments of `lab new`.
#[derive(clap::Args, Debug)]
pub(in crate::commands) struct Args {
    /// Family and name, such as chaos/slow-disk; the name alone in the commands of a family
    #[arg(value_name = "FAMILY/NAME")]
    lab: String,

    /// Folder of labs to put it in
    #[arg(long, value_name = "FOLDER", default_value = "labs", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
}

/// Makes the folder; an existing one is left alone.
///
/// # Errors
/// When the name is none, or the folder is there already or cannot be made.
pub(in crate::commands) fn run(app: &App, family: Option<&str>, args: &Args) -> anyhow::Result<ExitCode> {
    let lab = full_name(family, &args.lab)?;
    let made = kubsets_lab::scaffold::scaffold(&lab).map_err(|error| {
        Failure::usage(error.to_string()).with_hint("for example `kubectl kubsets lab new chaos/slow-disk`")
    })?;
    let folder = args.dir.join(&lab);
    if folder.exists() {
        return Err(Failure::usage(format!("{} is there already", folder.display())).into());
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut texts = vec![(kubsets_lab::LAB_FILE.to_owned(), made.lab_yaml)];
    texts.extend(made.files);
    for (name, text) in texts {
        let path = folder.join(&name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    write_schema(&args.dir)?;
    app.ui.data(&format!("{}\n", folder.display()));
    app.ui.hint(format!(
        "fill it in, then `kubectl kubsets lab lint {0}` and `kubectl kubsets lab run {1} --labs-dir {2}`",
        folder.display(),
        lab,
        args.dir.display()
    ));
    Ok(ExitCode::Success)
}

/// The name with its family; one of another family is refused.
fn full_name(family: Option<&str>, lab: &str) -> anyhow::Result<String> {
    match (family, lab.split_once('/')) {
        (Some(family), None) => Ok(format!("{family}/{lab}")),
        (Some(family), Some((other, _))) if other != family => {
            Err(Failure::usage(format!("{lab} is no {family} lab"))
                .with_hint(format!("`kubectl kubsets lab new {lab}` makes a lab of any family"))
                .into())
        }
        _ => Ok(lab.to_owned()),
    }
}

/// Writes the schema that the first line of every lab leads editors to.
fn write_schema(labs: &Path) -> anyhow::Result<()> {
    let path = labs.join(schema::PATH);
    let text = schema::schema();
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}
