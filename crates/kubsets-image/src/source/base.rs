//! The lowest layer of every image: users, name service order, certificates, `/tmp`.

use std::{fs, path::Path};

use super::{Files, SourceError};
use crate::digest;

/// Where Debian's package ca-certificates keeps one file per authority.
const AUTHORITIES: &str = "/usr/share/ca-certificates/mozilla";
/// The bundle of other distributions, used when the folder above is not there.
const BUNDLES: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

const PASSWD: &str = "root:x:0:0:root:/root:/usr/sbin/nologin\n\
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
    kubsets:x:65532:65532:kubsets:/tmp:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\nkubsets:x:65532:\n";

/// The hash of everything that decides the content of the base layer.
pub(crate) fn base_key(ca_certificates: bool) -> Result<String, SourceError> {
    let certificates = if ca_certificates { Some(certificates()?) } else { None };
    Ok(digest::of_key(&("base-1", PASSWD, GROUP, certificates)))
}

/// The files of the base layer.
pub(crate) fn base_layer(ca_certificates: bool) -> Result<Files, SourceError> {
    let mut files = Files::default();
    files.tree.text("etc/passwd", PASSWD);
    files.tree.text("etc/group", GROUP);
    files.tree.text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
    files.tree.folder("tmp", 0o1777);
    if ca_certificates {
        files.tree.text("etc/ssl/certs/ca-certificates.crt", certificates()?);
    }
    Ok(files)
}

/// The public authorities only: certificates that were added to this host stay on this host.
fn certificates() -> Result<String, SourceError> {
    let folder = Path::new(AUTHORITIES);
    if !folder.is_dir() {
        let Some(bundle) = BUNDLES.map(Path::new).into_iter().find(|bundle| bundle.is_file()) else {
            return Err(SourceError::Absent(
                "no certificates on this host; hack/native-prerequisites.sh installs them".to_owned(),
            ));
        };
        return fs::read_to_string(bundle).map_err(SourceError::at(bundle));
    }
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
        })
        .map_err(SourceError::at(folder))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "crt"));
    paths.sort();
    let mut bundle = String::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(SourceError::at(&path))?;
        bundle.push_str(text.trim_end());
        bundle.push('\n');
    }
    Ok(bundle)
}
