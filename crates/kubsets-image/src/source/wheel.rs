//! One file of a Python wheel.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use super::{Files, Part, SourceError};
use crate::{
    cache::Cache,
    command::{self, command},
    digest, elf,
    inputs::Inputs,
    progress::{Sink, Stage, cached},
    recipe::WheelLayer,
    tree::Content,
    zip,
};

pub(super) fn files(
    wheel: &WheelLayer,
    subject: &str,
    inputs: &Inputs,
    cache: &Cache,
    sink: Sink<'_>,
) -> Result<Files, SourceError> {
    let requirement = format!("{}=={}", wheel.package, wheel.version);
    let stage = format!("pip download {requirement}");
    let key = digest::of_key(&("wheel-1", &wheel.sha256, &wheel.file));
    if cache.has("wheels", &key) {
        cached(sink, subject, stage.clone());
    }
    let folder = cache.entry("wheels", &key, sink, |folder, sink| {
        if inputs.offline {
            return Err(SourceError::Offline(requirement.clone()));
        }
        let mut stage = Stage::start(sink, subject, stage, Duration::from_secs(10));
        let download = tempfile::tempdir_in(folder).map_err(SourceError::at(folder))?;
        let mut pip = command("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"])
            .arg(download.path())
            .arg(&requirement);
        command::run(&mut pip, &mut stage)?;
        let archive = only_file(download.path())?;
        let found = digest::of_file(&archive).map_err(SourceError::at(&archive))?;
        if found != wheel.sha256 {
            return Err(SourceError::Checksum {
                name: requirement.clone(),
                found,
                expected: wheel.sha256.clone(),
            });
        }
        let path = folder.join("file");
        let mut file = fs::File::create(&path).map_err(SourceError::at(&path))?;
        zip::extract(&archive, &wheel.file, &mut file).map_err(SourceError::at(&archive))?;
        file.flush().map_err(SourceError::at(&path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(SourceError::at(&path))?;
        stage.finish();
        Ok(())
    })?;
    let program = folder.join("file");
    let part = Part {
        name: wheel.package.clone(),
        version: wheel.version.clone(),
        purl: format!("pkg:pypi/{}@{}", wheel.package, wheel.version),
        sha256: Some(wheel.sha256.clone()),
    };
    let mut files = Files { parts: vec![part], ..Files::default() };
    elf::add_libraries(&mut files.tree, &program)?;
    files.tree.file(&wheel.to, 0o755, Content::Path(program));
    Ok(files)
}

fn only_file(folder: &Path) -> Result<std::path::PathBuf, SourceError> {
    let mut entries = fs::read_dir(folder).map_err(SourceError::at(folder))?;
    match entries.next() {
        Some(entry) => Ok(entry.map_err(SourceError::at(folder))?.path()),
        None => Err(SourceError::Absent("pip downloaded nothing".to_owned())),
    }
}
