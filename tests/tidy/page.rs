//! A page of `design/` with parts between markers, and what holds for all generated text.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use ztag_test_support::{Failure, workspace};

/// Set to rewrite generated parts instead of comparing them.
const BLESS_VARIABLE: &str = "ZTAG_BLESS";

/// A page of `design/`.
pub(crate) struct Page {
    path: PathBuf,
    name: String,
    text: String,
}

impl Page {
    /// Reads `design/{name}`.
    pub(crate) fn open(name: &str) -> Result<Self, Failure> {
        let path = workspace().join("design").join(name);
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::new(format!("design/{name}: {error}")))?;
        Ok(Self {
            path,
            name: format!("design/{name}"),
            text,
        })
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text between `<!-- part -->` and `<!-- /part -->`.
    pub(crate) fn part(&self, part: &str) -> Result<&str, Failure> {
        let (open, close) = (format!("<!-- {part} -->"), format!("<!-- /{part} -->"));
        let after = self.text.split_once(&open).map(|(_, after)| after);
        let inner = after.and_then(|after| after.split_once(&close));
        let missing = || Failure::new(format!("{}: no part `{part}`", self.name));
        inner.map(|(inner, _)| inner).ok_or_else(missing)
    }

    /// The rows of the tables in a part, without their heads.
    pub(crate) fn rows(&self, part: &str) -> Result<Vec<Vec<String>>, Failure> {
        Ok(rows(self.part(part)?))
    }

    /// Fails unless the first column of the table in `part` holds exactly `expected`, each in
    /// backticks, in this order.
    pub(crate) fn expect_names(
        &self,
        part: &str,
        column: usize,
        expected: &[&str],
    ) -> Result<(), Failure> {
        let rows = self.rows(part)?;
        let names: Vec<_> = rows.iter().filter_map(|row| row.get(column)).collect();
        let names: Vec<_> = names.iter().map(|name| name.trim_matches('`')).collect();
        if names == expected {
            return Ok(());
        }
        let (written, real) = (set(&names), set(expected));
        Err(Failure::new(format!(
            "{}, part `{part}`: not in the code: {:?}; not in the document: {:?}; or out of order",
            self.name,
            written.difference(&real).collect::<Vec<_>>(),
            real.difference(&written).collect::<Vec<_>>(),
        )))
    }

    /// Fails unless `part` holds `expected`; writes it there under `ZTAG_BLESS=1`.
    pub(crate) fn expect_generated(&self, part: &str, expected: &str) -> Result<(), Failure> {
        let written = self.part(part)?;
        let expected = format!("\n{}\n", expected.trim());
        if written == expected {
            return Ok(());
        }
        if is_blessing() {
            return self.rewrite(part, &expected);
        }
        let name = format!("{}, part `{part}`", self.name);
        Err(deviation(&name, written, &expected))
    }

    /// Writes `content` into a part, as the file is now: tests run side by side.
    fn rewrite(&self, part: &str, content: &str) -> Result<(), Failure> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock();
        let now = Self {
            path: self.path.clone(),
            name: self.name.clone(),
            text: fs::read_to_string(&self.path)?,
        };
        let open = format!("<!-- {part} -->");
        let before = format!("{open}{}", now.part(part)?);
        let after = format!("{open}{content}");
        // Tests beside this one read the page, and must find all of it.
        let new = self.path.with_extension("new");
        fs::write(&new, now.text.replacen(&before, &after, 1))?;
        fs::rename(new, &self.path)?;
        Ok(())
    }
}

/// Whether generated text is to be written instead of compared.
pub(crate) fn is_blessing() -> bool {
    env::var_os(BLESS_VARIABLE).is_some_and(|value| value == "1")
}

/// That `name` holds `written` where the code says `expected`, and how that is mended.
pub(crate) fn deviation(name: &str, written: &str, expected: &str) -> Failure {
    let differs = |(old, new): (&str, &str)| (old != new).then(|| format!("- {old}\n+ {new}"));
    let first = written.lines().zip(expected.lines()).find_map(differs);
    Failure::new(format!(
        "{name} is not what the code says; write it anew with \
         `{BLESS_VARIABLE}=1 cargo test -p ztag-tests --test tidy`\n{}",
        first.unwrap_or_else(|| String::from("one is longer than the other"))
    ))
}

/// The cells of every table row in `text`, heads and rulers left out.
pub(crate) fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_ruler = |line: &str| line.starts_with("|--") || line.starts_with("| --");
    let numbered = lines.iter().enumerate();
    let rows = numbered.filter(|(number, line)| {
        let is_head = lines.get(number + 1).is_some_and(|next| is_ruler(next));
        line.starts_with('|') && !is_ruler(line) && !is_head
    });
    rows.map(|(_, line)| cells(line)).collect()
}

/// The cells of one row. A bar that belongs to a cell is written `\|`.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|');
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    let inner = inner.replace("\\|", "\0");
    let cells = inner.split('|').map(str::trim);
    cells.map(|cell| cell.replace('\0', "|")).collect()
}

fn set<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

#[test]
fn tables_are_read_row_by_row() {
    let text = "| a | b |\n|---|---|\n| `x` | y \\| z |\n\n| c |\n|---|\n| 1 |\n";
    assert_eq!(rows(text), [vec!["`x`", "y | z"], vec!["1"]]);
}
