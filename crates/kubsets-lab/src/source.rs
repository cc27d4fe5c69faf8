//! A lab as it lies in its folder: texts, read by somebody else.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::LabError;
use crate::model::Lab;
use crate::outline::Outline;
use crate::parse::{self, Document};
use crate::template::{Resolved, Values};

/// Name of the file in every lab's folder.
pub const LAB_FILE: &str = "lab.yaml";

/// The texts of a lab.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabSource {
    /// Folder below the labs, such as `canary/bad-errors`.
    pub folder: String,
    /// Text of `lab.yaml`.
    pub lab_yaml: String,
    /// Texts of the other files by their path in the folder, such as `manifests/route.yaml`.
    pub files: BTreeMap<String, String>,
}

/// The folder and the path below it that a path such as `canary/bad-errors/manifests/route.yaml` has.
fn split(path: &str) -> Option<(&str, &str)> {
    let family = path.find('/')?;
    let name = path[family + 1..].find('/')? + family + 1;
    Some((&path[..name], &path[name + 1..]))
}

impl LabSource {
    /// All labs among files given by their path below the labs' folder, sorted by folder.
    pub fn all<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Self> {
        let mut labs: BTreeMap<String, Self> = BTreeMap::new();
        for (path, text) in files {
            let Some((folder, file)) = split(path) else { continue };
            let lab = labs.entry(folder.to_owned()).or_default();
            if file == LAB_FILE {
                text.clone_into(&mut lab.lab_yaml);
            } else {
                lab.files.insert(file.to_owned(), text.to_owned());
            }
        }
        let with_folder = |(folder, lab): (String, Self)| Self { folder, ..lab };
        labs.into_iter().map(with_folder).filter(|lab| !lab.lab_yaml.is_empty()).collect()
    }

    /// Reads the lab with values for its parameters.
    ///
    /// # Errors
    /// [`LabError`] with the place of what is wrong.
    pub fn parse(&self, values: &Values) -> Result<Lab, LabError> {
        parse::parse(&self.lab_yaml, values)
    }

    /// Reads the lab together with the places of its fields.
    pub(crate) fn document(&self, values: &Values) -> Result<Document, LabError> {
        parse::document(&self.lab_yaml, values)
    }

    /// The objects in a file of the lab, with values in the place of its references.
    pub(crate) fn objects(&self, file: &str, resolved: &Resolved) -> Option<Result<Vec<Value>, LabError>> {
        let text = self.files.get(file)?;
        let objects = objects(text, resolved);
        Some(objects.map_err(|source| LabError::File { file: file.to_owned(), source: Box::new(source) }))
    }
}

/// The documents of a text; empty ones are left out.
fn objects(text: &str, resolved: &Resolved) -> Result<Vec<Value>, LabError> {
    parse::limit(text)?;
    let filled = resolved.fill(text)?;
    Outline::documents(&filled)?;
    let read: Result<Vec<Value>, _> = serde_saphyr::from_multiple(&filled);
    let objects = read.map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line() as usize, at.column() as usize));
        let message = error.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default().to_owned();
        LabError::Yaml { place: crate::error::Place { line, column }, message }
    })?;
    Ok(objects.into_iter().filter(|object| !object.is_null()).collect())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;

    use super::*;

    #[test]
    fn files_are_sorted_into_labs() {
        let files = [
            ("CATALOG.md", "x"),
            ("_schema/lab.v1alpha1.json", "{}"),
            ("chaos/pod-kill/lab.yaml", "b"),
            ("canary/good/lab.yaml", "a"),
            ("canary/good/manifests/route.yaml", "r"),
            ("canary/empty/README.md", "no lab"),
        ];
        let labs = LabSource::all(files);
        let folders: Vec<&str> = labs.iter().map(|lab| lab.folder.as_str()).collect();
        assert_eq!(folders, ["canary/good", "chaos/pod-kill"]);
        assert_eq!(labs[0].files["manifests/route.yaml"], "r");
        assert_eq!((labs[0].lab_yaml.as_str(), labs[1].lab_yaml.as_str()), ("a", "b"));
    }

    #[test]
    fn files_have_parameters_too() {
        let params = serde_json::json!({"n": {"type": "number", "default": "2", "about": "x"}});
        let params = BTreeMap::deserialize(params).unwrap();
        let resolved = Resolved::new(&params, &Values::new()).unwrap();
        let files = [("m.yaml".to_owned(), "a: ${n}\n---\n---\nb: '${n}x'\n".to_owned())];
        let source = LabSource { files: files.into(), ..LabSource::default() };
        let objects = source.objects("m.yaml", &resolved).unwrap().unwrap();
        assert_eq!(objects, [serde_json::json!({"a": 2}), serde_json::json!({"b": "2x"})]);
        assert!(source.objects("other.yaml", &resolved).is_none());
    }
}
