use std::os::unix::fs::symlink;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn write(root: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn text<'a>(files: &'a TemplateFiles, path: &str) -> Option<&'a str> {
    files.find(path).map(|(_, text)| &**text)
}

#[test]
fn files_by_relative_and_absolute_name() {
    let root = folder();
    write(root.path(), "a.txt", "a\r\n");
    write(root.path(), "sub/b.txt", "b\n\n");
    write(root.path(), ".hidden/c.txt", "c");
    let files = TemplateFiles::load(root.path()).unwrap();
    assert_eq!(files.names().collect::<Vec<_>>(), ["a.txt", "sub/b.txt"]);
    assert_eq!(text(&files, "a.txt"), Some("a"));
    assert_eq!(text(&files, "./sub//b.txt"), Some("b\n"));
    let absolute = root.path().join("sub/b.txt");
    assert_eq!(text(&files, absolute.to_str().unwrap()), Some("b\n"));
    for outside in ["/a.txt", "sub/../a.txt", "..", "", "/", "a.txt/x"] {
        assert_eq!(text(&files, outside), None, "{outside}");
    }
}

#[test]
fn attack_59_sandbox_escapes_by_symlinks_are_refused() {
    let root = folder();
    let outside = folder();
    write(outside.path(), "secret.txt", "secret");
    for target in [outside.path().join("secret.txt"), outside.path().to_owned()] {
        let link = root.path().join("link");
        symlink(&target, &link).unwrap();
        let error = TemplateFiles::load(root.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "template `link` leaves the template folder"
        );
        fs::remove_file(link).unwrap();
    }
    // A neighbour whose name begins like the folder's is outside as well.
    let neighbour = root.path().with_extension("x");
    write(&neighbour, "secret.txt", "secret");
    symlink(neighbour.join("secret.txt"), root.path().join("link")).unwrap();
    assert!(TemplateFiles::load(root.path()).is_err());
    fs::remove_dir_all(neighbour).unwrap();
}

#[test]
fn attack_60_kubernetes_volumes_work() {
    let root = folder();
    write(root.path(), "..2026_11_22/deny.txt", "deny");
    symlink("..2026_11_22", root.path().join("..data")).unwrap();
    symlink("..data/deny.txt", root.path().join("deny.txt")).unwrap();
    let files = TemplateFiles::load(root.path()).unwrap();
    assert_eq!(text(&files, "deny.txt"), Some("deny"));
    assert_eq!(files.names().count(), 1);
}

#[test]
fn symlinked_roots_work_and_loops_end() {
    let root = folder();
    write(root.path(), "real/a.txt", "a");
    symlink("real", root.path().join("link")).unwrap();
    let files = TemplateFiles::load(&root.path().join("link")).unwrap();
    let absolute = root.path().join("link/a.txt");
    assert_eq!(text(&files, absolute.to_str().unwrap()), Some("a"));
    symlink(".", root.path().join("real/again")).unwrap();
    assert!(TemplateFiles::load(root.path()).is_err());
}

#[test]
fn sizes_are_bounded() {
    let root = folder();
    let missing = TemplateFiles::load(&root.path().join("none")).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    write(root.path(), "big.txt", vec![b'x'; 256 * 1024]);
    assert!(TemplateFiles::load(root.path()).is_ok());
    write(root.path(), "big.txt", vec![b'x'; 256 * 1024 + 1]);
    let error = TemplateFiles::load(root.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template `big.txt` is larger than 256 KiB"
    );
    write(root.path(), "big.txt", b"\xff");
    let error = TemplateFiles::load(root.path()).unwrap_err();
    assert_eq!(error.to_string(), "template `big.txt` is not UTF-8 text");
    write(root.path(), "big.txt", "");
    for number in 0..1_000 {
        write(root.path(), &format!("{number}.txt"), "");
    }
    assert!(TemplateFiles::load(root.path()).is_err());
}

#[test]
fn prefixes_of_dynamic_names() {
    let names = ["r/a.txt", "r/b.txt", "ra.txt", "z.txt"];
    let files = TemplateFiles::from_entries(names.map(|name| (name.into(), String::new())));
    let below = |prefix: &str| files.below(prefix).count();
    let counts = ["", "r/", "./r/", "r", "r/a", "r/.", "x", "r//"].map(below);
    assert_eq!(counts, [4, 2, 2, 3, 1, 2, 0, 2]);
}
