//! The files of Debian packages, extracted by mmdebstrap without running any maintainer script.

use std::{fs::File, path::Path, time::Duration};

use tar::{Archive, EntryType};

use super::{Context, Files, Part, SourceError, glob};
use crate::{
    command::{self, command},
    progress::{Expected, Sink},
    recipe::DebianLayer,
    tree::{Content, Node, Tree, normal},
};

/// Where the hook keeps the names of the package files.
const PACKAGE_LIST: &str = "kubsets-packages";

/// Never part of an image: documentation, translations, integration with an init system, state of apt.
const ALWAYS_PRUNED: [&str; 27] = [
    "dev",
    "proc",
    "sys",
    "run",
    PACKAGE_LIST,
    "etc/apt",
    "etc/cron*",
    "etc/dpkg",
    "etc/fstab",
    "etc/hostname",
    "etc/init.d",
    "etc/logrotate.d",
    "etc/resolv.conf",
    "lib/systemd",
    "usr/lib/systemd",
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/doc-base",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/pixmaps",
    "usr/share/zsh",
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
];

/// Measured on two cores: the time grows with the packages that come along.
pub(super) fn expected(layer: &DebianLayer, subject: &str) -> Expected {
    let large = ["postgresql", "openjdk", "prometheus"];
    let is_large = layer.packages.iter().any(|name| large.iter().any(|large| name.starts_with(large)));
    let usual = Duration::from_secs(if is_large { 12 } else { 4 });
    Expected::new(subject, format!("mmdebstrap {}", layer.packages.join(",")), usual)
}

pub(super) fn files(
    layer: &DebianLayer,
    context: &Context<'_>,
    sink: Sink<'_>,
) -> Result<Files, SourceError> {
    let packages = layer.packages.join(",");
    if context.inputs.offline {
        return Err(SourceError::Offline(format!("the set of Debian packages {packages}")));
    }
    let mut stage = expected(layer, context.subject).start(sink);
    let archive = context.work.join("root.tar");
    let mut run = command("mmdebstrap");
    run.args(["--quiet", "--variant=extract", "--format=tar"])
        .arg(format!("--include={packages}"))
        .arg(format!("--extract-hook=ls -1 \"$1/var/cache/apt/archives\" > \"$1/{PACKAGE_LIST}\""))
        .arg(&layer.suite)
        .arg(&archive);
    command::run(&mut run, &mut stage)?;
    let names = package_files(&archive).map_err(SourceError::at(&archive))?;
    let tree = read(&archive, layer).map_err(SourceError::at(&archive))?;
    stage.finish();
    Ok(Files { tree, parts: names.lines().filter_map(part).collect() })
}

fn package_files(archive: &Path) -> std::io::Result<String> {
    let mut archive = Archive::new(File::open(archive)?);
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        if normal(&String::from_utf8_lossy(&entry.path_bytes())) == PACKAGE_LIST {
            return std::io::read_to_string(entry);
        }
    }
    Ok(String::new())
}

/// `nftables_1.0.6-2+deb12u2_amd64.deb`; a colon of the version is written as `%3a`.
fn part(file: &str) -> Option<Part> {
    let mut fields = file.strip_suffix(".deb")?.split('_');
    let (name, version, architecture) = (fields.next()?, fields.next()?, fields.next()?);
    Some(Part {
        name: name.to_owned(),
        version: version.replace("%3a", ":"),
        purl: format!("pkg:deb/debian/{name}@{version}?arch={architecture}"),
        sha256: None,
    })
}

/// Reads the tar; contents stay in it and are copied when the layer is written.
fn read(archive: &Path, layer: &DebianLayer) -> std::io::Result<Tree> {
    let mut tree = Tree::default();
    for entry in Archive::new(File::open(archive)?).entries_with_seek()? {
        let entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mode = entry.header().mode()? & 0o7777;
        let target = || {
            let target = entry.link_name_bytes().unwrap_or_default();
            String::from_utf8_lossy(&target).into_owned()
        };
        match entry.header().entry_type() {
            EntryType::Directory => tree.folder(&path, mode),
            EntryType::Symlink => tree.insert(&path, Node::Symlink { target: target() }),
            EntryType::Link => tree.insert(&path, Node::Hardlink { target: normal(&target()).to_owned() }),
            EntryType::Regular => {
                let content = Content::Range {
                    path: archive.to_owned(),
                    offset: entry.raw_file_position(),
                    size: entry.size(),
                };
                // programs that change their user have no place in an image that runs as one user
                tree.file(&path, mode & 0o1777, content);
            }
            _ => {}
        }
    }
    let always = ALWAYS_PRUNED.map(str::to_owned);
    tree.retain(|path| {
        let chosen = layer.only.is_empty() || glob::any_covers(&layer.only, path);
        let documentation = path.starts_with("usr/share/doc/") && !path.ends_with("/copyright");
        chosen && !documentation && !glob::any_covers(&always, path) && !glob::any_covers(&layer.prune, path)
    });
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_files_name_their_version() {
        let part = part("conntrack_1%3a1.4.7-1+b2_amd64.deb").unwrap();
        assert_eq!((part.name.as_str(), part.version.as_str()), ("conntrack", "1:1.4.7-1+b2"));
        assert_eq!(part.purl, "pkg:deb/debian/conntrack@1%3a1.4.7-1+b2?arch=amd64");
        assert!(super::part("partial").is_none());
    }

    #[test]
    fn prunes_documentation_and_keeps_licences() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut tree = Tree::default();
        for path in ["usr/bin/a", "usr/share/doc/a/copyright", "usr/share/doc/a/NEWS", "var/lib/dpkg/status"]
        {
            tree.text(path, path);
        }
        tree.insert("usr/bin/b", Node::Hardlink { target: "usr/bin/a".into() });
        tree.write(File::create(file.path()).unwrap()).unwrap();
        let mut layer = DebianLayer {
            suite: "bookworm".into(),
            packages: vec!["a".into()],
            prune: vec!["usr/bin/a".into()],
            only: Vec::new(),
        };
        let tree = read(file.path(), &layer).unwrap();
        let found = |path| tree.contains(path);
        assert!(found("usr/bin/b") && found("usr/share/doc/a/copyright"));
        assert!(!found("usr/bin/a") && !found("usr/share/doc/a/NEWS") && !found("var/lib/dpkg/status"));
        let mut bytes = Vec::new();
        tree.write(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.contains("usr/bin/b"), "the link has become the file");

        layer.only = vec!["usr/share/doc".into()];
        assert!(!read(file.path(), &layer).unwrap().contains("usr/bin/b"));
    }
}
