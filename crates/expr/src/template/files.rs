//! The template folder, read once into memory and confined to itself.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most files in a template folder.
const FILES: usize = 1_000;
/// Most bytes of one template file.
const FILE_BYTES: u64 = 256 * 1024;
/// Most bytes of all template files.
const FOLDER_BYTES: usize = 16 * 1024 * 1024;
/// Most folders within folders.
const DEPTH: usize = 16;
/// Most folders visited, which also ends symlink loops.
const FOLDERS: usize = 1_000;

/// The files of the template folder, in memory. Cloning is cheap.
///
/// Names are relative to the folder, with `/` between segments. One trailing newline of each file
/// is trimmed, so that a template written with an editor can fill a header.
#[derive(Clone, Debug, Default)]
pub struct TemplateFiles(Arc<Folder>);

#[derive(Debug, Default)]
struct Folder {
    /// The folder as configured and as resolved: absolute names below either are accepted.
    roots: Vec<String>,
    entries: BTreeMap<String, Arc<str>>,
}

impl TemplateFiles {
    /// Reads all files below `root`: at most 1,000 files, 256 KiB each, 16 MiB in all.
    ///
    /// Hidden entries (a leading dot) are skipped. Symlinks are followed inside the folder only,
    /// which is what a Kubernetes volume needs.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is no folder `root`. Anything else, such as an entry
    /// that leaves the folder, a file that is too large or not UTF-8, names the entry and has
    /// another kind.
    pub fn load(root: &Path) -> Result<Self, io::Error> {
        let real = root.canonicalize()?;
        let mut walk = Walk {
            real: real.clone(),
            entries: BTreeMap::new(),
            folders: 0,
            bytes: 0,
        };
        walk.folder(&real, "", 0)?;
        let roots = [root, &real].map(|path| path.to_string_lossy().into_owned());
        Ok(Self(Arc::new(Folder {
            roots: roots.into_iter().filter(|path| path != "/").collect(),
            entries: walk.entries,
        })))
    }

    /// No files.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Files by name, such as those of a test.
    pub fn from_entries(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        let entries = entries.into_iter();
        Self(Arc::new(Folder {
            roots: Vec::new(),
            entries: entries
                .map(|(name, text)| (name, Arc::from(without_last_newline(&text))))
                .collect(),
        }))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.entries.keys().map(String::as_str)
    }

    /// Name and text of every file, sorted by name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.entries.iter();
        entries.map(|(name, text)| (name.as_str(), &**text))
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// Name and text of the file that `path` names: relative to the folder, or absolute and below
    /// it. A path with a `..` segment, a backslash or a control character names nothing.
    pub(super) fn find(&self, path: &str) -> Option<(&str, &Arc<str>)> {
        let name = self.name_of(path)?;
        let (name, text) = self.0.entries.get_key_value(&name)?;
        Some((name, text))
    }

    /// The files whose name starts with `prefix`, itself written like a path.
    pub(super) fn below<'a>(
        &'a self,
        prefix: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Arc<str>)> {
        let prefix = self.prefix_of(prefix);
        let entries = self.0.entries.iter();
        entries
            .filter(move |(name, _)| name.starts_with(&prefix))
            .map(|(name, text)| (name.as_str(), text))
    }

    /// The name within the folder that `path` stands for, whether or not there is such a file.
    pub(super) fn name_of(&self, path: &str) -> Option<String> {
        let relative = self.relative(path)?;
        let refused = |c: char| c == '\\' || c.is_control();
        if relative.contains(refused) {
            return None;
        }
        let segments = relative.split('/').filter(|s| !matches!(*s, "" | "."));
        let segments: Vec<_> = segments.collect();
        (!segments.contains(&"..")).then(|| segments.join("/"))
    }

    fn relative<'a>(&self, path: &'a str) -> Option<&'a str> {
        if !path.starts_with('/') {
            return Some(path);
        }
        let mut roots = self.0.roots.iter();
        roots.find_map(|root| path.strip_prefix(root.as_str())?.strip_prefix('/'))
    }

    /// Dynamic paths are matched by their literal beginning; one that is cut inside a segment
    /// keeps the part of that segment.
    fn prefix_of(&self, prefix: &str) -> String {
        if prefix.starts_with('/') && self.relative(prefix).is_none() {
            // Too short to tell whether it leads below the folder: any file may be meant.
            return String::new();
        }
        let folder = prefix
            .rfind('/')
            .map_or("", |at| prefix.get(..at).unwrap_or(""));
        let rest = prefix.rsplit('/').next().unwrap_or("");
        let folder = self.name_of(folder).unwrap_or_default();
        // `.` and `..` at the cut may still become something else.
        let rest = if rest.starts_with('.') { "" } else { rest };
        match (folder.is_empty(), rest) {
            (true, rest) => rest.to_owned(),
            (false, rest) => format!("{folder}/{rest}"),
        }
    }
}

/// One walk over the folder.
struct Walk {
    real: PathBuf,
    entries: BTreeMap<String, Arc<str>>,
    folders: usize,
    bytes: usize,
}

impl Walk {
    fn folder(&mut self, path: &Path, name: &str, depth: usize) -> Result<(), io::Error> {
        self.folders += 1;
        if depth > DEPTH || self.folders > FOLDERS {
            return Err(refused(name, "is nested too deeply in the template folder"));
        }
        let mut entries = fs::read_dir(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(name, &error))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let own = entry.file_name();
            let own = own.to_string_lossy();
            if own.starts_with('.') {
                continue;
            }
            let name = if name.is_empty() {
                own.into_owned()
            } else {
                format!("{name}/{own}")
            };
            self.entry(&entry.path(), name, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: String, depth: usize) -> Result<(), io::Error> {
        let real = path
            .canonicalize()
            .map_err(|error| unreadable(&name, &error))?;
        if !real.starts_with(&self.real) {
            return Err(refused(&name, "leaves the template folder"));
        }
        let kind = real.metadata().map_err(|error| unreadable(&name, &error))?;
        if kind.is_dir() {
            self.folder(&real, &name, depth + 1)
        } else if kind.is_file() {
            let text = read(&real, &name)?;
            self.add(name, &text)
        } else {
            Ok(())
        }
    }

    fn add(&mut self, name: String, text: &str) -> Result<(), io::Error> {
        self.bytes += text.len();
        if self.bytes > FOLDER_BYTES || self.entries.len() >= FILES {
            return Err(refused(
                &name,
                "is one too many: the template folder is limited to 1,000 files and 16 MiB",
            ));
        }
        self.entries
            .insert(name, Arc::from(without_last_newline(text)));
        Ok(())
    }
}

fn read(path: &Path, name: &str) -> Result<String, io::Error> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(name, &error))?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(refused(name, "is larger than 256 KiB"));
    }
    String::from_utf8(bytes).map_err(|_| refused(name, "is not UTF-8 text"))
}

fn refused(name: &str, why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("template `{name}` {why}"),
    )
}

/// An entry that cannot be read; never `NotFound`, which stands for the folder itself.
fn unreadable(name: &str, error: &io::Error) -> io::Error {
    io::Error::other(format!("template `{name}` cannot be read: {error}"))
}

fn without_last_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests;
