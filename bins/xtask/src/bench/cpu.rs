//! What a process and its children took, as the Linux kernel accounts for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ztag_test_support::Failure;

/// Processes with all their descendants.
pub(super) struct Tree {
    roots: BTreeSet<u32>,
}

impl Tree {
    /// The trees that grow from `roots`.
    pub(super) fn of(roots: impl IntoIterator<Item = u32>) -> Self {
        Self {
            roots: roots.into_iter().collect(),
        }
    }

    /// Nanoseconds that all threads have run on a processor: unlike ticks it is exact, and
    /// unlike wall time it leaves out what neighbours took.
    pub(super) fn run_time(&self) -> Result<u64, Failure> {
        let mut sum = 0;
        for process in self.processes()? {
            for thread in folders(&process.join("task")) {
                let text = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
                sum += first_number(&text).unwrap_or(0);
            }
        }
        Ok(sum)
    }

    /// Resident memory in KiB.
    pub(super) fn resident(&self) -> Result<u64, Failure> {
        let sizes = self.processes()?.into_iter().filter_map(|process| {
            let status = fs::read_to_string(process.join("status")).ok()?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmRSS:"))?;
            first_number(line)
        });
        Ok(sizes.sum())
    }

    fn processes(&self) -> Result<Vec<PathBuf>, Failure> {
        let parents: Vec<(u32, u32)> = folders(Path::new("/proc"))
            .into_iter()
            .filter_map(|folder| {
                let id = folder.file_name()?.to_str()?.parse().ok()?;
                Some((id, parent(&folder)?))
            })
            .collect();
        let mut known = self.roots.clone();
        loop {
            let before = known.len();
            let children = parents.iter().filter(|(_, parent)| known.contains(parent));
            let children: Vec<u32> = children.map(|(id, _)| *id).collect();
            known.extend(children);
            if known.len() == before {
                break;
            }
        }
        let folders: Vec<PathBuf> = known
            .iter()
            .map(|id| PathBuf::from(format!("/proc/{id}")))
            .collect();
        if folders.iter().all(|folder| folder.exists()) {
            Ok(folders)
        } else {
            Err(Failure::new("a measured process has ended"))
        }
    }
}

/// The last processor this process may run on: everything measured is pinned to it.
pub(super) fn processor() -> Result<String, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let allowed = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .unwrap_or("0");
    let last = allowed.rsplit([',', '-']).next().unwrap_or("0");
    Ok(last.trim().to_owned())
}

fn parent(process: &Path) -> Option<u32> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    // A process may end while it is looked at: then it has nothing to tell.
    fs::read_dir(parent).map_or_else(
        |_| Vec::new(),
        |entries| entries.flatten().map(|entry| entry.path()).collect(),
    )
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_this_process() {
        let tree = Tree::of([std::process::id()]);
        assert!(tree.run_time().unwrap() > 0);
        assert!(tree.resident().unwrap() > 100);
        assert!(Tree::of([u32::MAX]).run_time().is_err());
    }
}
