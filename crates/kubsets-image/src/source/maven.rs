//! Jars by Maven, from the repository that its settings name.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use super::{Context, Files, Part, SourceError};
use crate::{
    cache::Cache,
    command::{self, command},
    digest,
    progress::{Expected, Sink, Stage},
    recipe::{JarArtifact, MavenLayer},
    tree::Content,
};

/// Kind of the cache's entries.
const KIND: &str = "jars";
/// The goal that copies the dependencies of a project into a folder.
const GOAL: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// The jars that the cache does not have.
fn missing<'a>(layer: &'a MavenLayer, cache: &Cache) -> Vec<&'a JarArtifact> {
    layer.artifacts.iter().filter(|jar| !cache.has(KIND, &jar.sha256)).collect()
}

/// The stage that brings the missing jars, where there are any.
pub(super) fn expected(layer: &MavenLayer, subject: &str, cache: &Cache) -> Option<Expected> {
    let count = missing(layer, cache).len();
    let usual = Duration::from_millis(3000 + 150 * count as u64);
    (count > 0).then(|| Expected::new(subject, format!("mvn: {count} jars"), usual))
}

pub(super) fn files(layer: &MavenLayer, context: &Context<'_>, sink: Sink<'_>) -> Result<Files, SourceError> {
    let missing = missing(layer, context.cache);
    if let (Some(first), Some(stage)) = (missing.first(), expected(layer, context.subject, context.cache)) {
        if context.inputs.offline {
            return Err(SourceError::Offline(first.coordinates.clone()));
        }
        let mut stage = stage.start(sink);
        let repository = download(&missing, &context.work.join("maven"), &mut stage)?;
        stage.finish();
        for jar in missing {
            keep(jar, &repository, context)?;
        }
    }
    let mut files = Files::default();
    for jar in &layer.artifacts {
        let path = path(jar);
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        let jar_file = context.cache.path(KIND, &jar.sha256).join("jar");
        files.tree.file(&format!("{}/{name}", layer.to), 0o644, Content::Path(jar_file));
        files.parts.push(part(jar));
    }
    Ok(files)
}

fn path(jar: &JarArtifact) -> String {
    jar.path().expect("recipes are checked before they are built")
}

/// Lets Maven fetch the jars, without what they depend on, into a folder in the repository layout.
fn download(
    jars: &[&JarArtifact],
    work: &Path,
    stage: &mut Stage<'_>,
) -> Result<std::path::PathBuf, SourceError> {
    fs::create_dir_all(work).map_err(SourceError::at(work))?;
    let project = work.join("pom.xml");
    fs::write(&project, pom(jars)).map_err(SourceError::at(&project))?;
    let repository = work.join("jars");
    let mut output = std::ffi::OsString::from("-DoutputDirectory=");
    output.push(&repository);
    let mut mvn = command("mvn");
    mvn.args(["--batch-mode", "--no-transfer-progress", "--file"])
        .arg(&project)
        .args([GOAL, "-Dmdep.useRepositoryLayout=true"])
        .arg(output);
    command::run(&mut mvn, stage)?;
    Ok(repository)
}

/// A project that depends on the jars and on nothing else.
fn pom(jars: &[&JarArtifact]) -> String {
    let mut text = String::from(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n<modelVersion>4.0.0</modelVersion>\n\
         <groupId>dev.kubsets</groupId><artifactId>jars</artifactId><version>1</version>\
         <packaging>pom</packaging>\n<dependencies>\n",
    );
    for jar in jars {
        text.push_str("<dependency>");
        let names = ["groupId", "artifactId", "version", "classifier"];
        for (name, value) in names.iter().zip(jar.coordinates.split(':')) {
            let _ = write!(text, "<{name}>{value}</{name}>");
        }
        text.push_str(
            "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>\
             </dependency>\n",
        );
    }
    text.push_str("</dependencies>\n</project>\n");
    text
}

/// Moves a jar into the cache, if it is the one that the recipe means.
fn keep(jar: &JarArtifact, repository: &Path, context: &Context<'_>) -> Result<(), SourceError> {
    let fetched = repository.join(path(jar));
    let found = digest::of_file(&fetched).map_err(SourceError::at(&fetched))?;
    if found != jar.sha256 {
        return Err(SourceError::Checksum {
            name: jar.coordinates.clone(),
            found,
            expected: jar.sha256.clone(),
        });
    }
    context.cache.entry(KIND, &jar.sha256, &mut |_| {}, |folder, _| {
        let to = folder.join("jar");
        fs::copy(&fetched, &to).map(|_| ()).map_err(SourceError::at(&to))
    })?;
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_asks_for_the_jars_alone() {
        let jar = |coordinates: &str| JarArtifact { coordinates: coordinates.into(), sha256: String::new() };
        let (plain, classified) = (jar("a.b:c:1"), jar("d:e_2.13:2.0:linux"));
        let text = pom(&[&plain, &classified]);
        assert!(
            text.contains("<groupId>a.b</groupId><artifactId>c</artifactId><version>1</version><exclusions>")
        );
        assert!(text.contains("<version>2.0</version><classifier>linux</classifier><exclusions>"));
        assert_eq!(text.matches("<dependency>").count(), 2);
    }
}
