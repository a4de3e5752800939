//! `ztag fga model test`: store files and their tests.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ztag_fga::store_file::{CheckCase, ListObjectsCase, ListUsersCase, StoreTest};
use ztag_fga::{CheckRequest, ListObjectsRequest, ListUsersRequest, ListedUser, Store, UserFilter};

use super::FAILED;
use super::load;
use super::trouble::{Outcome, Trouble};

#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 all passed, 1 some failed, 2 a file is unusable.")]
pub(super) struct TestArguments {
    /// Store files, `store.fga.yaml`.
    #[arg(required = true)]
    files: Vec<PathBuf>,

    /// Also name what passed.
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(arguments: &TestArguments) -> Outcome {
    let mut total = Score::default();
    for path in &arguments.files {
        let score = run_file(path, arguments.verbose)?;
        total.passed += score.passed;
        total.failures.extend(score.failures);
    }
    let (passed, failed) = (total.passed, total.failures.len());
    writeln!(io::stdout(), "{passed} passed, {failed} failed")?;
    if failed == 0 {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::from(FAILED))
    }
}

/// What came of assertions.
#[derive(Debug, Default)]
struct Score {
    passed: usize,
    failures: Vec<String>,
}

impl Score {
    fn judge<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        found: Result<T, ztag_fga::Error>,
        expected: &T,
    ) {
        match found {
            Ok(found) if found == *expected => self.passed += 1,
            Ok(found) => {
                let failure = format!("{what}: expected {expected:?}, got {found:?}");
                self.failures.push(failure);
            }
            Err(error) => self.failures.push(format!("{what}: {error}")),
        }
    }
}

fn run_file(path: &Path, verbose: bool) -> Result<Score, Trouble> {
    let loaded = load::store_file(path)?;
    let valid = loaded.file.validate();
    valid.map_err(|message| Trouble::with_file(path, message))?;
    let mut total = Score::default();
    let mut output = io::stdout().lock();
    for (number, test) in loaded.file.tests.iter().enumerate() {
        // Each test has a store of its own: its tuples are nobody else's.
        let store = loaded
            .store()
            .map_err(|error| Trouble::with_file(path, error))?;
        store.load(None, &test.tuples)?;
        if let Some(name) = &test.tuple_file {
            store.load(None, &load::tuple_file(&path.with_file_name(name))?)?;
        }
        let score = run_test(&store, test);
        let name = test.name.clone();
        let name = name.unwrap_or_else(|| format!("test {}", number + 1));
        if verbose || !score.failures.is_empty() {
            let (passed, failed) = (score.passed, score.failures.len());
            let file = path.display();
            writeln!(output, "{file}: {name}: {passed} passed, {failed} failed")?;
        }
        for failure in &score.failures {
            writeln!(output, "  {failure}")?;
        }
        total.passed += score.passed;
        total.failures.extend(score.failures);
    }
    Ok(total)
}

fn run_test(store: &Store, test: &StoreTest) -> Score {
    let mut score = Score::default();
    for case in &test.check {
        check(store, case, &mut score);
    }
    for case in &test.list_objects {
        list_objects(store, case, &mut score);
    }
    for case in &test.list_users {
        list_users(store, case, &mut score);
    }
    score
}

fn check(store: &Store, case: &CheckCase, score: &mut Score) {
    for user in case.all_users() {
        for object in case.all_objects() {
            for (relation, expected) in &case.assertions {
                let request = CheckRequest {
                    context: case.context.clone(),
                    ..CheckRequest::new(user, relation, object)
                };
                let what = format!("check {user} {relation} {object}");
                score.judge(&what, store.check(&request), expected);
            }
        }
    }
}

fn list_objects(store: &Store, case: &ListObjectsCase, score: &mut Score) {
    let (user, kind) = (&case.user, &case.type_name);
    for (relation, expected) in &case.assertions {
        let listed = store.list_objects(&ListObjectsRequest {
            type_name: kind.clone(),
            relation: relation.clone(),
            user: user.clone(),
            context: case.context.clone(),
            ..ListObjectsRequest::default()
        });
        let listed = listed.map(|listed| listed.objects.into_iter().collect::<BTreeSet<_>>());
        let what = format!("list objects {user} {relation} {kind}");
        score.judge(&what, listed, &expected.iter().cloned().collect());
    }
}

fn list_users(store: &Store, case: &ListUsersCase, score: &mut Score) {
    let object = &case.object;
    for (relation, expected) in &case.assertions {
        let mut found = Ok(BTreeSet::new());
        for filter in &case.user_filter {
            let listed = store.list_users(&ListUsersRequest {
                object: object.clone(),
                relation: relation.clone(),
                filter: UserFilter {
                    type_name: filter.type_name.clone(),
                    relation: filter.relation.clone(),
                },
                context: case.context.clone(),
                ..ListUsersRequest::default()
            });
            found = found.and_then(|mut found: BTreeSet<String>| {
                found.extend(listed?.iter().map(ListedUser::to_user));
                Ok(found)
            });
        }
        let what = format!("list users {object} {relation}");
        score.judge(&what, found, &expected.users.iter().cloned().collect());
    }
}
