//! Explanations as text.

use std::fmt::Write;

use ztag_fga::{Part, Reason, Tuple};

/// A part and the parts that it rests on, one line each.
pub(super) fn part(part: &Part) -> String {
    let mut text = String::new();
    write_part(part, 0, &mut text);
    text
}

fn write_part(part: &Part, depth: usize, text: &mut String) {
    let mut part = part;
    // Of a union that holds one way is shown: where it is about the same, it says everything.
    while let (Reason::Union, [only]) = (&part.reason, part.parts.as_slice())
        && only.about == part.about
    {
        part = only;
    }
    let mark = match part.holds {
        Some(true) => "yes",
        Some(false) => "no ",
        None => "?  ",
    };
    let (indent, about, why) = ("  ".repeat(depth), &part.about, reason(&part.reason));
    let same = part
        .parts
        .first()
        .filter(|_| part.reason == Reason::Computed);
    let same = same.map_or_else(String::new, |same| format!(" {}", same.about));
    let _ = writeln!(text, "{mark} {indent}{about}: {why}{same}");
    for inner in &part.parts {
        write_part(inner, depth + 1, text);
    }
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Itself => "the user is this userset".into(),
        Reason::Tuple(own) => format!("tuple {}", tuple(own)),
        Reason::NoTuple => "no tuple names the user".into(),
        Reason::Condition {
            tuple: own,
            fault: None,
        } => format!("the condition of tuple {} does not hold", tuple(own)),
        Reason::Condition {
            tuple: own,
            fault: Some(fault),
        } => format!(
            "the condition of tuple {} fails: {}",
            tuple(own),
            fault.message()
        ),
        Reason::Computed => "the same as".into(),
        Reason::Userset(own) => format!("through tuple {}", tuple(own)),
        Reason::Parent(own) => format!("from tuple {}", tuple(own)),
        Reason::Union => "any of".into(),
        Reason::Intersection => "all of".into(),
        Reason::Exclusion => "the first but not the second of".into(),
        Reason::Seen => "explained elsewhere".into(),
        Reason::Unreachable => "the model never leads to such a user".into(),
        Reason::Cut => "not shown, the explanation is long enough".into(),
    }
}

fn tuple(tuple: &Tuple) -> String {
    let Tuple {
        user,
        relation,
        object,
        condition,
    } = tuple;
    match condition {
        None => format!("{user} {relation} {object}"),
        Some(condition) => format!("{user} {relation} {object} with {}", condition.name),
    }
}
