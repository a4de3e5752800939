//! Links between documents, and files that documents name, lead somewhere.

use std::path::Path;

use ztag_test_support::{Failure, workspace};

use crate::tree::{Source, files, report};

/// Beginnings of paths of ours in running text.
const SHELVES: [&str; 6] = [
    "crates/",
    "bins/",
    "tests/",
    "examples/",
    "design/",
    "benches/",
];

#[test]
fn links_lead_somewhere() -> Result<(), Failure> {
    let mut deviations = Vec::new();
    for page in files("md")? {
        let broken = links(&page.text)
            .into_iter()
            .filter(|link| !leads(&page, link));
        deviations.extend(broken.map(|link| format!("{}: no `{link}`", page.name)));
    }
    report(&deviations)
}

#[test]
fn files_that_documents_name_exist() -> Result<(), Failure> {
    let mut deviations = Vec::new();
    for page in files("md")? {
        let named = page.text.split('`').skip(1).step_by(2);
        let ours = named.filter(|text| SHELVES.iter().any(|shelf| text.starts_with(shelf)));
        let plain = ours.filter(|text| !text.contains(['<', '{', '*', ' ']));
        let broken = plain.filter(|path| !exists(&page, path));
        deviations.extend(broken.map(|path| format!("{}: no `{path}`", page.name)));
    }
    report(&deviations)
}

/// Whether `path` leads somewhere from the root or from the page.
fn exists(page: &Source, path: &str) -> bool {
    let folder = Path::new(&page.name).parent().unwrap_or(Path::new(""));
    workspace().join(path).exists() || workspace().join(folder).join(path).exists()
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<&str> {
    let after = text.split("](").skip(1);
    after
        .filter_map(|after| Some(after.split_once(')')?.0))
        .collect()
}

fn leads(page: &Source, link: &str) -> bool {
    let target = link.split('#').next().unwrap_or(link);
    let is_outside = link.contains("://") || link.starts_with('#');
    let folder = Path::new(&page.name).parent().unwrap_or(Path::new(""));
    is_outside || workspace().join(folder).join(target).exists()
}
