//! Jars from a Maven repository.

use std::{env, path::Path, time::Duration};

use super::{Context, Files, Part, SourceError};
use crate::{
    command::{self, CommandError, command},
    digest,
    progress::{Sink, Stage},
    recipe::{JarArtifact, MavenLayer},
    tree::Content,
};

/// Another repository with the same content can be named by `KUBSETS_MAVEN_REPOSITORY`.
const REPOSITORY: &str = "https://repo1.maven.org/maven2";

pub(super) fn files(layer: &MavenLayer, context: &Context<'_>, sink: Sink<'_>) -> Result<Files, SourceError> {
    let count = layer.artifacts.len();
    let estimate = Duration::from_millis(400 * count as u64);
    let mut stage = Stage::start(sink, context.subject, format!("download {count} jars"), estimate);
    let mut files = Files::default();
    for jar in &layer.artifacts {
        let path = jar.path().expect("recipes are checked before they are built");
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        let folder = context.cache.entry("jars", &jar.sha256, &mut |_| {}, |folder, _| {
            if context.inputs.offline {
                return Err(SourceError::Offline(jar.coordinates.clone()));
            }
            download(&path, jar, &folder.join("jar"))
        })?;
        stage.tick();
        files.tree.file(&format!("{}/{name}", layer.to), 0o644, Content::Path(folder.join("jar")));
        files.parts.push(part(jar));
    }
    stage.finish();
    Ok(files)
}

fn download(path: &str, jar: &JarArtifact, to: &Path) -> Result<(), SourceError> {
    let repository = env::var("KUBSETS_MAVEN_REPOSITORY").unwrap_or_else(|_| REPOSITORY.to_owned());
    let url = format!("{}/{path}", repository.trim_end_matches('/'));
    let mut curl = command("curl");
    curl.args(["--fail", "--silent", "--show-error", "--location", "--retry", "3", "--output"])
        .arg(to)
        .arg(&url);
    match command::output(&mut curl) {
        Ok(_) => {}
        Err(CommandError::Missing { .. }) => {
            command::output(command("wget").arg("--quiet").arg("--output-document").arg(to).arg(&url))?;
        }
        Err(error) => return Err(error.into()),
    }
    let found = digest::of_file(to).map_err(SourceError::at(to))?;
    if found == jar.sha256 {
        return Ok(());
    }
    Err(SourceError::Checksum { name: jar.coordinates.clone(), found, expected: jar.sha256.clone() })
}

fn part(jar: &JarArtifact) -> Part {
    let mut fields = jar.coordinates.split(':');
    let mut next = || fields.next().unwrap_or_default();
    let (group, name, version) = (next(), next(), next());
    Part {
        name: format!("{group}:{name}"),
        version: version.to_owned(),
        purl: format!("pkg:maven/{group}/{name}@{version}"),
        sha256: Some(jar.sha256.clone()),
    }
}
