//! What editors judge in a model that parses.

mod entry;

use std::collections::{BTreeMap, BTreeSet};

use crate::dsl::finding::{Finding, FindingKind};
use crate::dsl::syntax::{
    ConditionNode, Document, Header, Place, RelationNode, RestrictionNode, RewriteNode, TypeNode,
    Word,
};
use crate::names;
use crate::spec::ModelSpec;

/// The parts of a model from one text or from several.
#[derive(Debug, Default)]
pub(super) struct Sheet<'a> {
    types: Vec<TypeEntry<'a>>,
    conditions: Vec<(Option<&'a str>, &'a ConditionNode)>,
}

/// A type with the relations that all files give it.
#[derive(Debug)]
struct TypeEntry<'a> {
    file: Option<&'a str>,
    name: &'a Word,
    relations: Vec<RelationEntry<'a>>,
}

/// A relation and its file.
#[derive(Clone, Copy, Debug)]
struct RelationEntry<'a> {
    file: Option<&'a str>,
    node: &'a RelationNode,
}

impl<'a> Sheet<'a> {
    pub(super) fn add_type(&mut self, file: Option<&'a str>, node: &'a TypeNode) {
        let relations = node.relations.iter();
        self.types.push(TypeEntry {
            file,
            name: &node.name,
            relations: relations.map(|node| RelationEntry { file, node }).collect(),
        });
    }

    pub(super) fn add_relation(&mut self, file: &'a str, name: &str, node: &'a RelationNode) {
        let mut types = self.types.iter_mut();
        if let Some(entry) = types.find(|entry| entry.name.text == name) {
            let file = Some(file);
            entry.relations.push(RelationEntry { file, node });
        }
    }

    pub(super) fn add_condition(&mut self, file: Option<&'a str>, node: &'a ConditionNode) {
        self.conditions.push((file, node));
    }

    fn relation(&self, name: &str, relation: &str) -> Option<&'a RelationNode> {
        self.find_type(name)?.relation(relation)
    }

    fn find_type(&self, name: &str) -> Option<&TypeEntry<'a>> {
        self.types.iter().find(|entry| entry.name.text == name)
    }
}

impl<'a> TypeEntry<'a> {
    fn relation(&self, name: &str) -> Option<&'a RelationNode> {
        let mut relations = self.relations.iter().map(|entry| entry.node);
        relations.find(|node| node.name.text == name)
    }
}

/// Judges a text that stands alone.
pub(super) fn document(document: &Document) -> Vec<Finding> {
    match &document.header {
        Header::Module(_) => {
            let (kind, message) = (
                FindingKind::SchemaVersionRequired,
                "schema version required",
            );
            vec![Place::default().finding(kind, message)]
        }
        Header::Model(version) if !is_known_version(&version.text) => {
            let message = format!("invalid schema {}", version.text);
            vec![version.at.finding(FindingKind::InvalidSchema, message)]
        }
        Header::Model(_) => {
            let mut all = Sheet::default();
            for node in &document.types {
                all.add_type(None, node);
            }
            for node in &document.conditions {
                all.add_condition(None, node);
            }
            sheet(&all, false)
        }
    }
}

/// Judges what only JSON can get wrong.
pub(super) fn json(model: &ModelSpec) -> Vec<Finding> {
    let place = Place::default();
    let mut findings = Vec::new();
    if !is_known_version(&model.schema_version) {
        let message = format!("invalid schema {}", model.schema_version);
        findings.push(place.finding(FindingKind::InvalidSchema, message));
    }
    for (key, condition) in &model.conditions {
        if *key != condition.name {
            let kind = FindingKind::DifferentNestedConditionName;
            let name = &condition.name;
            let message = format!("condition key is `{key}` but nested name property is {name}");
            findings.push(place.finding(kind, message));
        }
    }
    findings
}

fn is_known_version(version: &str) -> bool {
    matches!(version, "1.1" | "1.2")
}

