//! The files of one layer, and their tar form that is the same for the same files.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use tar::{Builder, EntryType, Header};

/// Modification time of every entry: the epoch, in seconds.
const MTIME: u64 = 0;

/// Files by their path without a leading slash. Owner and group are always root.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<String, Node>,
}

/// One entry of a tree.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Folder { mode: u32 },
    File { mode: u32, content: Content },
    Symlink { target: String },
    Hardlink { target: String },
}

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Path(PathBuf),
    /// A part of a larger file, for example of a tar.
    Range {
        path: PathBuf,
        offset: u64,
        size: u64,
    },
}

/// Removes leading `./` and `/` and trailing `/`.
pub(crate) fn normal(path: &str) -> &str {
    path.trim_start_matches("./").trim_matches('/')
}

impl Tree {
    /// Puts a node at a path; what was there before is replaced. Parent folders are added when written.
    pub(crate) fn insert(&mut self, path: &str, node: Node) {
        let path = normal(path);
        if !path.is_empty() && path != "." {
            self.nodes.insert(path.to_owned(), node);
        }
    }

    pub(crate) fn folder(&mut self, path: &str, mode: u32) {
        self.insert(path, Node::Folder { mode });
    }

    pub(crate) fn file(&mut self, path: &str, mode: u32, content: Content) {
        self.insert(path, Node::File { mode, content });
    }

    pub(crate) fn text(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.file(path, 0o644, Content::Bytes(content.into()));
    }

    /// The files whose content is in memory.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.nodes.iter().filter_map(|(path, node)| match node {
            Node::File { content: Content::Bytes(bytes), .. } => Some((path.as_str(), bytes.as_slice())),
            _ => None,
        })
    }

    #[cfg(test)]
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.nodes.contains_key(normal(path))
    }

    /// Leaves out paths. A hard link whose target was left out becomes the file.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        let all = self.nodes.clone();
        self.nodes.retain(|path, _| keep(path));
        let broken: Vec<(String, String)> = self
            .nodes
            .iter()
            .filter_map(|(path, node)| match node {
                Node::Hardlink { target } if !self.nodes.contains_key(target) => {
                    Some((path.clone(), target.clone()))
                }
                _ => None,
            })
            .collect();
        for (path, target) in broken {
            if let Some(node) = all.get(&target) {
                self.nodes.insert(path, node.clone());
            }
        }
    }

    /// Writes the tree as a tar: folders and files sorted by path, then hard links.
    pub(crate) fn write(&self, out: impl Write) -> io::Result<()> {
        let mut tar = Builder::new(out);
        for (path, node) in &self.with_parents() {
            if !matches!(node, Node::Hardlink { .. }) {
                append(&mut tar, path, node)?;
            }
        }
        for (path, node) in &self.nodes {
            if matches!(node, Node::Hardlink { .. }) {
                append(&mut tar, path, node)?;
            }
        }
        tar.into_inner()?.flush()
    }

    fn with_parents(&self) -> BTreeMap<String, Node> {
        let mut nodes = self.nodes.clone();
        for path in self.nodes.keys() {
            for (at, _) in path.match_indices('/') {
                nodes.entry(path[..at].to_owned()).or_insert(Node::Folder { mode: 0o755 });
            }
        }
        nodes
    }
}

fn append(tar: &mut Builder<impl Write>, path: &str, node: &Node) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mtime(MTIME);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    match node {
        Node::Folder { mode } => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(*mode);
            tar.append_data(&mut header, format!("{path}/"), io::empty())
        }
        Node::Symlink { target } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            tar.append_link(&mut header, path, target)
        }
        Node::Hardlink { target } => {
            header.set_entry_type(EntryType::Link);
            header.set_mode(0o644);
            tar.append_link(&mut header, path, target)
        }
        Node::File { mode, content } => {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(*mode);
            match content {
                Content::Bytes(bytes) => append_file(tar, header, path, bytes.len() as u64, bytes.as_slice()),
                Content::Path(from) => {
                    let file = open(from)?;
                    let size = file.metadata()?.len();
                    append_file(tar, header, path, size, file)
                }
                Content::Range { path: from, offset, size } => {
                    let mut file = open(from)?;
                    file.seek(SeekFrom::Start(*offset))?;
                    append_file(tar, header, path, *size, file)
                }
            }
        }
    }
}

fn append_file(
    tar: &mut Builder<impl Write>,
    mut header: Header,
    path: &str,
    size: u64,
    content: impl Read,
) -> io::Result<()> {
    header.set_size(size);
    tar.append_data(&mut header, path, content.take(size))
}

/// The error names the file, which the system's own does not.
fn open(path: &Path) -> io::Result<File> {
    File::open(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bytes: &[u8]) -> Vec<(String, EntryType)> {
        tar::Archive::new(bytes)
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                assert_eq!((entry.header().mtime().unwrap(), entry.header().uid().unwrap()), (0, 0));
                (entry.path().unwrap().display().to_string(), entry.header().entry_type())
            })
            .collect()
    }

    #[test]
    fn same_files_give_the_same_bytes_whatever_their_order() {
        let long = format!("deep/{}/file", "x".repeat(200));
        let build = |order: &[&str]| {
            let mut tree = Tree::default();
            for path in order {
                tree.text(path, "content");
            }
            let mut bytes = Vec::new();
            tree.write(&mut bytes).unwrap();
            bytes
        };
        let one = build(&["/b/c", "./a", &long]);
        assert!(one == build(&[&long, "a", "b/c"]), "the order of insertion must not matter");
        let paths: Vec<String> = names(&one).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a", "b/", "b/c", "deep/", &format!("deep/{}/", "x".repeat(200)), &long]);
    }

    #[test]
    fn links_come_after_their_targets_and_survive_pruning() {
        let mut tree = Tree::default();
        tree.insert("a", Node::Hardlink { target: "z".into() });
        tree.text("z", "content");
        let mut bytes = Vec::new();
        tree.write(&mut bytes).unwrap();
        assert_eq!(names(&bytes), [("z".into(), EntryType::Regular), ("a".into(), EntryType::Link)]);

        tree.retain(|path| path != "z");
        let mut bytes = Vec::new();
        tree.write(&mut bytes).unwrap();
        assert_eq!(names(&bytes), [("a".into(), EntryType::Regular)]);
    }
}
