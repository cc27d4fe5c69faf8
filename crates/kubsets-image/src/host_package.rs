//! The package of this host that a file is from.

use std::{fs, path::Path};

use crate::{
    command::{CommandError, command, output},
    digest,
    source::{Part, SourceError},
};

/// The package of a file; the file itself where no package manager of Debian's kind knows it.
pub(crate) fn of(file: &Path) -> Result<Part, SourceError> {
    match owner(file) {
        Ok(Some(part)) => Ok(part),
        Ok(None) | Err(CommandError::Missing { .. }) => alone(file),
        Err(error) => Err(error.into()),
    }
}

fn owner(file: &Path) -> Result<Option<Part>, CommandError> {
    // where /lib is a link to /usr/lib, a package may list either path
    let merged = Path::new("/usr").join(file.strip_prefix("/").unwrap_or(file));
    for path in [file, &merged] {
        let found = match output(command("dpkg-query").arg("--search").arg(path)) {
            Ok(found) => found,
            Err(CommandError::Failed { .. }) => continue,
            Err(error) => return Err(error),
        };
        let Some(package) = owning(&found) else { continue };
        let format = "--showformat=${Package}\t${Version}\t${Architecture}";
        let shown = output(command("dpkg-query").args(["--show", format, package]))?;
        return Ok(part(&shown, &distribution()));
    }
    Ok(None)
}

/// `libc6:amd64: /lib/x86_64-linux-gnu/libc.so.6`; lines on diversions name no package.
fn owning(found: &str) -> Option<&str> {
    let line = found.lines().find(|line| !line.starts_with("diversion by "))?;
    let (packages, _) = line.split_once(": ")?;
    packages.split(", ").next()
}

fn part(shown: &str, distribution: &str) -> Option<Part> {
    let mut fields = shown.split('\t');
    let (name, version, architecture) = (fields.next()?, fields.next()?, fields.next()?);
    let quoted = version.replace(':', "%3a");
    Some(Part {
        name: name.to_owned(),
        version: version.to_owned(),
        purl: format!("pkg:deb/{distribution}/{name}@{quoted}?arch={architecture}"),
        sha256: None,
    })
}

/// `debian`, `ubuntu`, …
fn distribution() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let id = release.lines().find_map(|line| line.strip_prefix("ID="));
    id.map_or_else(|| "debian".to_owned(), |id| id.trim_matches('"').to_owned())
}

fn alone(file: &Path) -> Result<Part, SourceError> {
    let sha256 = digest::of_file(file).map_err(SourceError::at(file))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Part {
        purl: format!("pkg:generic/{name}?checksum=sha256:{sha256}"),
        name,
        version: "NOASSERTION".to_owned(),
        sha256: Some(sha256),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_dpkg_prints() {
        let found = "diversion by a from: /lib/x\nlibc6:amd64, libc6:i386: /lib/x86_64-linux-gnu/libc.so.6\n";
        assert_eq!(owning(found), Some("libc6:amd64"));
        assert_eq!(owning(""), None);
        let part = part("conntrack\t1:1.4.7-1+b2\tamd64", "debian").unwrap();
        assert_eq!((part.name.as_str(), part.version.as_str()), ("conntrack", "1:1.4.7-1+b2"));
        assert_eq!(part.purl, "pkg:deb/debian/conntrack@1%3a1.4.7-1+b2?arch=amd64");
    }

    #[test]
    fn a_file_of_no_package_is_named_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libown.so.1");
        fs::write(&file, "x").unwrap();
        let part = of(&file).unwrap();
        let sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        assert_eq!((part.name.as_str(), part.sha256.as_deref()), ("libown.so.1", Some(sha256)));
        assert_eq!(part.purl, format!("pkg:generic/libown.so.1?checksum=sha256:{sha256}"));
    }
}
