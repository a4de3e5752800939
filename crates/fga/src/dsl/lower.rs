//! Syntax to model.

use std::collections::BTreeMap;

use crate::dsl::syntax::{
    ConditionNode, Document, Header, Operator, RelationNode, RestrictionNode, RewriteNode, TypeNode,
};
use crate::spec::{
    ConditionSpec, Empty, ModelSpec, RelationMetadata, Restriction, RewriteSpec, TypeMetadata,
    TypeSpec,
};

/// The model that `document` writes.
pub(super) fn model(document: &Document) -> ModelSpec {
    let schema_version = match &document.header {
        Header::Model(version) => version.text.clone(),
        Header::Module(_) => String::new(),
    };
    let conditions = document.conditions.iter().map(condition);
    ModelSpec {
        id: None,
        schema_version,
        type_definitions: document.types.iter().map(type_spec).collect(),
        conditions: conditions.map(|spec| (spec.name.clone(), spec)).collect(),
    }
}

pub(super) fn type_spec(node: &TypeNode) -> TypeSpec {
    let relations: BTreeMap<_, _> = node.relations.iter().map(relation).collect();
    let metadata = node.relations.iter().map(|node| {
        let restrictions = node.rewrite.restrictions().iter().map(restriction);
        let metadata = RelationMetadata {
            directly_related_user_types: restrictions.collect(),
            ..RelationMetadata::default()
        };
        (node.name.text.clone(), metadata)
    });
    let metadata = TypeMetadata {
        relations: metadata.collect(),
        ..TypeMetadata::default()
    };
    TypeSpec {
        name: node.name.text.clone(),
        metadata: (!relations.is_empty()).then_some(metadata),
        relations,
    }
}

pub(super) fn relation(node: &RelationNode) -> (String, RewriteSpec) {
    (node.name.text.clone(), rewrite(&node.rewrite))
}

pub(super) fn restriction(node: &RestrictionNode) -> Restriction {
    Restriction {
        name: node.name.text.clone(),
        relation: node.relation.as_ref().map(|word| word.text.clone()),
        wildcard: node.wildcard.then_some(Empty {}),
        condition: node.condition.as_ref().map(|word| word.text.clone()),
    }
}

pub(super) fn condition(node: &ConditionNode) -> ConditionSpec {
    let parameters = node.parameters.iter();
    ConditionSpec {
        name: node.name.text.clone(),
        expression: node.expression.clone(),
        parameters: parameters
            .map(|(name, spec)| (name.text.clone(), spec.clone()))
            .collect(),
        metadata: None,
    }
}

fn rewrite(node: &RewriteNode) -> RewriteSpec {
    match node {
        RewriteNode::Direct(_) => RewriteSpec::This,
        RewriteNode::Computed(word) => RewriteSpec::Computed(word.text.clone()),
        RewriteNode::From { computed, tupleset } => RewriteSpec::TupleToUserset {
            tupleset: tupleset.text.clone(),
            computed: computed.text.clone(),
        },
        RewriteNode::Group(Operator::Or, parts) => {
            RewriteSpec::Union(parts.iter().map(rewrite).collect())
        }
        RewriteNode::Group(Operator::And, parts) => {
            RewriteSpec::Intersection(parts.iter().map(rewrite).collect())
        }
        RewriteNode::ButNot(pair) => {
            let [base, subtract] = &**pair;
            RewriteSpec::Difference(Box::new([rewrite(base), rewrite(subtract)]))
        }
    }
}
