//! Where each field of a YAML text stands.
//!
//! The typed model has no places. The outline has nothing but places: findings about a field look it
//! up here, and a text that was filled with parameters must have the outline that it had before.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::error::{LabError, Place};

/// Nesting that is followed; deeper nodes have the place of their ancestor.
const DEEPEST: usize = 48;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A mapping with its keys in order.
    Mapping(Vec<String>),
    /// A sequence and its length.
    Sequence(usize),
    /// A scalar.
    Scalar {
        /// Its value.
        text: String,
        /// Characters between the place and the first character of the value; `None` for blocks.
        lead: Option<usize>,
    },
    /// A reference to an anchor.
    Alias,
}

/// A node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Place of the key, or of the dash of a list; that of the value at the root.
    pub(crate) key: Place,
    /// Place of the value.
    pub(crate) value: Place,
    /// What it is.
    pub(crate) kind: Kind,
}

/// The fields of one document.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outline {
    nodes: BTreeMap<String, Node>,
}

/// A collection that is being read.
struct Open {
    path: String,
    /// Whether a key is next, for a mapping.
    key: Option<(String, Place)>,
    is_mapping: bool,
    count: usize,
}

impl Outline {
    /// Reads every document of a text.
    ///
    /// # Errors
    /// [`LabError::Yaml`] when it is no YAML.
    pub(crate) fn documents(text: &str) -> Result<Vec<Self>, LabError> {
        let mut documents = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                let message = error.kind().to_string();
                let marker = error.marker();
                LabError::Yaml { place: Place { line: marker.line(), column: marker.col() + 1 }, message }
            })?;
            let place = place_of(span);
            match event {
                Event::DocumentStart(..) => documents.push(Self::default()),
                Event::MappingEnd | Event::SequenceEnd => {
                    open.pop();
                }
                Event::Scalar(text, style, ..) => {
                    let lead = match style {
                        ScalarStyle::Plain => Some(0),
                        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Some(1),
                        _ => None,
                    };
                    let kind = Kind::Scalar { text: text.into_owned(), lead };
                    add(&mut documents, &mut open, place, kind);
                }
                Event::Alias(_) | Event::UnresolvedAlias(_) => {
                    add(&mut documents, &mut open, place, Kind::Alias);
                }
                Event::MappingStart(..) => {
                    let path = add(&mut documents, &mut open, place, Kind::Mapping(Vec::new()));
                    open.push(Open { path, key: None, is_mapping: true, count: 0 });
                }
                Event::SequenceStart(..) => {
                    let path = add(&mut documents, &mut open, place, Kind::Sequence(0));
                    open.push(Open { path, key: None, is_mapping: false, count: 0 });
                }
                _ => {}
            }
        }
        Ok(documents)
    }

    /// Reads a text of one document.
    ///
    /// # Errors
    /// [`LabError::Yaml`] when it is no YAML, [`LabError::Field`] for several documents.
    pub(crate) fn read(text: &str) -> Result<Self, LabError> {
        let mut documents = Self::documents(text)?;
        match documents.len() {
            0 => Ok(Self::default()),
            1 => Ok(documents.remove(0)),
            several => Err(LabError::Field {
                place: documents[1].nodes.get("").map_or(Place::START, |node| node.value),
                field: "file".into(),
                message: format!("{several} documents, a lab is one"),
            }),
        }
    }

    /// The node at a path such as `spec.steps[0].name`.
    pub(crate) fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Place of a field's value, or of the nearest field around it.
    pub(crate) fn place(&self, path: &str) -> Place {
        self.nearest(path)
            .map_or(Place::START, |(found, node)| if found == path { node.value } else { node.key })
    }

    /// Place of a field's key, or of the nearest field around it.
    pub(crate) fn key_place(&self, path: &str) -> Place {
        self.nearest(path).map_or(Place::START, |(_, node)| node.key)
    }

    /// The field whose key or value begins at a place, the outermost of them.
    pub(crate) fn field_at(&self, place: Place) -> Option<&str> {
        let here = self.nodes.iter().filter(|(_, node)| node.key == place || node.value == place);
        // A block mapping begins where its first key does: the key is what an error is about.
        here.max_by_key(|(path, node)| (node.key == place, std::cmp::Reverse(path.len())))
            .map(|(path, _)| path.as_str())
    }

    /// Keys of the mapping at a path, in order; none when it is no mapping.
    pub(crate) fn keys(&self, path: &str) -> &[String] {
        match self.nodes.get(path).map(|node| &node.kind) {
            Some(Kind::Mapping(keys)) => keys,
            _ => &[],
        }
    }

    /// Length of the sequence at a path; 0 when it is no sequence.
    pub(crate) fn length(&self, path: &str) -> usize {
        match self.nodes.get(path).map(|node| &node.kind) {
            Some(Kind::Sequence(length)) => *length,
            _ => 0,
        }
    }

    /// The scalar at a path.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        match self.nodes.get(path).map(|node| &node.kind) {
            Some(Kind::Scalar { text, .. }) => Some(text),
            _ => None,
        }
    }

    /// The first path at which two outlines differ in anything but the text of scalars.
    pub(crate) fn differs_from(&self, other: &Self) -> Option<&str> {
        let same = |one: &Kind, two: &Kind| match (one, two) {
            (Kind::Scalar { .. }, Kind::Scalar { .. }) => true,
            (one, two) => one == two,
        };
        let missing = other.nodes.keys().find(|path| !self.nodes.contains_key(*path));
        let changed = self
            .nodes
            .iter()
            .find(|(path, node)| other.nodes.get(*path).is_none_or(|before| !same(&node.kind, &before.kind)));
        changed.map(|(path, _)| path.as_str()).or_else(|| missing.map(|_| ""))
    }

    fn nearest(&self, path: &str) -> Option<(&str, &Node)> {
        let mut path = path;
        loop {
            if let Some((found, node)) = self.nodes.get_key_value(path) {
                return Some((found, node));
            }
            if path.is_empty() {
                return None;
            }
            path = path.rfind(['.', '[']).map_or("", |end| &path[..end]);
        }
    }
}

