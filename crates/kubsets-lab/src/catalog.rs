//! The list of all labs, as a page.

use std::fmt::Write as _;

use crate::error::LabError;
use crate::model::Lab;
use crate::source::LabSource;
use crate::template::Values;

/// Path of the page below the labs' folder.
pub const PATH: &str = "CATALOG.md";

/// The page: a table for each family, labs by level and name.
///
/// # Errors
/// [`LabError::File`] with the first lab that cannot be read.
pub fn catalog(labs: &[LabSource]) -> Result<String, LabError> {
    let read = |source: &LabSource| {
        source.parse(&Values::new()).map_err(|error| {
            let file = format!("{}/{}", source.folder, crate::source::LAB_FILE);
            LabError::File { file, source: Box::new(error) }
        })
    };
    let mut labs: Vec<Lab> = labs.iter().map(read).collect::<Result<_, _>>()?;
    labs.sort_by(|a, b| {
        let key = |lab: &Lab| (lab.metadata.family.clone(), lab.metadata.level, lab.metadata.name.clone());
        key(a).cmp(&key(b))
    });
    let mut text = String::from(
        "# Labs\n\nEach lab asks one question and ends in a verdict. `kubectl kubsets lab show FAMILY/NAME` tells more,\n\
         `kubectl kubsets lab run FAMILY/NAME` runs it. This page is made from the lab files.\n",
    );
    let mut family = "";
    for lab in &labs {
        let metadata = &lab.metadata;
        if metadata.family != family {
            family = &metadata.family;
            let _ = write!(
                text,
                "\n## {family}\n\n| Lab | Question | Level | Minutes | Needs |\n|---|---|---|---|---|\n"
            );
        }
        let needs: Vec<String> = lab.spec.requires.iter().map(ToString::to_string).collect();
        let needs = if needs.is_empty() { "nothing".to_owned() } else { needs.join(", ") };
        let question = lab.spec.question.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        let (name, level, minutes) = (&metadata.name, metadata.level, metadata.minutes);
        let _ = writeln!(
            text,
            "| [{name}]({family}/{name}/README.md) | {question} | {level} | {minutes} | {needs} |"
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(family: &str, name: &str, level: u8) -> LabSource {
        let lab_yaml = format!(
            "apiVersion: kubsets.dev/v1alpha1\nkind: Lab\n\
             metadata: {{name: {name}, family: {family}, level: {level}, minutes: 2}}\n\
             spec: {{question: \"a | b?\", requires: [{{nodes: 2}}, {{component: prometheus}}], steps: [], expect: []}}\n"
        );
        LabSource { folder: format!("{family}/{name}"), lab_yaml, ..LabSource::default() }
    }

    #[test]
    fn families_and_labs_are_in_order() {
        let labs = [source("mesh", "a", 1), source("chaos", "z", 1), source("chaos", "b", 2)];
        let text = catalog(&labs).unwrap();
        let position = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in {text}"));
        assert!(position("## chaos") < position("[z](chaos/z/README.md)"));
        assert!(position("[z](chaos/z") < position("[b](chaos/b"));
        assert!(position("[b](chaos/b") < position("## mesh"));
        assert!(text.contains("| a \\| b? | 1 | 2 | 2 nodes, prometheus |"), "{text}");
    }

    #[test]
    fn a_broken_lab_is_named() {
        let broken = LabSource { folder: "x/y".into(), lab_yaml: "a: 1".into(), ..LabSource::default() };
        assert!(catalog(&[broken]).unwrap_err().to_string().starts_with("x/y/lab.yaml: line 1"));
    }
}
