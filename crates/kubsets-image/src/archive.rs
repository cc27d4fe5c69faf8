//! Archives of images, by whomever they were written.

use std::fs::File;
use std::io;
use std::path::Path;

use serde::Deserialize;

/// An image in Docker's `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    /// `null` where it was saved without a name.
    repo_tags: Option<Vec<String>>,
}

/// Names of the images in an archive as `docker save` writes it; none where it has no such list.
///
/// # Errors
/// When it cannot be read.
pub fn names_in(archive: &Path) -> io::Result<Vec<String>> {
    let mut archive = tar::Archive::new(File::open(archive)?);
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        if entry.path()?.as_ref() == Path::new("manifest.json") {
            let images: Vec<Entry> = serde_json::from_reader(entry)?;
            return Ok(images.into_iter().flat_map(|image| image.repo_tags.unwrap_or_default()).collect());
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(file: &str, text: &str) -> tempfile::NamedTempFile {
        let archive = tempfile::NamedTempFile::new().unwrap();
        let mut builder = tar::Builder::new(archive.reopen().unwrap());
        for (name, text) in [("layer.tar", "not JSON"), (file, text)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        builder.finish().unwrap();
        archive
    }

    #[test]
    fn images_of_an_archive_are_named() {
        let list =
            r#"[{"Config":"c","RepoTags":["r/a:1","r/b:1"],"Layers":[]},{"Config":"d","RepoTags":null}]"#;
        assert_eq!(names_in(archive("manifest.json", list).path()).unwrap(), ["r/a:1", "r/b:1"]);
        assert!(names_in(archive("index.json", "{}").path()).unwrap().is_empty());
        assert!(names_in(archive("manifest.json", "{").path()).is_err());
    }
}
