//! The stores of relationships.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ztag_fga::dsl::{self, Finding, ModFile, ModuleFile};
use ztag_fga::spec::ModelSpec;
use ztag_fga::store_file::TupleRow;
use ztag_fga::{Limits, Store, Tuple, TupleCondition};
use ztag_fga_remote::{Authority, Directory, Entry, LocalStore, OnOutage, RemoteSpec};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::ledger::Ledger;
use super::tokens::Tokens;
use crate::canon::Canon;
use crate::fga_spec::{FgaFixedTupleSpec, FgaStoreSpec};
use crate::kind::Kind;
use crate::load::{FgaFiles, Loaded, TextFile};
use crate::stores::{Beginning, Stores, store_id};

/// Compiles every store, named or not, to find what is wrong.
pub(super) fn stores(
    loaded: &Loaded,
    places: &Stores,
    tokens: &Tokens<'_>,
    ledger: &mut Ledger,
) -> Directory {
    let none = FgaFiles::default();
    let mut stores = BTreeMap::new();
    for (name, definition) in &loaded.fga_stores {
        let files = loaded.fga_files.get(name).unwrap_or(&none);
        let own = Workbench {
            name,
            files,
            loaded,
            places,
            tokens,
        };
        let compile = |spec: &_, at: &_, findings: &mut _| own.open(spec, at, findings);
        let entry = ledger.examine((Kind::FgaStore, name, definition), loaded, compile);
        stores.insert(name.clone(), entry);
    }
    Directory::new(stores)
}

/// What one store is made with.
struct Workbench<'a> {
    name: &'a str,
    files: &'a FgaFiles,
    loaded: &'a Loaded,
    places: &'a Stores,
    tokens: &'a Tokens<'a>,
}

