//! File events of the operating system, reduced to "something changed".

use std::collections::BTreeSet;
use std::path::PathBuf;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// Folders under watch. Without support of the operating system it notices nothing, and the
/// regular look at the files remains.
#[derive(Debug)]
pub(super) struct Changes {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Changes {
    /// Tells `sender` of changes; it needs room for one message, since more say no more.
    pub(super) fn start(sender: mpsc::Sender<()>) -> Self {
        let notice = move |event: notify::Result<notify::Event>| {
            let relevant = event.map_or(true, |event| !event.kind.is_access());
            if relevant {
                // A full channel has a wake-up under way already.
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(notice)
            .map_err(|error| tracing::warn!(%error, "file events are not available"))
            .ok();
        Self {
            watcher,
            watched: BTreeSet::new(),
        }
    }

    /// Notices nothing.
    #[cfg(test)]
    pub(super) const fn none() -> Self {
        Self {
            watcher: None,
            watched: BTreeSet::new(),
        }
    }

    /// Watches exactly `folders`, each by itself: links inside them are not followed by the
    /// operating system.
    pub(super) fn watch(&mut self, folders: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let wanted: BTreeSet<PathBuf> = folders.iter().cloned().collect();
        for gone in self.watched.difference(&wanted) {
            // Of a folder that was removed, there is nothing left to stop watching.
            let _ = watcher.unwatch(gone);
        }
        self.watched.retain(|folder| wanted.contains(folder));
        for folder in wanted {
            if !self.watched.contains(&folder)
                && watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok()
            {
                self.watched.insert(folder);
            }
        }
    }
}
