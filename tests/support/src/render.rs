//! Takes the files of `examples/` as users copy them and replaces the ports.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::Failure;

/// Which documented port stands for which real one.
#[derive(Clone, Debug, Default)]
pub struct Ports(Vec<(u16, u16)>);

impl Ports {
    /// No replacement.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces `documented` by `real`.
    #[must_use]
    pub fn with(mut self, documented: u16, real: u16) -> Self {
        self.0.push((documented, real));
        self
    }

    /// `text` with every number that is one of the documented ports replaced, in one pass.
    pub fn render(&self, text: &str) -> String {
        let mut rendered = String::with_capacity(text.len());
        for piece in split_numbers(text) {
            let real = self
                .0
                .iter()
                .find(|(documented, _)| piece == documented.to_string());
            match real {
                Some((_, real)) => rendered.push_str(&real.to_string()),
                None => rendered.push_str(piece),
            }
        }
        rendered
    }
}

/// Copies the files of `from` and its folders to `to`, rendered.
pub fn copy_rendered(from: &Path, to: &Path, ports: &Ports) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", from.display())))?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_rendered(&entry.path(), &target, ports)?;
        } else {
            fs::write(target, ports.render(&fs::read_to_string(entry.path())?))?;
        }
    }
    Ok(())
}

/// The workspace folder.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Reads a YAML file of the workspace.
pub fn from_yaml<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let name = path.display();
    let text =
        fs::read_to_string(path).map_err(|error| Failure::new(format!("{name}: {error}")))?;
    serde_saphyr::from_str(&text).map_err(|error| Failure::new(format!("{name}: {error}")))
}

/// Cuts `text` into runs of digits and runs of everything else.
fn split_numbers(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let digit = rest.chars().next()?.is_ascii_digit();
        let end = rest
            .find(|c: char| c.is_ascii_digit() != digit)
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_numbers_only() {
        let ports = Ports::new().with(80, 8080).with(8080, 9);
        assert_eq!(
            ports.render("a:80, b:8080, c:180 80"),
            "a:8080, b:9, c:180 8080"
        );
    }
}
