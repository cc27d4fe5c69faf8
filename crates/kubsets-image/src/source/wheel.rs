//! One file of a Python wheel.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Context, Files, Part, SourceError};
use crate::{
    command::{self, command},
    digest, elf,
    progress::{Expected, Sink},
    recipe::WheelLayer,
    tree::Content,
    zip,
};

/// The stage that brings the wheel.
pub(super) fn expected(wheel: &WheelLayer, subject: &str) -> Expected {
    let name = format!("pip download {}=={}", wheel.package, wheel.version);
    Expected::new(subject, name, Duration::from_secs(4))
}

pub(super) fn files(wheel: &WheelLayer, context: &Context<'_>, sink: Sink<'_>) -> Result<Files, SourceError> {
    let requirement = format!("{}=={}", wheel.package, wheel.version);
    if context.inputs.offline {
        return Err(SourceError::Offline(requirement));
    }
    let mut stage = expected(wheel, context.subject).start(sink);
    let download = context.work.join("wheel");
    let mut pip = command("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"])
        .arg(&download)
        .arg(&requirement);
    command::run(&mut pip, &mut stage)?;
    let archive = only_file(&download)?;
    let found = digest::of_file(&archive).map_err(SourceError::at(&archive))?;
    if found != wheel.sha256 {
        return Err(SourceError::Checksum { name: requirement, found, expected: wheel.sha256.clone() });
    }
    let program = context.work.join("file");
    let mut file = File::create(&program).map_err(SourceError::at(&program))?;
    zip::extract(&archive, &wheel.file, &mut file).map_err(SourceError::at(&archive))?;
    file.flush().map_err(SourceError::at(&program))?;
    // ldd wants to be allowed to run what it looks at
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(SourceError::at(&program))?;
    stage.finish();

    let part = Part {
        name: wheel.package.clone(),
        version: wheel.version.clone(),
        purl: format!("pkg:pypi/{}@{}", wheel.package, wheel.version),
        sha256: Some(wheel.sha256.clone()),
    };
    let mut files = Files { parts: vec![part], ..Files::default() };
    elf::add_libraries(&mut files, &program)?;
    files.tree.file(&wheel.to, 0o755, Content::Path(program));
    Ok(files)
}

fn only_file(folder: &Path) -> Result<PathBuf, SourceError> {
    let mut entries = fs::read_dir(folder).map_err(SourceError::at(folder))?;
    match entries.next() {
        Some(entry) => Ok(entry.map_err(SourceError::at(folder))?.path()),
        None => Err(SourceError::Absent("pip downloaded nothing".to_owned())),
    }
}
