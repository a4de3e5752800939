//! Modules put together to one model.

use crate::dsl::finding::{Finding, FindingKind};
use crate::dsl::lint::{self, Sheet};
use crate::dsl::lower;
use crate::dsl::parse;
use crate::dsl::syntax::{Document, Header, Place, TypeNode, Word};
use crate::spec::{ModelSpec, Origin, SourceInfo, TypeMetadata, TypeSpec};

/// One module of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFile {
    /// The name of the file, for messages and for the metadata of the model.
    pub name: String,
    /// Its text.
    pub contents: String,
}

/// Puts modules together to a model of this schema version, usually `1.2`, and judges the whole
/// the way editors do.
///
/// # Errors
/// Every mistake found, each with its file.
pub fn combine(files: &[ModuleFile], schema_version: &str) -> Result<ModelSpec, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut modules = Vec::new();
    for file in files {
        match read(file) {
            Ok(module) => modules.push(module),
            Err(own) => findings.extend(own.into_iter().map(|finding| within(finding, &file.name))),
        }
    }
    let mut whole = Whole {
        model: ModelSpec {
            schema_version: schema_version.to_owned(),
            ..ModelSpec::default()
        },
        sheet: Sheet::default(),
        findings,
    };
    whole.add(&modules);
    let Whole {
        model,
        sheet,
        mut findings,
    } = whole;
    let has_broken = !findings.is_empty();
    findings.extend(lint::sheet(&sheet, has_broken));
    if findings.is_empty() {
        Ok(model)
    } else {
        Err(findings)
    }
}

/// A parsed module.
struct Module<'a> {
    file: &'a str,
    name: String,
    document: Document,
}

fn read(file: &ModuleFile) -> Result<Module<'_>, Vec<Finding>> {
    let document = parse::document(&file.contents)?;
    match &document.header {
        Header::Module(name) => Ok(Module {
            file: &file.name,
            name: name.text.clone(),
            document,
        }),
        Header::Model(_) => {
            let place = Place::default();
            Err(vec![
                place.finding(FindingKind::Module, "file is not a module"),
            ])
        }
    }
}

fn within(mut finding: Finding, file: &str) -> Finding {
    finding.file = Some(file.to_owned());
    finding
}

/// The model so far.
struct Whole<'a> {
    model: ModelSpec,
    sheet: Sheet<'a>,
    findings: Vec<Finding>,
}

impl<'a> Whole<'a> {
    fn add(&mut self, modules: &'a [Module<'a>]) {
        for module in modules {
            let types = module.document.types.iter();
            for node in types.filter(|node| !node.extends) {
                self.add_type(module, node);
            }
            self.add_conditions(module);
        }
        for module in modules {
            let types = module.document.types.iter();
            for node in types.filter(|node| node.extends) {
                self.extend_type(module, node);
            }
        }
    }

    fn add_type(&mut self, module: &'a Module<'a>, node: &'a TypeNode) {
        let mut spec = lower::type_spec(node);
        let metadata = spec.metadata.get_or_insert_with(TypeMetadata::default);
        metadata.origin = origin(module);
        self.model.type_definitions.push(spec);
        self.sheet.add_type(Some(module.file), node);
    }

    fn add_conditions(&mut self, module: &'a Module<'a>) {
        for node in &module.document.conditions {
            let name = &node.name;
            if self.model.conditions.contains_key(&name.text) {
                self.report(module, name, format!("duplicate condition {}", name.text));
                continue;
            }
            let mut spec = lower::condition(node);
            spec.metadata = Some(origin(module));
            self.model.conditions.insert(name.text.clone(), spec);
            self.sheet.add_condition(Some(module.file), node);
        }
    }

    fn extend_type(&mut self, module: &'a Module<'a>, node: &'a TypeNode) {
        let name = &node.name;
        let mut types = self.model.type_definitions.iter_mut();
        let Some(spec) = types.find(|spec| spec.name == name.text) else {
            let message = format!("extended type {} does not exist", name.text);
            self.report(module, name, message);
            return;
        };
        let clashes = extend(spec, module, node);
        for relation in &node.relations {
            if clashes.contains(&relation.name.text) {
                let relation = &relation.name;
                let message = format!(
                    "relation {} already exists on type {}",
                    relation.text, name.text
                );
                self.report(module, relation, message);
            } else {
                self.sheet.add_relation(module.file, &name.text, relation);
            }
        }
    }

    fn report(&mut self, module: &Module<'_>, word: &Word, message: String) {
        let finding = word.at.finding(FindingKind::Module, message);
        self.findings.push(within(finding, module.file));
    }
}

/// Adds the relations of `node` to `spec`; returns those that it has already.
fn extend(spec: &mut TypeSpec, module: &Module<'_>, node: &TypeNode) -> Vec<String> {
    let added = lower::type_spec(node);
    let mut details = added.metadata.unwrap_or_default().relations;
    let metadata = spec.metadata.get_or_insert_with(TypeMetadata::default);
    let mut clashes = Vec::new();
    for (name, rewrite) in added.relations {
        if spec.relations.contains_key(&name) {
            clashes.push(name);
            continue;
        }
        let mut detail = details.remove(&name).unwrap_or_default();
        detail.origin = origin(module);
        metadata.relations.insert(name.clone(), detail);
        spec.relations.insert(name, rewrite);
    }
    clashes
}

fn origin(module: &Module<'_>) -> Origin {
    Origin {
        module: module.name.clone(),
        source_info: Some(SourceInfo {
            file: module.file.to_owned(),
        }),
    }
}
