use super::*;
use crate::document::Format;
use crate::place::SourceId;

const FILE: &str = "
server: {listen: {port: 1}, variables: {environment: {region: REGION}}}
endpoints:
  my-api:
    forwardProxyPolicy: {trustedProxyIPs: [10.0.0.0/8]}
    rules: [{name: a_rule}]
rules:
  a_rule: {conditions: {pass: ['true']}}
";

/// The document with these variables applied, and what was noted.
fn applied(variables: &[(&str, &str)]) -> (Node, Vec<Diagnostic>) {
    let mut root = Format::Yaml.parse(FILE, SourceId::FIRST).unwrap();
    let mut archive = Archive::default();
    archive.add(Origin::File("f.yaml".to_owned()), FILE.to_owned());
    let pairs = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment: BTreeMap<_, _> = pairs.collect();
    let mut notes = Vec::new();
    let schema = Schema::document();
    overlay(
        &mut root,
        &schema,
        (&environment, &Short::default()),
        &sections(),
        &mut archive,
        &mut notes,
    );
    unclaimed(&environment, &mut notes);
    (
        root,
        notes.into_iter().map(|note| note.diagnostic).collect(),
    )
}

fn at<'n>(root: &'n Node, keys: &[&str]) -> Option<&'n Content> {
    let path = keys
        .iter()
        .fold(ConfigPath::root(), |path, key| match key.parse() {
            Ok(index) => path.index(index),
            Err(_) => path.key(*key),
        });
    let found = root.find(&path);
    found.complete.then_some(&found.node.content)
}

fn sets(name: &str, value: &str, keys: &[&str], expected: &str) {
    let (root, notes) = applied(&[(name, value)]);
    assert_eq!(notes, [], "{name}");
    assert_eq!(
        format!("{:?}", at(&root, keys)),
        format!("Some({expected})"),
        "{name}"
    );
}

fn refuses(name: &str, value: &str, code: Code, hint: Option<&str>) {
    let (_, notes) = applied(&[(name, value)]);
    let found: Vec<_> = notes
        .iter()
        .map(|note| (note.code, note.hint.as_deref()))
        .collect();
    assert_eq!(found, [(code, hint)], "{name}: {notes:?}");
    assert!(
        notes.iter().all(|note| note.message.contains(name)),
        "{notes:?}"
    );
    assert!(
        notes
            .iter()
            .all(|note| value.len() < 4 || !note.message.contains(value)),
        "{notes:?}"
    );
}

#[test]
fn defect_2_1_every_scalar_is_reachable_whatever_its_letter_case() {
    sets(
        "ZTAG_SERVER__LISTEN__PORT",
        "8443",
        &["server", "listen", "port"],
        "Int(8443)",
    );
    sets(
        "ZTAG_SERVER__LOGGING__CORRELATIONHEADER",
        "X-Id",
        &["server", "logging", "correlationHeader"],
        "Text(\"X-Id\")",
    );
    sets(
        "ZTAG_SERVER__LOGGING__CORRELATION_HEADER",
        "X-Id",
        &["server", "logging", "correlationHeader"],
        "Text(\"X-Id\")",
    );
    sets(
        "ZTAG_server__rules__RulesFolder",
        "r",
        &["server", "rules", "rulesFolder"],
        "Text(\"r\")",
    );
    sets(
        "ZTAG_SERVER__ADMIN__ENABLED",
        "FALSE",
        &["server", "admin", "enabled"],
        "Bool(false)",
    );
    sets(
        "ZTAG_SERVER__CACHE__REDIS__TLS__CAFILE",
        "/x",
        &["server", "cache", "redis", "tls", "caFile"],
        "Text(\"/x\")",
    );
    sets(
        "ZTAG_SERVER__CACHE__KEYSALT",
        "7",
        &["server", "cache", "keySalt"],
        "Text(\"7\")",
    );
}

#[test]
fn definitions_and_list_items_are_reachable() {
    sets(
        "ZTAG_ENDPOINTS__MY_API__AUTHENTICATION__REQUIRED",
        "true",
        &["endpoints", "my-api", "authentication", "required"],
        "Bool(true)",
    );
    sets(
        "ZTAG_RULES__A_RULE__BACKENDAPI__URL",
        "http://b",
        &["rules", "a_rule", "backendApi", "url"],
        "Text(\"http://b\")",
    );
    sets(
        "ZTAG_RULES__A_RULE__CONDITIONS__PASS__0",
        "false",
        &["rules", "a_rule", "conditions", "pass", "0"],
        "Text(\"false\")",
    );
    sets(
        "ZTAG_SERVER__VARIABLES__ENVIRONMENT__ZONE",
        "Z",
        &["server", "variables", "environment", "zone"],
        "Text(\"Z\")",
    );
    let (root, notes) = applied(&[
        (
            "ZTAG_ENDPOINTS__MYAPI__FORWARDPROXYPOLICY__TRUSTEDPROXYIPS__1",
            "::1",
        ),
        (
            "ZTAG_ENDPOINTS__MYAPI__FORWARDPROXYPOLICY__TRUSTEDPROXYIPS__2",
            "10.0.0.1",
        ),
    ]);
    assert_eq!(notes, []);
    let list = at(
        &root,
        &[
            "endpoints",
            "my-api",
            "forwardProxyPolicy",
            "trustedProxyIPs",
        ],
    );
    assert!(matches!(list, Some(Content::List(items)) if items.len() == 3));
}

#[test]
fn names_that_lead_nowhere_are_errors_with_a_suggestion() {
    let unknown = Code::UnknownEnvironment;
    refuses(
        "ZTAG_SERVER__LISTEN__PROT",
        "1",
        unknown,
        Some("did you mean `ZTAG_SERVER__LISTEN__PORT`?"),
    );
    refuses(
        "ZTAG_SERVR__LISTEN__PORT",
        "1",
        unknown,
        Some("did you mean `ZTAG_SERVER__LISTEN__PORT`?"),
    );
    refuses(
        "ZTAG_ENDPOINTS__MY_APY__DESCRIPTION",
        "text",
        unknown,
        Some("did you mean `ZTAG_ENDPOINTS__MY-API__DESCRIPTION`?"),
    );
    refuses("ZTAG_SERVER__LISTEN", "text", unknown, None);
    refuses("ZTAG_SERVER__LISTEN__PORT__X", "text", unknown, None);
    refuses(
        "ZTAG_RULES__A_RULE__CONDITIONS__PASS__7",
        "text",
        unknown,
        Some("the next free number is `1`"),
    );
    refuses(
        "ZTAG_SERVER__LISTEN__PORT",
        "hunter2",
        Code::WrongType,
        None,
    );
    refuses(
        "ZTAG_SERVER__ADMIN__ENABLED",
        "hunter2",
        Code::WrongType,
        None,
    );
    refuses(
        "ZTAG_SERVER_LISTEN_PORT",
        "1",
        unknown,
        Some("separate parts by two underscores: `ZTAG_SERVER__LISTEN__PORT`"),
    );
    refuses(
        "PASSCTRL_SERVER__LISTEN__PORT",
        "1",
        unknown,
        Some("write it as `ZTAG_SERVER__LISTEN__PORT`"),
    );
}

#[test]
fn variables_of_orchestrators_are_left_alone() {
    let (_, notes) = applied(&[
        ("ZTAG_SERVICE_HOST", "x"),
        ("ZTAG_PORT_8080_TCP", "x"),
        ("ZTAG_CONFIG", "x"),
        ("PATH", "x"),
    ]);
    assert_eq!(notes, []);
}