fn place_of(span: Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

/// Adds a node below the innermost open collection and gives its path.
fn add(documents: &mut [Outline], open: &mut [Open], place: Place, kind: Kind) -> String {
    let Some(document) = documents.last_mut() else { return String::new() };
    let too_deep = open.len() > DEEPEST;
    let Some(parent) = open.last_mut() else {
        document.nodes.insert(String::new(), Node { key: place, value: place, kind });
        return String::new();
    };
    if too_deep {
        return parent.path.clone();
    }
    let (path, key) = if parent.is_mapping {
        let Some((name, key)) = parent.key.take() else {
            let name = if let Kind::Scalar { text, .. } = kind { text } else { "?".to_owned() };
            if let Some(Node { kind: Kind::Mapping(keys), .. }) = document.nodes.get_mut(&parent.path) {
                keys.push(name.clone());
            }
            parent.key = Some((name, place));
            return parent.path.clone();
        };
        let dot = if parent.path.is_empty() { "" } else { "." };
        (format!("{}{dot}{name}", parent.path), key)
    } else {
        let path = format!("{}[{}]", parent.path, parent.count);
        parent.count += 1;
        if let Some(Node { kind: Kind::Sequence(length), .. }) = document.nodes.get_mut(&parent.path) {
            *length = parent.count;
        }
        (path, place)
    };
    document.nodes.insert(path.clone(), Node { key, value: place, kind });
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
metadata: {name: x, level: 2}
steps:
  - name: one
    load:
      rate: '5'
  - that: |
      a == 1
";

    #[test]
    fn fields_have_places() {
        let outline = Outline::read(TEXT).unwrap();
        let place = |path: &str| {
            let place = outline.place(path);
            (place.line, place.column)
        };
        assert_eq!(place("metadata.level"), (1, 28));
        assert_eq!(place("steps[0].load.rate"), (5, 13));
        assert_eq!(outline.key_place("steps[0].load.rate"), Place { line: 5, column: 7 });
        assert_eq!(outline.key_place("steps[1]"), Place { line: 6, column: 5 });
        assert_eq!(outline.keys("steps[0]"), ["name", "load"]);
        assert_eq!((outline.length("steps"), outline.text("metadata.level")), (2, Some("2")));
        assert!(matches!(outline.node("steps[1].that").unwrap().kind, Kind::Scalar { lead: None, .. }));
    }

    #[test]
    fn an_unknown_path_has_the_place_of_what_is_around_it() {
        let outline = Outline::read(TEXT).unwrap();
        assert_eq!(outline.place("steps[0].load.connections"), outline.key_place("steps[0].load"));
        assert_eq!(outline.place("steps[7].name"), outline.key_place("steps"));
        assert_eq!(outline.place("other"), Place::START);
    }

    #[test]
    fn a_place_leads_to_its_field() {
        let outline = Outline::read(TEXT).unwrap();
        assert_eq!(outline.field_at(Place { line: 5, column: 13 }), Some("steps[0].load.rate"));
        assert_eq!(outline.field_at(Place { line: 5, column: 7 }), Some("steps[0].load.rate"));
        assert_eq!(outline.field_at(Place { line: 9, column: 9 }), None);
    }

    #[test]
    fn other_structure_is_noticed_and_other_text_is_not() {
        let outline = |text| Outline::read(text).unwrap();
        assert_eq!(outline("a: [1, x]").differs_from(&outline("a: [2, 'y']")), None);
        assert_eq!(outline("a: [1, b: c]").differs_from(&outline("a: [1, c]")), Some("a[1]"));
        assert!(outline("a: 1").differs_from(&outline("a: 1\nb: 2")).is_some());
    }

    #[test]
    fn several_documents_are_no_lab() {
        let error = Outline::read("a: 1\n---\nb: 2\n").unwrap_err();
        assert_eq!(error.to_string(), "line 3, column 1: file: 2 documents, a lab is one");
        assert_eq!(Outline::documents("a: 1\n---\nb: 2\n").unwrap().len(), 2);
    }
}
