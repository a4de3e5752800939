//! Sample stores, as people write them.

use std::collections::BTreeSet;
use std::path::Path;

use ztag_fga::dsl::{self, ModFile, ModuleFile};
use ztag_fga::spec::ModelSpec;
use ztag_fga::store_file::{CheckCase, ListObjectsCase, ListUsersCase, StoreFile, StoreTest};
use ztag_fga::{
    CheckRequest, Limits, ListObjectsRequest, ListUsersRequest, ListedUser, Store, Tuple,
    UserFilter, WriteRequest,
};
use ztag_test_support::fga;

fn model(path: &Path, file: &StoreFile) -> ModelSpec {
    if let Some(text) = &file.model {
        return dsl::parse(text).unwrap_or_else(|found| panic!("{}: {found:?}", path.display()));
    }
    let folder = path.parent().unwrap();
    let model = folder.join(file.model_file.as_ref().unwrap());
    let text = fga::text(&model).unwrap();
    if model
        .extension()
        .is_some_and(|extension| extension == "fga")
    {
        return dsl::parse(&text).unwrap();
    }
    let list = ModFile::parse(&text).unwrap();
    let files = list.contents.into_iter().map(|item| ModuleFile {
        contents: fga::text(&model.parent().unwrap().join(&item.value)).unwrap(),
        name: item.value,
    });
    let files: Vec<_> = files.collect();
    dsl::combine(&files, "1.2").unwrap_or_else(|found| panic!("{}: {found:?}", path.display()))
}

fn write(store: &Store, path: &Path, tuples: &[Tuple], files: &[&String]) {
    let mut all = tuples.to_vec();
    for file in files {
        all.extend(fga::yaml::<Vec<Tuple>>(&path.parent().unwrap().join(file)).unwrap());
    }
    for tuples in all.chunks(100) {
        let mut request = WriteRequest::writes(tuples.to_vec());
        request.on_duplicate = ztag_fga::OnDuplicate::Ignore;
        store
            .write(&request)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Runs one test; returns how many assertions it held.
fn run(store: &Store, path: &Path, test: &StoreTest) -> usize {
    let checks = test.check.iter().map(|case| check(store, path, case));
    let objects = test
        .list_objects
        .iter()
        .map(|case| list_objects(store, path, case));
    let users = test
        .list_users
        .iter()
        .map(|case| list_users(store, path, case));
    checks.chain(objects).chain(users).sum()
}

fn check(store: &Store, path: &Path, case: &CheckCase) -> usize {
    let mut count = 0;
    let pairs = case
        .all_users()
        .flat_map(|user| case.all_objects().map(move |object| (user, object)));
    for (user, object) in pairs {
        for (relation, expected) in &case.assertions {
            let request = CheckRequest {
                context: case.context.clone(),
                ..CheckRequest::new(user, relation, object)
            };
            let what = format!("{}: {object}#{relation}@{user}", path.display());
            assert_eq!(store.check(&request), Ok(*expected), "{what}");
            let explained = store.explain(&request).unwrap();
            assert_eq!(
                explained.part.holds,
                Some(*expected),
                "{what}: {explained:#?}"
            );
            count += 1;
        }
    }
    count
}

fn list_objects(store: &Store, path: &Path, case: &ListObjectsCase) -> usize {
    for (relation, expected) in &case.assertions {
        let request = ListObjectsRequest {
            type_name: case.type_name.clone(),
            relation: relation.clone(),
            user: case.user.clone(),
            context: case.context.clone(),
            ..ListObjectsRequest::default()
        };
        let listed = store.list_objects(&request).unwrap().objects;
        let listed: BTreeSet<_> = listed.into_iter().collect();
        let expected = expected.iter().cloned().collect();
        assert_eq!(listed, expected, "{}: {request:?}", path.display());
    }
    case.assertions.len()
}

fn list_users(store: &Store, path: &Path, case: &ListUsersCase) -> usize {
    for (relation, expected) in &case.assertions {
        let filter = &case.user_filter[0];
        let request = ListUsersRequest {
            object: case.object.clone(),
            relation: relation.clone(),
            filter: UserFilter {
                type_name: filter.type_name.clone(),
                relation: filter.relation.clone(),
            },
            context: case.context.clone(),
            ..ListUsersRequest::default()
        };
        let listed = store.list_users(&request).unwrap();
        let listed: BTreeSet<_> = listed.iter().map(ListedUser::to_user).collect();
        let expected = expected.users.iter().cloned().collect();
        assert_eq!(listed, expected, "{}: {request:?}", path.display());
    }
    case.assertions.len()
}

#[test]
fn sample_stores() {
    let paths = fga::sample_stores().unwrap();
    let (mut count, is_there) = (0, !paths.is_empty());
    for path in paths {
        let file: StoreFile = fga::yaml(&path).unwrap();
        file.validate().unwrap();
        let model = model(&path, &file);
        for test in &file.tests {
            let store = Store::new(Limits::default());
            store
                .write_model(model.clone())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let files: Vec<_> = file.tuple_file.iter().chain(&file.tuple_files).collect();
            write(&store, &path, &file.tuples, &files);
            let own: Vec<_> = test.tuple_file.iter().collect();
            write(&store, &path, &test.tuples, &own);
            count += run(&store, &path, test);
        }
    }
    assert!(count > 200 || !is_there, "{count}");
}

#[test]
fn store_files_with_mistakes_are_refused() {
    let Some(folder) = fga::folder("language/stores") else {
        return;
    };
    for case in fga::entries(&folder).unwrap() {
        let text = fga::text(&case.join("store.fga.yaml")).unwrap();
        let file = serde_saphyr::from_str::<StoreFile>(&text).map_err(|error| error.to_string());
        let valid = file.and_then(|file| file.validate().map_err(str::to_owned));
        let expected = !case.join("expected_errors.json").exists();
        assert_eq!(valid.is_ok(), expected, "{}: {valid:?}", case.display());
    }
}
