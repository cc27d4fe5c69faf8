//! Name, place in the catalogue, question, needs.

use super::{Linter, Severity, names};
use crate::error::Place;
use crate::model::Requirement;
use crate::schema;

impl Linter<'_> {
    pub(super) fn metadata(&mut self) {
        let lab = &self.document.lab;
        let metadata = &lab.metadata;
        for (field, name) in [("metadata.name", &metadata.name), ("metadata.family", &metadata.family)] {
            self.require(names::is_dns_label(name), field, || {
                format!("{name:?} is no name, use lower-case letters, digits and hyphens, at most 63")
            });
        }
        let level = metadata.level;
        self.require((1..=3).contains(&level), "metadata.level", || {
            format!("{level} is no level from 1 to 3")
        });
        let minutes = metadata.minutes;
        self.require((1..=60).contains(&minutes), "metadata.minutes", || {
            format!("{minutes} is not from 1 to 60")
        });
        let question = lab.spec.question.trim();
        self.require(question.ends_with('?') && question.len() > 1, "spec.question", || {
            format!("{question:?} does not end with a question mark")
        });
        self.require(lab.full_name().len() <= 63, "metadata.name", || {
            "family and name have more than 62 characters together, a label cannot hold them".to_owned()
        });
        for (index, need) in lab.spec.requires.iter().enumerate() {
            let field = format!("spec.requires[{index}]");
            self.need(&field, need);
        }
        if self.in_folder {
            self.folder();
        }
    }

    fn need(&mut self, field: &str, need: &Requirement) {
        match need {
            Requirement::Api(api) => {
                let version = api.rsplit('/').next().unwrap_or(api);
                let is_version = version
                    .strip_prefix('v')
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
                self.require(is_version && api.matches('/').count() <= 1, &format!("{field}.api"), || {
                    format!("{api:?} is no group and version, write for example gateway.networking.k8s.io/v1")
                });
            }
            Requirement::Deployment(name) | Requirement::StatefulSet(name) => {
                self.require(names::is_dns_label(name), field, || {
                    format!("{name:?} is no name of an object")
                });
            }
            Requirement::Nodes(count) => {
                self.require((1..=20).contains(count), field, || {
                    format!("{count} nodes are not from 1 to 20")
                });
            }
            Requirement::Component(_) | Requirement::DefaultStorageClass {} => {}
        }
    }

    /// The folder around the file.
    fn folder(&mut self) {
        let metadata = &self.document.lab.metadata;
        let (family, name) = self.source.folder.split_once('/').unwrap_or(("", self.source.folder.as_str()));
        for (field, named, folder) in
            [("metadata.family", &metadata.family, family), ("metadata.name", &metadata.name, name)]
        {
            self.require(named == folder, field, || {
                format!("{named:?} is not the name of its folder, {folder:?}")
            });
        }
        if !self.source.files.contains_key("README.md") {
            self.add(Severity::Error, None, "", "there is no README.md beside it".to_owned());
        }
        if self.source.lab_yaml.lines().next() != Some(schema::FIRST_LINE) {
            let message =
                format!("the first line is not `{}`, by which editors find the schema", schema::FIRST_LINE);
            self.add(Severity::Warning, Some(Place::START), "", message);
        }
    }
}
