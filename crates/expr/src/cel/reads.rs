//! Which paths of the scope a program reads.

use std::sync::Arc;

use ztag_types::{ReadPath, Reads, Value};

use crate::cel::program::{Constant, Op, SlotPath};

/// All that `op` reads. A key known at load extends a path; any other use of a value reads it whole.
pub(crate) fn of(op: &Op) -> Reads {
    let mut reads = Reads::nothing();
    collect(op, &mut reads);
    reads
}

fn collect(op: &Op, reads: &mut Reads) {
    match op {
        Op::Constant(_) | Op::Local(_) | Op::Fail(_) => {}
        Op::Slot(path) => reads.insert(read_path(path, None)),
        Op::Select(select) | Op::Has(select) => keyed(&select.operand, Some(&select.field), reads),
        Op::Index(index) => {
            keyed(&index.operand, constant_text(&index.key), reads);
            collect(&index.key, reads);
        }
        Op::Call(function, args) => match args.as_ref() {
            [map, key] if function.name == "lookup" => {
                keyed(map, constant_text(key), reads);
                collect(key, reads);
            }
            args => args.iter().for_each(|arg| collect(arg, reads)),
        },
        Op::List(items) => items.iter().for_each(|item| collect(&item.value, reads)),
        Op::Map(entries) => entries.iter().for_each(|entry| {
            collect(&entry.key, reads);
            collect(&entry.value, reads);
        }),
        Op::Not(inner) | Op::Negate(inner) | Op::Matches(inner, _) => collect(inner, reads),
        Op::And(pair)
        | Op::Or(pair)
        | Op::In(pair)
        | Op::OrElse(pair, _)
        | Op::Equal(pair, _)
        | Op::Order(pair, _)
        | Op::Arithmetic(pair, _) => {
            pair.iter().for_each(|side| collect(side, reads));
        }
        Op::If(parts) => parts.iter().for_each(|part| collect(part, reads)),
        Op::Loop(walk) => {
            collect(&walk.range, reads);
            walk.filter.iter().for_each(|filter| collect(filter, reads));
            collect(&walk.body, reads);
        }
        Op::Bind(bind) => {
            collect(&bind.value, reads);
            collect(&bind.body, reads);
        }
        Op::OptionalMap(map) => {
            collect(&map.operand, reads);
            collect(&map.body, reads);
        }
    }
}

/// Reads `key` of `operand`; all of it when the key is not known.
fn keyed(operand: &Op, key: Option<&Arc<str>>, reads: &mut Reads) {
    match (operand, key) {
        (Op::Slot(path), Some(key)) => reads.insert(read_path(path, Some(key))),
        (operand, _) => collect(operand, reads),
    }
}

fn read_path(path: &SlotPath, key: Option<&Arc<str>>) -> ReadPath {
    let steps = path.steps.iter().chain(key);
    ReadPath::new(std::iter::once(&path.name).chain(steps))
}

fn constant_text(op: &Op) -> Option<&Arc<str>> {
    match op {
        Op::Constant(Constant::Value(Value::String(text))) => Some(text),
        _ => None,
    }
}
