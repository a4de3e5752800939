//! Files of stores of relationships.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ztag_fga::dsl::ModFile;
use ztag_types::{Code, ConfigPath, Diagnostic};

use super::{Definition, Loading, Named};
use crate::fga_spec::FgaStoreSpec;
use crate::files;
use crate::kind::Kind;

/// Most bytes of a file of tuples.
const MAX_TUPLES: usize = 64 * 1024 * 1024;

/// What the files of one store hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct FgaFiles {
    /// The file of the model; with modules, those that it lists.
    pub(crate) model: Vec<TextFile>,
    /// The files of tuples, each with its place in `tupleFiles`.
    pub(crate) tuples: Vec<(usize, TextFile)>,
    /// Whether all that were named could be read.
    pub(crate) is_complete: bool,
}

/// A file as read.
#[derive(Clone, Debug)]
pub(crate) struct TextFile {
    /// As the configuration writes it.
    pub(crate) name: PathBuf,
    pub(crate) text: String,
}

impl Loading<'_> {
    /// Reads the files that stores name, and notes those that cannot be read.
    pub(super) fn fga_files(&mut self, stores: &Named<FgaStoreSpec>) -> BTreeMap<String, FgaFiles> {
        let mut all = BTreeMap::new();
        for (name, definition) in stores {
            if let Some((spec, _)) = definition.read() {
                let files = self.files_of(spec, &Kind::FgaStore.path(name));
                all.insert(name.clone(), files);
            }
        }
        all
    }

    fn files_of(&mut self, spec: &FgaStoreSpec, at: &ConfigPath) -> FgaFiles {
        let before = self.notes.len();
        let mut files = FgaFiles::default();
        if let Some(name) = &spec.model_file {
            self.model_files(name, &at.key("modelFile"), &mut files.model);
        }
        for (index, name) in spec.tuple_files.iter().enumerate() {
            let at = at.key("tupleFiles").index(index);
            let read = self.text_file(name, MAX_TUPLES, &at);
            files.tuples.extend(read.map(|file| (index, file)));
        }
        files.is_complete = self.notes.len() == before;
        files
    }

    /// The file of a model, and those that it lists.
    fn model_files(&mut self, name: &Path, at: &ConfigPath, files: &mut Vec<TextFile>) {
        let Some(file) = self.text_file(name, crate::document::MAX_BYTES, at) else {
            return;
        };
        let is_list = name.extension().is_some_and(|extension| extension == "mod");
        // What is wrong with the list is told when it is compiled.
        let listed = ModFile::parse(&file.text).ok().filter(|_| is_list);
        files.push(file);
        for item in listed.into_iter().flat_map(|list| list.contents) {
            let module = name.with_file_name(&item.value);
            files.extend(self.text_file(&module, crate::document::MAX_BYTES, at));
        }
    }

    fn text_file(&mut self, name: &Path, most: usize, at: &ConfigPath) -> Option<TextFile> {
        let path = self.sources.resolve(name);
        match files::read_at_most(&path, most) {
            Ok(text) => Some(TextFile {
                name: name.to_owned(),
                text,
            }),
            Err(reason) => {
                let message = format!("`{}` cannot be read: {reason}", path.display());
                self.note(Diagnostic::error(Code::Unreadable, at, message));
                None
            }
        }
    }
}

/// The files that stores name, as written, and those that are listed there.
pub(super) fn paths<'a>(
    stores: &'a Named<FgaStoreSpec>,
    files: &'a BTreeMap<String, FgaFiles>,
) -> impl Iterator<Item = &'a Path> {
    let specs = stores.values().filter_map(Definition::read);
    let named = specs.flat_map(|(spec, _)| spec.model_file.iter().chain(&spec.tuple_files));
    let read = files.values().flat_map(|files| &files.model);
    named
        .map(PathBuf::as_path)
        .chain(read.map(|file| file.name.as_path()))
}
