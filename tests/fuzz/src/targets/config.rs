//! Configuration texts and described requests.

use std::fs;
use std::path::{Path, PathBuf};
use std::str;
use std::sync::{Arc, LazyLock};

use tempfile::TempDir;
use ztag_config::{Report, Sources, Stores, compile, describe_request, load};
use ztag_pipeline::RequestSpec;
use ztag_types::SystemClock;

/// A folder for the documents; in memory where the system has such a place.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    folder.expect("a folder for documents")
});

/// The first byte chooses the format, the rest is the document. Whatever it says, it is either
/// served or explained.
pub(crate) fn document(data: &[u8]) {
    let Some((format, text)) = data.split_first() else {
        return;
    };
    let extension = ["yaml", "toml", "json"][usize::from(*format) % 3];
    let path = write(&format!("main.{extension}"), text);
    let loaded = load(&Sources::file(path));
    let clock = Arc::new(SystemClock::new());
    let report = match Stores::offline(&loaded, clock) {
        Err(report) => {
            assert!(report.errors() > 0, "refused without a reason");
            report
        }
        Ok(stores) => {
            let compiled = compile(&loaded, &stores);
            let is_explained = compiled.plan.is_some() || compiled.report.errors() > 0;
            assert!(is_explained, "no plan and no reason");
            compiled.report
        }
    };
    print(&report);
}

/// A request described for a dry run: in a file, and in the body of `POST /explain`. What JSON says,
/// YAML says, too.
pub(crate) fn description(data: &[u8]) {
    let json = serde_json::from_slice::<RequestSpec>(data);
    if let Ok(text) = str::from_utf8(data) {
        let yaml = describe_request(text);
        if let (Ok(json), Ok(yaml)) = (json, yaml) {
            assert_eq!(
                (json.url, json.headers.len()),
                (yaml.url, yaml.headers.len())
            );
        }
    }
}

fn write(name: &str, text: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    fs::write(&path, text).expect("a document is written");
    path
}

/// Reports must be printable, whatever they point at.
fn print(report: &Report) {
    let human = report.to_human();
    assert!(report.is_empty() || !human.is_empty());
    let json = report.to_json();
    assert_eq!(json.as_array().map(Vec::len), Some(report.findings().len()));
}
