//! Parameters and the matrix.

use super::{Linter, names};
use crate::template::Values;
use crate::variants::MOST_VARIANTS;

impl Linter<'_> {
    pub(super) fn params(&mut self) {
        let spec = &self.document.lab.spec;
        for (name, param) in &spec.params {
            let field = format!("spec.params.{name}");
            self.require(names::is_identifier(name), &field, || {
                format!("{name:?} is no name for a parameter, use letters and digits, a letter first")
            });
            self.require(!param.about.trim().is_empty(), &format!("{field}.about"), || {
                "says nothing, a user reads it beside the name".to_owned()
            });
            if !self.is_used(name) {
                self.warn(
                    &field,
                    format!("the parameter is never used, neither as ${{{name}}} nor as params.{name}"),
                );
            }
        }
        for (name, list) in &spec.matrix {
            let field = format!("spec.matrix.{name}");
            let Some(param) = spec.params.get(name) else {
                self.error(&field, format!("{name:?} is no parameter of this lab"));
                continue;
            };
            self.require(!list.is_empty(), &field, || "the list is empty".to_owned());
            for (index, value) in list.iter().enumerate() {
                if let Err(reason) = param.check(value) {
                    self.error(&format!("{field}[{index}]"), reason);
                }
            }
        }
        if let Err(error) = self.document.lab.variants(&Values::new()) {
            self.error("spec.matrix", format!("{error}: one command runs at most {MOST_VARIANTS} labs"));
        }
    }

    fn is_used(&self, name: &str) -> bool {
        let (reference, path) = (format!("${{{name}}}"), format!("params.{name}"));
        let mut texts = std::iter::once(&self.source.lab_yaml).chain(self.source.files.values());
        texts.any(|text| text.contains(&reference) || text.contains(&path))
    }
}