/// Judges all parts together. Entry points are judged only where nothing else is broken.
pub(super) fn sheet(sheet: &Sheet<'_>, has_broken: bool) -> Vec<Finding> {
    let mut lint = Lint {
        sheet,
        findings: Vec::new(),
        file: None,
        conditions_used: BTreeSet::new(),
    };
    lint.types();
    lint.conditions();
    if lint.findings.is_empty() && !has_broken {
        lint.findings.extend(entry::without(sheet));
    }
    lint.findings
}

struct Lint<'s, 'a> {
    sheet: &'s Sheet<'a>,
    findings: Vec<Finding>,
    file: Option<&'a str>,
    conditions_used: BTreeSet<&'a str>,
}

impl<'a> Lint<'_, 'a> {
    fn report(&mut self, at: Place, kind: FindingKind, message: impl Into<String>) {
        let mut finding = at.finding(kind, message);
        finding.file = self.file.map(str::to_owned);
        self.findings.push(finding);
    }

    fn types(&mut self) {
        let mut seen = BTreeMap::new();
        for entry in &self.sheet.types {
            self.file = entry.file;
            self.type_name(entry.name);
            let first = *seen.entry(&entry.name.text).or_insert(entry.name);
            if !std::ptr::eq(first, entry.name) {
                let message = format!("the type `{}` is a duplicate.", first.text);
                self.report(first.at, FindingKind::DuplicatedError, message);
            }
            for relation in &entry.relations {
                self.file = relation.file;
                self.relation(entry, relation.node);
            }
        }
    }

    fn type_name(&mut self, name: &Word) {
        if matches!(name.text.as_str(), "self" | "this") {
            let message = "a type cannot be named 'self' or 'this'.";
            self.report(name.at, FindingKind::ReservedTypeKeywords, message);
        } else if !names::is_type_name(&name.text) {
            let text = &name.text;
            let rule = r"^[^:#@\*\s]{1,254}$";
            let message = format!("type '{text}' does not match naming rule: '{rule}'.");
            self.report(name.at, FindingKind::InvalidName, message);
        }
    }

    fn relation(&mut self, entry: &TypeEntry<'a>, node: &'a RelationNode) {
        let (kind, name) = (&entry.name.text, &node.name);
        if matches!(name.text.as_str(), "self" | "this") {
            let message = "a relation cannot be named 'self' or 'this'.";
            self.report(name.at, FindingKind::ReservedRelationKeywords, message);
        } else if !names::is_relation_name(&name.text) {
            let (text, rule) = (&name.text, r"^[^:#@\*\s]{1,50}$");
            let message =
                format!("relation '{text}' of type '{kind}' does not match naming rule: '{rule}'.");
            self.report(name.at, FindingKind::InvalidName, message);
        }
        self.duplicates(name, &node.rewrite);
        for leaf in node.rewrite.leaves() {
            match leaf {
                RewriteNode::Direct(restrictions) => {
                    self.restrictions(name, restrictions);
                }
                RewriteNode::Computed(word) => self.computed(entry, word),
                RewriteNode::From { computed, tupleset } => {
                    self.tupleset(entry, computed, tupleset);
                }
                RewriteNode::Group(..) | RewriteNode::ButNot(_) => {}
            }
        }
    }

    /// Operands that stand twice beside each other.
    fn duplicates(&mut self, name: &Word, rewrite: &RewriteNode) {
        let parts = match rewrite {
            RewriteNode::Group(_, parts) => parts.as_slice(),
            RewriteNode::ButNot(pair) => pair.as_slice(),
            _ => return,
        };
        let mut seen = BTreeMap::new();
        for part in parts {
            self.duplicates(name, part);
            let Some((text, at)) = operand(part) else {
                continue;
            };
            if let Some(first) = seen.insert(text.clone(), at) {
                let relation = &name.text;
                let message = format!(
                    "the partial relation definition `{text}` is a duplicate in the relation \
                     `{relation}`."
                );
                self.report(first, FindingKind::DuplicatedError, message);
            }
        }
    }

    fn restrictions(&mut self, name: &Word, restrictions: &'a [RestrictionNode]) {
        let mut seen = BTreeMap::new();
        for restriction in restrictions {
            self.restriction(restriction);
            let text = crate::dsl::print::restriction(&crate::dsl::lower::restriction(restriction));
            if let Some(first) = seen.insert(text.clone(), restriction.at) {
                let relation = &name.text;
                let message = format!(
                    "the type restriction `{text}` is a duplicate in the relation `{relation}`."
                );
                self.report(first, FindingKind::DuplicatedError, message);
            }
        }
    }

    fn restriction(&mut self, restriction: &'a RestrictionNode) {
        let name = &restriction.name;
        if self.sheet.find_type(&name.text).is_none() {
            let message = format!("`{}` is not a valid type.", name.text);
            self.report(name.at, FindingKind::InvalidType, message);
        } else if let Some(relation) = &restriction.relation
            && self.sheet.relation(&name.text, &relation.text).is_none()
        {
            let message = format!(
                "`{}` is not a valid relation for `{}`.",
                relation.text, name.text
            );
            self.report(restriction.at, FindingKind::InvalidRelationType, message);
        }
        let Some(condition) = &restriction.condition else {
            return;
        };
        self.conditions_used.insert(&condition.text);
        let mut conditions = self.sheet.conditions.iter();
        if !conditions.any(|(_, node)| node.name.text == condition.text) {
            let message = format!(
                "`{}` is not a defined condition in the model.",
                condition.text
            );
            self.report(condition.at, FindingKind::ConditionNotDefined, message);
        }
    }

    fn computed(&mut self, entry: &TypeEntry<'a>, word: &Word) {
        if entry.relation(&word.text).is_none() {
            let message = format!("the relation `{}` does not exist.", word.text);
            self.report(word.at, FindingKind::MissingDefinition, message);
        }
    }

    fn tupleset(&mut self, entry: &TypeEntry<'a>, computed: &Word, tupleset: &Word) {
        let at = computed.at.to(tupleset.at);
        let Some(node) = entry.relation(&tupleset.text) else {
            let (name, kind) = (&tupleset.text, &entry.name.text);
            let message = format!("`{name}` is not a valid relation for `{kind}`.");
            self.report(at, FindingKind::InvalidRelationType, message);
            return;
        };
        let restrictions = node.rewrite.restrictions();
        let is_plain = |r: &RestrictionNode| r.relation.is_none() && !r.wildcard;
        let is_direct = matches!(node.rewrite, RewriteNode::Direct(_));
        if !is_direct || !restrictions.iter().all(is_plain) {
            let message = format!(
                "`{}` relation used inside from allows only direct relation.",
                tupleset.text
            );
            self.report(tupleset.at, FindingKind::TupleUsersetNotDirect, message);
            return;
        }
        let lacks =
            |r: &&RestrictionNode| self.sheet.relation(&r.name.text, &computed.text).is_none();
        let lacking: Vec<_> = restrictions.iter().filter(lacks).collect();
        if lacking.len() < restrictions.len() {
            return;
        }
        for restriction in lacking {
            let (name, of, kind) = (&computed.text, &tupleset.text, &restriction.name.text);
            let message = format!(
                "the `{name}` relation definition on type `{}` is not valid: `{name}` does not \
                 exist on `{of}`, which is of type `{kind}`.",
                entry.name.text
            );
            let kind = FindingKind::InvalidRelationOnTupleset;
            self.report(at, kind, message);
        }
    }

    fn conditions(&mut self) {
        for (file, node) in &self.sheet.conditions {
            if !self.conditions_used.contains(node.name.text.as_str()) {
                self.file = *file;
                let message = format!("`{}` condition is not used in the model.", node.name.text);
                self.report(node.name.at, FindingKind::ConditionNotUsed, message);
            }
        }
    }
}

fn operand(node: &RewriteNode) -> Option<(String, Place)> {
    match node {
        RewriteNode::Computed(word) => Some((word.text.clone(), word.at)),
        RewriteNode::From { computed, tupleset } => {
            let text = format!("{} from {}", computed.text, tupleset.text);
            Some((text, computed.at.to(tupleset.at)))
        }
        _ => None,
    }
}
