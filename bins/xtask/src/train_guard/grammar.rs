//! The project's own cases: forms with blanks, and lists of what fills them.
//!
//! `%name%` in a form stands for one entry of the list `name`, which may have blanks itself. Lists of
//! a family's file come before those of `lists.yaml`. What is drawn depends on the family's id alone,
//! so adding one family changes no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use ztag_ai_security::Channel;
use ztag_test_support::Failure;

use super::corpus::{Sample, own_group};
use super::draw::Draw;

/// Blanks inside blanks, at most.
const DEPTH: usize = 8;

/// Cases of a family that gives no number: so many for each of its forms.
const PER_FORM: usize = 4;

type Lists = BTreeMap<String, Vec<String>>;

/// A file of families.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    lists: Lists,
    families: Vec<Family>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    id: String,
    label: String,
    kind: String,
    channel: Channel,
    #[serde(default)]
    count: Option<usize>,
    /// How often each text is written, one after the other; once unless set.
    #[serde(default)]
    repeat: Option<usize>,
    /// Further names of lists, by the name that forms use.
    #[serde(default)]
    with: BTreeMap<String, String>,
    forms: Vec<String>,
}

/// Writes out every family of the files in `folder`, in the order of their names.
///
/// # Errors
/// When a file cannot be read, or names a list that is not there.
pub(super) fn cases(folder: &Path) -> Result<Vec<Sample>, Failure> {
    let shared: Lists = parse(&folder.join("lists.yaml"))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.path());
    }
    names.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    names.retain(|path| !path.ends_with("lists.yaml"));
    names.sort();
    let mut samples = Vec::new();
    for name in names {
        let page: Page = parse(&name)?;
        let mut lists = shared.clone();
        lists.extend(page.lists);
        for family in &page.families {
            samples.extend(write_out(family, &lists)?);
        }
    }
    Ok(samples)
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_saphyr::from_str(&text).map_err(|error| wrong(&error))
}

fn write_out(family: &Family, lists: &Lists) -> Result<Vec<Sample>, Failure> {
    let wrong = |problem: String| Failure::new(format!("family `{}`: {problem}", family.id));
    let mut lists = lists.clone();
    for (name, other) in &family.with {
        let entries = lists.get(other).cloned();
        let entries = entries.ok_or_else(|| wrong(format!("no list `{other}`")))?;
        lists.insert(name.clone(), entries);
    }
    let wanted = family.count.unwrap_or(family.forms.len() * PER_FORM);
    let mut draw = Draw::named(&family.id);
    let mut texts = BTreeSet::new();
    let mut samples = Vec::new();
    for form in family.forms.iter().cycle().take(wanted * 3) {
        let text = fill(form, &lists, &mut draw, DEPTH).map_err(wrong)?;
        let text = text.repeat(family.repeat.unwrap_or(1));
        if samples.len() < wanted && texts.insert(text.clone()) {
            samples.push(Sample {
                text,
                is_attack: family.label == "attack",
                kind: family.kind.clone(),
                channel: family.channel,
                source: format!("own: {}", family.id),
                licence: "project".to_owned(),
                group: own_group(&family.id),
            });
        }
    }
    Ok(samples)
}

fn fill(form: &str, lists: &Lists, draw: &mut Draw, depth: usize) -> Result<String, String> {
    if depth == 0 {
        return Err("blanks inside blanks without end".to_owned());
    }
    let mut filled = String::with_capacity(form.len() * 2);
    let mut rest = form;
    while let Some((before, name, after)) = blank(rest) {
        filled.push_str(before);
        let entries = lists.get(name).ok_or_else(|| format!("no list `{name}`"))?;
        let entry = draw
            .one_of(entries)
            .ok_or_else(|| format!("list `{name}` is empty"))?;
        filled.push_str(&fill(entry, lists, draw, depth - 1)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// What stands before the first blank, its name, and what follows. A percent sign that is none stays.
fn blank(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('%')?;
        let inside = text.get(open + 1..)?;
        let close = inside.find(|c: char| !c.is_ascii_lowercase())?;
        let name = inside.get(..close)?;
        if !name.is_empty() && inside.get(close..)?.starts_with('%') {
            return Some((text.get(..open)?, name, inside.get(close + 1..)?));
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_found_and_percent_signs_stay() {
        assert_eq!(blank("a %b% c"), Some(("a ", "b", " c")));
        assert_eq!(blank("100% of %b%"), Some(("100% of ", "b", "")));
        assert_eq!(blank("%20x%2F"), None);
        assert_eq!(blank("50%"), None);
    }

    #[test]
    fn forms_are_filled_to_the_bottom() {
        let lists = Lists::from([
            ("who".to_owned(), vec!["%name% Doe".to_owned()]),
            ("name".to_owned(), vec!["Ann".to_owned()]),
            ("loop".to_owned(), vec!["%loop%".to_owned()]),
        ]);
        let fill = |form| fill(form, &lists, &mut Draw::named("test"), DEPTH);
        assert_eq!(fill("Hi %who%, 5%!"), Ok("Hi Ann Doe, 5%!".to_owned()));
        assert!(fill("%nobody%").unwrap_err().contains("nobody"));
        assert!(fill("%loop%").is_err());
    }
}
