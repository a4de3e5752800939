//! `server.variables`: values of environment variables and secret files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use ztag_types::{Code, ConfigPath, Diagnostic, Globals, Key, Map, Value};

use crate::files;
use crate::spec::VariablesSpec;

/// Reads every variable and secret that `spec` names; what is missing is an error.
pub(crate) fn read(
    spec: &VariablesSpec,
    environment: &BTreeMap<String, String>,
    base: &Path,
    findings: &mut Vec<Diagnostic>,
) -> Globals {
    let at = ConfigPath::root().key("server").key("variables");
    let folder = base.join(&spec.secrets_folder);
    Globals {
        environment: collect(
            &spec.environment,
            &at.key("environment"),
            findings,
            |name, path| {
                environment.get(name).cloned().ok_or_else(|| {
                    let message = format!("environment variable `{name}` is not set");
                    Diagnostic::error(Code::MissingVariable, path, message)
                })
            },
        ),
        secrets: collect(&spec.secrets, &at.key("secrets"), findings, |name, path| {
            read_secret(&folder, name, path)
        }),
    }
}

fn collect(
    names: &BTreeMap<String, Option<String>>,
    at: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
    read: impl Fn(&str, &ConfigPath) -> Result<String, Diagnostic>,
) -> Map {
    let mut values = Map::new();
    for (name, outside) in names {
        let path = at.key(name.clone());
        // A missing value refuses the whole configuration. Its name stays, so that expressions
        // reading it are not reported as well.
        let value = read(outside.as_deref().unwrap_or(name), &path).unwrap_or_else(|diagnostic| {
            findings.push(diagnostic);
            String::new()
        });
        values.insert(Key::from(name.as_str()), Value::from(value));
    }
    values
}

fn read_secret(folder: &Path, name: &str, path: &ConfigPath) -> Result<String, Diagnostic> {
    let file = confined(folder, name, path)?;
    let text = files::read(&file).map_err(|reason| missing(folder, name, path, &reason))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The real path of the secret, which is a file right in the folder. Links may lead about inside
/// it, as mounted secrets do, but not out of it.
fn confined(folder: &Path, name: &str, path: &ConfigPath) -> Result<PathBuf, Diagnostic> {
    let mut components = Path::new(name).components();
    let single = matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(part)), None) if part == name
    );
    let refuse = |message: String| {
        Diagnostic::error(Code::SecretName, path, message)
            .hint("name a file that stands right in the secrets folder")
    };
    if !single || name.contains(['/', '\\', '\0']) {
        return Err(refuse(format!(
            "secret `{}` leaves the secrets folder",
            name.escape_debug()
        )));
    }
    let resolve = |path: &Path| path.canonicalize().map_err(|error| files::reason(&error));
    let root = resolve(folder).map_err(|reason| missing(folder, name, path, &reason))?;
    let real =
        resolve(&folder.join(name)).map_err(|reason| missing(folder, name, path, &reason))?;
    if !real.starts_with(&root) {
        return Err(refuse(format!(
            "secret `{name}` is a link that leaves the secrets folder"
        )));
    }
    Ok(real)
}

fn missing(folder: &Path, name: &str, path: &ConfigPath, reason: &str) -> Diagnostic {
    let folder = folder.display();
    let message = format!("secret `{name}` cannot be read from `{folder}`: {reason}");
    Diagnostic::error(Code::MissingVariable, path, message)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ztag_types::Object;

    use super::*;

    fn secret(folder: &Path, name: &str) -> Result<String, Code> {
        let path = ConfigPath::root().key("s");
        read_secret(folder, name, &path).map_err(|diagnostic| diagnostic.code)
    }

    #[test]
    fn defect_12_secret_names_stay_in_their_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("secrets");
        fs::create_dir(&folder).unwrap();
        fs::write(outer.path().join("outside"), "leak").unwrap();
        fs::write(folder.join("db"), "hunter2\r\n\n").unwrap();
        fs::create_dir(folder.join("sub")).unwrap();
        assert_eq!(secret(&folder, "db").as_deref(), Ok("hunter2"));
        let absolute = outer.path().join("outside");
        for name in [
            "../outside",
            "..",
            ".",
            "",
            "/etc/passwd",
            "sub/../../outside",
            "./db",
            "db/",
            "a\\b",
            "a\0b",
        ] {
            assert_eq!(secret(&folder, name), Err(Code::SecretName), "{name:?}");
        }
        assert_eq!(
            secret(&folder, absolute.to_str().unwrap()),
            Err(Code::SecretName)
        );
        assert_eq!(secret(&folder, "absent"), Err(Code::MissingVariable));
        assert_eq!(secret(&folder, "sub"), Err(Code::MissingVariable));
    }

    #[cfg(unix)]
    #[test]
    fn mounted_secrets_may_be_links_inside_but_not_out() {
        use std::os::unix::fs::symlink;
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("secrets");
        fs::create_dir_all(folder.join("..v1")).unwrap();
        fs::write(folder.join("..v1/db"), "inside").unwrap();
        fs::write(outer.path().join("outside"), "leak").unwrap();
        symlink("..v1", folder.join("..data")).unwrap();
        symlink("..data/db", folder.join("db")).unwrap();
        symlink("../outside", folder.join("out")).unwrap();
        assert_eq!(secret(&folder, "db").as_deref(), Ok("inside"));
        assert_eq!(secret(&folder, "out"), Err(Code::SecretName));
    }

    #[test]
    fn null_means_the_same_name_and_absence_is_an_error() {
        let environment = BTreeMap::from([("HOME_REGION".to_owned(), "eu".to_owned())]);
        let spec = VariablesSpec {
            environment: BTreeMap::from([
                ("HOME_REGION".to_owned(), None),
                ("region".to_owned(), Some("HOME_REGION".to_owned())),
                ("gone".to_owned(), None),
            ]),
            ..VariablesSpec::default()
        };
        let mut findings = Vec::new();
        let globals = read(&spec, &environment, Path::new("/"), &mut findings);
        assert_eq!(
            globals.environment.names(),
            ["HOME_REGION", "gone", "region"]
        );
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::MissingVariable]);
    }
}