impl Workbench<'_> {
    fn open(&self, spec: &FgaStoreSpec, at: &ConfigPath, findings: &mut Findings) -> Option<Entry> {
        // Without a file that was named, loading has noted why.
        if !self.files.is_complete {
            return None;
        }
        if let Some(remote) = &spec.remote {
            return self.remote(remote, spec, at, findings);
        }
        if spec.writable {
            return self.writable(spec, at, findings);
        }
        let fixed = &self.places.fga.fixed;
        let store = fixed.open(self.fingerprint(), || self.made(spec, at, findings))?;
        Some(Entry {
            model: store.store().model(None).ok(),
            authority: Authority::Local(store),
            on_outage: OnOutage::Error,
        })
    }

    /// A store of a server.
    fn remote(
        &self,
        remote: &RemoteSpec,
        spec: &FgaStoreSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Entry> {
        let has_model = spec.model.is_some() || spec.model_file.is_some();
        if has_model || has_tuples(spec) || spec.writable {
            let message = "a store of a server has neither model nor tuples here";
            let found = Diagnostic::error(Code::Conflict, &at.key("remote"), message);
            findings.push(found.hint("name the model by `modelId`"));
        }
        let made = self
            .tokens
            .remote_store(remote, &at.key("remote"), findings)?;
        let mut canon = Canon::new();
        canon.definition(Kind::FgaStore, self.name, &self.loaded.tree);
        self.tokens.add_identity(&mut canon);
        let places = &self.places.fga.remote;
        let store = places.open(canon.finish(), || Some(Arc::new(made)))?;
        Some(Entry {
            authority: Authority::Remote(store),
            model: None,
            on_outage: remote.fail_mode.into(),
        })
    }

    /// A store that outlives configurations: what is written here of its model and tuples is what
    /// it begins with.
    fn writable(
        &self,
        spec: &FgaStoreSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Entry> {
        let id = store_id(self.name, spec, at, findings)?;
        let begin = || self.beginning(spec, at, findings);
        let kept = self.places.fga.keep(self.name, &id, begin)?;
        let kept = kept.map_err(|error| {
            let message = format!("the store cannot begin: {}", error.message());
            Diagnostic::error(Code::InvalidValue, at, message)
        });
        Some(Entry {
            authority: Authority::Local(findings.keep(kept)?),
            model: None,
            on_outage: OnOutage::Error,
        })
    }

    /// What a store that is written to begins with; it is tried before it is written.
    fn beginning(
        &self,
        spec: &FgaStoreSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Beginning> {
        let model = match model_of(spec, self.files, at, findings) {
            Written::Nothing if !has_tuples(spec) => return Some(Beginning::default()),
            Written::Model(model) => Some(*model),
            Written::Nothing | Written::Broken => None,
        };
        self.made(spec, at, findings)?;
        let inline = spec.tuples.iter().map(tuple);
        let files = self.files.tuples.iter();
        let files = files.filter_map(|(_, file)| read_tuples(file).ok());
        Some(Beginning {
            model,
            tuples: inline.chain(files.flatten()).collect(),
        })
    }

    fn empty(&self) -> Arc<LocalStore> {
        let clock = Arc::clone(&self.places.clock);
        let store = Store::with_clock(Limits::default(), clock);
        Arc::new(LocalStore::new(Arc::new(store), None).named(self.name))
    }

    /// A store with the model and the tuples that are written.
    fn made(
        &self,
        spec: &FgaStoreSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Arc<LocalStore>> {
        let model = match model_of(spec, self.files, at, findings) {
            Written::Model(model) => *model,
            Written::Broken => return None,
            Written::Nothing => {
                let message = "a store needs a `model` or a `modelFile`";
                findings.push(Diagnostic::error(
                    Code::MissingKey,
                    &at.key("model"),
                    message,
                ));
                return None;
            }
        };
        let own = self.empty();
        let store = own.store();
        let written = store.write_model(model).map_err(|error| {
            let message = format!("the model cannot be used: {}", error.message());
            Diagnostic::error(Code::InvalidValue, &model_place(spec, at), message)
        });
        findings.keep(written)?;
        self.load(store, spec, at, findings)?;
        store.compact();
        Some(own)
    }

    fn load(
        &self,
        store: &Store,
        spec: &FgaStoreSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<()> {
        let before = findings.errors();
        let place = at.key("tuples");
        let inline: Vec<Tuple> = spec.tuples.iter().map(tuple).collect();
        let refused = |error: &ztag_fga::Error, at: &ConfigPath, file: Option<&Path>| {
            let whose = file.map_or_else(String::new, |file| format!("`{}`: ", file.display()));
            let message = format!("{whose}a tuple cannot be used: {}", error.message());
            Diagnostic::error(Code::InvalidValue, at, message)
        };
        if let Err(error) = store.load(None, &inline) {
            findings.push(refused(&error, &place, None));
        }
        for (index, file) in &self.files.tuples {
            let at = at.key("tupleFiles").index(*index);
            let read = read_tuples(file).map_err(|message| {
                let message = format!("`{}`: {message}", file.name.display());
                Diagnostic::error(Code::InvalidValue, &at, message)
            });
            let Some(tuples) = findings.keep(read) else {
                continue;
            };
            if let Err(error) = store.load(None, &tuples) {
                findings.push(refused(&error, &at, Some(&file.name)));
            }
        }
        (findings.errors() == before).then_some(())
    }

    /// Stands for everything that is said of the store, in files as well.
    fn fingerprint(&self) -> [u8; 32] {
        let mut canon = Canon::new();
        canon.definition(Kind::FgaStore, self.name, &self.loaded.tree);
        let tuples = self.files.tuples.iter().map(|(_, file)| file);
        for file in self.files.model.iter().chain(tuples) {
            canon.text(&file.name.to_string_lossy());
            canon.text(&file.text);
        }
        canon.finish()
    }
}

/// What is written of a model.
enum Written {
    Nothing,
    Broken,
    Model(Box<ModelSpec>),
}

fn model_of(
    spec: &FgaStoreSpec,
    files: &FgaFiles,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Written {
    let read = match (&spec.model, files.model.as_slice()) {
        (Some(_), [_, ..]) => {
            let message = "`model` and `modelFile` exclude each other";
            let at = at.key("modelFile");
            findings.push(Diagnostic::error(Code::Conflict, &at, message));
            return Written::Broken;
        }
        (None, []) => return Written::Nothing,
        (Some(text), []) => parse_model(text).map_err(|found| (None, found)),
        (None, [file, modules @ ..]) => {
            let is_list = file.name.extension().is_some_and(|own| own == "mod");
            let parsed = if is_list {
                combine(file, modules)
            } else {
                parse_model(&file.text)
            };
            parsed.map_err(|found| (Some(&file.name), found))
        }
    };
    let at = model_place(spec, at);
    match read {
        Ok(model) => Written::Model(Box::new(model)),
        Err((file, found)) => {
            for message in found {
                let message = match file {
                    Some(file) => format!("`{}`: {message}", file.display()),
                    None => message,
                };
                findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
            }
            Written::Broken
        }
    }
}

/// Reads a model written as JSON or in the modelling language.
fn parse_model(text: &str) -> Result<ModelSpec, Vec<String>> {
    let listed = |findings: Vec<Finding>| findings.iter().map(ToString::to_string).collect();
    if !text.trim_start().starts_with('{') {
        return dsl::parse(text).map_err(listed);
    }
    let model = serde_json::from_str(text).map_err(|error| vec![error.to_string()])?;
    let findings = dsl::validate_json(&model);
    if findings.is_empty() {
        Ok(model)
    } else {
        Err(listed(findings))
    }
}

fn combine(list: &TextFile, modules: &[TextFile]) -> Result<ModelSpec, Vec<String>> {
    let listed =
        |findings: Vec<Finding>| -> Vec<_> { findings.iter().map(ToString::to_string).collect() };
    let read = ModFile::parse(&list.text).map_err(listed)?;
    let files = read.contents.into_iter().zip(modules);
    let files = files.map(|(item, file)| ModuleFile {
        name: item.value,
        contents: file.text.clone(),
    });
    dsl::combine(&files.collect::<Vec<_>>(), &read.schema.value).map_err(listed)
}

fn model_place(spec: &FgaStoreSpec, at: &ConfigPath) -> ConfigPath {
    match spec.model {
        Some(_) => at.key("model"),
        None => at.key("modelFile"),
    }
}

fn has_tuples(spec: &FgaStoreSpec) -> bool {
    !(spec.tuples.is_empty() && spec.tuple_files.is_empty())
}

fn tuple(spec: &FgaFixedTupleSpec) -> Tuple {
    let condition = spec.condition.as_ref().map(|own| TupleCondition {
        name: own.name.clone(),
        context: Some(own.context.clone()).filter(|context| !context.is_empty()),
    });
    Tuple {
        user: spec.user.clone(),
        relation: spec.relation.clone(),
        object: spec.object.clone(),
        condition,
    }
}

/// The tuples of a file, in the format that its name says.
fn read_tuples(file: &TextFile) -> Result<Vec<Tuple>, String> {
    let text = file.text.as_str();
    match file.name.extension().and_then(|own| own.to_str()) {
        Some("json") => serde_json::from_str(text).map_err(|error| error.to_string()),
        Some("csv") => {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let rows = reader.deserialize::<TupleRow>();
            let tuples = rows.map(|row| {
                let row = row.map_err(|error| error.to_string())?;
                Tuple::try_from(row).map_err(|error| error.to_string())
            });
            tuples.collect()
        }
        _ => {
            // The file is bounded, and the operator's own: no budget.
            let options = serde_saphyr::options! { budget: None };
            serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests;
