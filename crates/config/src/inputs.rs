//! What every input file holds, as a digest, to notice changes that no event told of.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::document::Node;
use crate::load::Sources;

/// Most files looked at.
const MAX_FILES: usize = 4_096;
/// Bytes looked at of a file: those of tuples may be as large.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Most levels of folders looked at.
const MAX_LEVELS: usize = 16;

/// The state of files; equal states mean that nothing changed.
pub(crate) type State = [u8; 32];

/// The files and folders that the configuration is read from.
#[derive(Debug)]
pub(crate) struct Inputs {
    files: Vec<PathBuf>,
    trees: Vec<PathBuf>,
    /// Certificates and keys that the documents name.
    named: BTreeSet<PathBuf>,
    /// Files that are too large to be read again and again: size and time of change stand for what
    /// they hold.
    weighed: BTreeSet<PathBuf>,
}

impl Inputs {
    /// The inputs that the main file and the server section name.
    pub(crate) fn of(sources: &Sources, server: &Node) -> Self {
        let path = |section: &str, key: &str| {
            let value = server.get(section).and_then(|section| section.get(key));
            let text = value.and_then(Node::as_str).filter(|text| !text.is_empty());
            text.map(|text| sources.resolve(text))
        };
        let mut files: Vec<_> = sources.file.iter().cloned().collect();
        files.extend(path("rules", "rulesFile"));
        let trees = [
            path("rules", "rulesFolder"),
            path("templates", "templatesFolder"),
        ];
        Self {
            files,
            trees: trees.into_iter().flatten().collect(),
            named: BTreeSet::new(),
            weighed: BTreeSet::new(),
        }
    }

    /// The same with the files that the documents turned out to name.
    pub(crate) fn naming(mut self, named: BTreeSet<PathBuf>) -> Self {
        self.named = named;
        self
    }

    /// The same with files that are known by size and time of change.
    pub(crate) fn weighing(self, weighed: BTreeSet<PathBuf>) -> Self {
        Self { weighed, ..self }
    }

    /// What the documents hold now.
    pub(crate) fn documents(&self) -> State {
        let mut hasher = blake3::Hasher::new();
        for file in &self.files {
            add(&mut hasher, file);
        }
        for tree in &self.trees {
            let mut walk = Walk::default();
            walk.folder(tree, 0);
            walk.files.sort();
            // A folder that is gone is another thing than an empty one.
            hasher.update(&(walk.folders.len() as u64).to_be_bytes());
            hasher.update(&(walk.files.len() as u64).to_be_bytes());
            walk.files.iter().for_each(|file| add(&mut hasher, file));
        }
        *hasher.finalize().as_bytes()
    }

    /// What the files that documents name hold now.
    pub(crate) fn named(&self) -> State {
        let mut hasher = blake3::Hasher::new();
        for file in &self.named {
            add(&mut hasher, file);
        }
        for file in &self.weighed {
            weigh(&mut hasher, file);
        }
        *hasher.finalize().as_bytes()
    }

    /// What all of it holds now.
    pub(crate) fn state(&self) -> (State, State) {
        (self.documents(), self.named())
    }

    /// Every folder whose entries matter.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let files = self.files.iter().chain(&self.named).chain(&self.weighed);
        let parents = files.filter_map(|file| file.parent());
        let here = |parent: &Path| {
            if parent.as_os_str().is_empty() {
                PathBuf::from(".")
            } else {
                parent.to_owned()
            }
        };
        let mut folders: BTreeSet<_> = parents.map(here).collect();
        for tree in &self.trees {
            let mut walk = Walk::default();
            walk.folder(tree, 0);
            folders.extend(walk.folders);
        }
        folders.into_iter().collect()
    }
}

fn add(hasher: &mut blake3::Hasher, path: &Path) {
    let name = path.as_os_str().as_encoded_bytes();
    hasher.update(&(name.len() as u64).to_be_bytes());
    hasher.update(name);
    let content = fs::File::open(path).and_then(|file| {
        let mut own = blake3::Hasher::new();
        own.update_reader(io::Read::take(file, MAX_BYTES + 1))?;
        Ok(own.finalize())
    });
    match content {
        Ok(content) => hasher.update(content.as_bytes()),
        Err(error) => hasher.update(format!("{:?}", error.kind()).as_bytes()),
    };
}

fn weigh(hasher: &mut blake3::Hasher, path: &Path) {
    hasher.update(path.as_os_str().as_encoded_bytes());
    let about = fs::metadata(path).and_then(|about| Ok((about.len(), about.modified()?)));
    // Two files of one size that were written in one moment look the same.
    hasher.update(format!("{about:?}").as_bytes());
}

#[derive(Debug, Default)]
struct Walk {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Walk {
    fn folder(&mut self, folder: &Path, level: usize) {
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        self.folders.push(folder.to_owned());
        for entry in entries.flatten() {
            let path = entry.path();
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if hidden || self.files.len() + self.folders.len() > MAX_FILES {
                continue;
            }
            if path.is_dir() {
                if level < MAX_LEVELS {
                    self.folder(&path, level + 1);
                }
            } else {
                self.files.push(path);
            }
        }
    }
}
