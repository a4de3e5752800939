//! Every relation must be one that somebody can have.

use crate::error::Error;
use crate::ids::NodeId;
use crate::model::{Node, Rewrite, rules};

/// Refuses relations without entry point: the least set of relations that satisfies all rewrites
/// must be all of them.
pub(super) fn check(nodes: &[Node]) -> Result<(), Error> {
    let mut entries = vec![false; nodes.len()];
    let mut has_grown = true;
    while has_grown {
        has_grown = false;
        for (at, node) in nodes.iter().enumerate() {
            let is_new = entries.get(at) == Some(&false);
            if is_new && has_entry(&entries, node, &node.rewrite) {
                has_grown = true;
                if let Some(entry) = entries.get_mut(at) {
                    *entry = true;
                }
            }
        }
    }
    let without = nodes.iter().zip(&entries).find(|(_, entry)| !**entry);
    without.map_or(Ok(()), |(node, _)| {
        Err(rules::impossible(node, "no entrypoints defined"))
    })
}

fn has_entry(entries: &[bool], node: &Node, rewrite: &Rewrite) -> bool {
    let is_entry = |id: NodeId| entries.get(id.index()).copied().unwrap_or_default();
    let of = |rewrite: &Rewrite| has_entry(entries, node, rewrite);
    match rewrite {
        Rewrite::This => {
            let mut admitted = node.direct.admitted.iter();
            admitted.any(|entry| entry.node.is_none_or(is_entry))
        }
        Rewrite::Computed(id) => is_entry(*id),
        Rewrite::Parents(parents) => parents.targets.iter().any(|(_, id)| is_entry(*id)),
        Rewrite::Union(parts) => parts.iter().any(of),
        Rewrite::Intersection(parts) => parts.iter().all(of),
        Rewrite::Difference(pair) => pair.iter().all(of),
    }
}
