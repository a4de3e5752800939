//! Test data of `OpenFGA`: models in its language, sample stores, and suites of questions with their
//! answers. `T` is a tuple, as whoever asks knows it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::failure::Failure;
use crate::render::workspace;

/// The files of the suites.
const SUITES: [&str; 2] = ["consolidated_1_1_tests.yaml", "abac_tests.yaml"];
/// How the names of store files end.
const STORE_FILE: &str = ".fga.yaml";

/// Stages that build on each other.
#[derive(Debug, Deserialize)]
pub struct Test<T> {
    /// What it is about.
    pub name: String,
    /// Its stages, in order.
    pub stages: Vec<Stage<T>>,
}

/// A model and more tuples, and what follows from them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage<T> {
    /// The model, in the modelling language.
    pub model: String,
    /// The tuples written in this stage.
    #[serde(default = "Vec::new")]
    pub tuples: Vec<T>,
    /// Checks.
    pub check_assertions: Option<Vec<CheckCase<T>>>,
    /// Lists of objects.
    pub list_objects_assertions: Option<Vec<ListCase<T, ObjectsWanted>>>,
    /// Lists of users.
    pub list_users_assertions: Option<Vec<ListCase<T, UsersWanted>>>,
}

/// A check and its answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckCase<T> {
    /// What is asked.
    pub tuple: T,
    /// Tuples to assume.
    #[serde(default = "Vec::new")]
    pub contextual_tuples: Vec<T>,
    /// Parameters of conditions.
    #[serde(default)]
    pub context: Map<String, Json>,
    /// The answer.
    #[serde(default)]
    pub expectation: bool,
    /// The number of the error that is expected instead.
    pub error_code: Option<u16>,
}

/// A list and what it holds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCase<T, W> {
    /// What is asked.
    pub request: W,
    /// Tuples to assume.
    #[serde(default = "Vec::new")]
    pub contextual_tuples: Vec<T>,
    /// Parameters of conditions.
    #[serde(default)]
    pub context: Map<String, Json>,
    /// What is listed, in any order.
    pub expectation: Option<Vec<String>>,
    /// The number of the error that is expected instead.
    pub error_code: Option<u16>,
}

/// Objects of a type to which a user has a relation.
#[derive(Clone, Debug, Deserialize)]
pub struct ObjectsWanted {
    /// The user.
    pub user: String,
    /// The type of the objects.
    #[serde(rename = "type")]
    pub kind: String,
    /// The relation.
    pub relation: String,
}

/// Users of a kind who have a relation to an object.
#[derive(Clone, Debug, Deserialize)]
pub struct UsersWanted {
    /// One: a type, or a type with a relation behind `#`.
    pub filters: Vec<String>,
    /// The object.
    pub object: String,
    /// The relation.
    pub relation: String,
}

/// The tests of all suites; none where the data is not there.
///
/// # Errors
/// Data that cannot be read.
pub fn suites<T: DeserializeOwned>() -> Result<Vec<Test<T>>, Failure> {
    #[derive(Deserialize)]
    struct Suite<T> {
        tests: Vec<Test<T>>,
    }
    let mut tests = Vec::new();
    if let Some(folder) = folder("openfga") {
        for file in SUITES {
            tests.extend(yaml::<Suite<T>>(&folder.join(file))?.tests);
        }
    }
    Ok(tests)
}

/// The store files of all sample stores; none where the data is not there.
///
/// # Errors
/// Folders that cannot be read.
pub fn sample_stores() -> Result<Vec<PathBuf>, Failure> {
    let (mut found, mut waiting) = (Vec::new(), Vec::from_iter(folder("sample-stores")));
    while let Some(folder) = waiting.pop() {
        for path in entries(&folder)? {
            if path.is_dir() {
                waiting.push(path);
            } else if path.to_string_lossy().ends_with(STORE_FILE) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folder `name` of the data; `None`, said aloud, where it is not there.
pub fn folder(name: &str) -> Option<PathBuf> {
    let folder = workspace().join("../shared/conformance/fga").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    tell_skipped(&folder);
    None
}

#[expect(
    clippy::print_stderr,
    reason = "the test harness shows it where a test is told to talk"
)]
fn tell_skipped(folder: &Path) {
    eprintln!("skipped: there is no {}", folder.display());
}

/// The text of a file.
///
/// # Errors
/// A file that cannot be read.
pub fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// A YAML file.
///
/// # Errors
/// A file that cannot be read, or holds something else.
pub fn yaml<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    // JSON has no number for what is beyond the range of floats.
    let options = serde_saphyr::options! {
        budget: None,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
    };
    serde_saphyr::from_str_with_options(&text(path)?, options)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// A JSON file.
///
/// # Errors
/// A file that cannot be read, or holds something else.
pub fn json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    serde_json::from_str(&text(path)?)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// What lies in a folder, by name.
///
/// # Errors
/// A folder that cannot be read.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder)?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(|error: io::Error| Failure::from(error))?;
    paths.sort();
    Ok(paths)
}
