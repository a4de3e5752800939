//! Relations that nobody can have.

use std::collections::{BTreeMap, BTreeSet};

use crate::dsl::finding::{Finding, FindingKind};
use crate::dsl::lint::Sheet;
use crate::dsl::syntax::{Operator, RelationNode, RestrictionNode, RewriteNode};

/// A relation of a type.
type Node<'a> = (&'a str, &'a str);

/// The relations of `sheet` without entry point.
pub(super) fn without(sheet: &Sheet<'_>) -> Vec<Finding> {
    let entries = reachable(sheet);
    let mut findings = Vec::new();
    for kind in &sheet.types {
        for relation in &kind.relations {
            let (name, node) = (kind.name.text.as_str(), relation.node);
            let relation_name = node.name.text.as_str();
            if entries.contains(&(name, relation_name)) {
                continue;
            }
            let loops = Loops {
                sheet,
                entries: &entries,
            };
            let is_loop = loops.from((name, node), &mut BTreeMap::new());
            let why = if is_loop {
                "potential loop"
            } else {
                "no entrypoint"
            };
            let message =
                format!("`{relation_name}` is an impossible relation for `{name}` ({why}).");
            let mut finding = node
                .name
                .at
                .finding(FindingKind::RelationNoEntryPoint, message);
            finding.file = relation.file.map(str::to_owned);
            findings.push(finding);
        }
    }
    findings
}

/// The relations with an entry point: the least set that satisfies all rewrites.
fn reachable<'a>(sheet: &Sheet<'a>) -> BTreeSet<Node<'a>> {
    let mut entries = BTreeSet::new();
    loop {
        let before = entries.len();
        for kind in &sheet.types {
            for relation in &kind.relations {
                let node = relation.node;
                if has_entry(sheet, &entries, &kind.name.text, &node.rewrite) {
                    entries.insert((kind.name.text.as_str(), node.name.text.as_str()));
                }
            }
        }
        if entries.len() == before {
            return entries;
        }
    }
}

fn has_entry(
    sheet: &Sheet<'_>,
    entries: &BTreeSet<Node<'_>>,
    kind: &str,
    node: &RewriteNode,
) -> bool {
    let of = |node: &RewriteNode| has_entry(sheet, entries, kind, node);
    match node {
        RewriteNode::Direct(restrictions) => restrictions.iter().any(|restriction| {
            let relation = restriction.relation.as_ref();
            let is_entry = |relation| entries.contains(&(restriction.name.text.as_str(), relation));
            relation.is_none_or(|relation| is_entry(relation.text.as_str()))
        }),
        RewriteNode::Computed(word) => entries.contains(&(kind, word.text.as_str())),
        RewriteNode::From { computed, tupleset } => {
            let is_entry = |restriction: &RestrictionNode| {
                entries.contains(&(restriction.name.text.as_str(), computed.text.as_str()))
            };
            let tupleset = sheet.relation(kind, &tupleset.text);
            tupleset.is_some_and(|node| node.rewrite.restrictions().iter().any(is_entry))
        }
        RewriteNode::Group(Operator::Or, parts) => parts.iter().any(of),
        RewriteNode::Group(Operator::And, parts) => parts.iter().all(of),
        RewriteNode::ButNot(pair) => pair.iter().all(of),
    }
}

/// Tells whether a relation lacks an entry point because computed relations lead in a circle.
struct Loops<'s, 'a> {
    sheet: &'s Sheet<'a>,
    entries: &'s BTreeSet<Node<'a>>,
}

impl<'a> Loops<'_, 'a> {
    /// `seen` holds the relations on the way, and after that what came of them.
    fn from<'n>(
        &self,
        (kind, node): (&'a str, &'n RelationNode),
        seen: &mut BTreeMap<&'n str, bool>,
    ) -> bool
    where
        'a: 'n,
    {
        let name = node.name.text.as_str();
        if let Some(known) = seen.get(name) {
            return *known;
        }
        seen.insert(name, true);
        let is_loop = self.within(kind, &node.rewrite, seen);
        seen.insert(name, is_loop);
        is_loop
    }

    fn within<'n>(
        &self,
        kind: &'a str,
        node: &'n RewriteNode,
        seen: &mut BTreeMap<&'n str, bool>,
    ) -> bool
    where
        'a: 'n,
    {
        let lacks = |part: &&RewriteNode| !has_entry(self.sheet, self.entries, kind, part);
        match node {
            RewriteNode::Direct(_) | RewriteNode::From { .. } => false,
            RewriteNode::Computed(word) => {
                let next = self.sheet.relation(kind, &word.text);
                next.is_some_and(|next| self.from((kind, next), seen))
            }
            RewriteNode::Group(Operator::Or, parts) => {
                parts.iter().any(|part| self.within(kind, part, seen))
            }
            RewriteNode::Group(Operator::And, parts) => {
                let first = parts.iter().find(lacks);
                first.is_some_and(|part| self.within(kind, part, seen))
            }
            RewriteNode::ButNot(pair) => {
                let first = pair.iter().find(lacks);
                first.is_some_and(|part| self.within(kind, part, seen))
            }
        }
    }
}
