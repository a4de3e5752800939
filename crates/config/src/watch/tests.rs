use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use ztag_pipeline::{EndpointState, Selection};
use ztag_types::ManualClock;

use super::*;
use crate::load::load;

const MAIN: &str =
    "server: {rules: {rulesFolder: rules}, templates: {templatesFolder: templates}}\n";

fn endpoint(name: &str) -> String {
    format!("endpoints:\n  {name}:\n    authentication: {{allow: {{authorization: [bearer]}}}}\n")
}

struct Fixture {
    folder: TempDir,
    plan: PlanHandle,
    watcher: Watcher,
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        fs::create_dir(folder.path().join("templates")).unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self::over(folder)
    }

    fn over(folder: TempDir) -> Self {
        let sources = Sources::file(folder.path().join("gateway.yaml"));
        let loaded = load(&sources);
        let stores = Stores::offline(&loaded, Arc::new(ManualClock::new())).unwrap();
        let compiled = compile(&loaded, &stores);
        let plan = PlanHandle::new(
            compiled
                .plan
                .unwrap_or_else(|| panic!("{}", compiled.report.to_human())),
        );
        let watcher = Watcher::new(sources, loaded, stores, plan.clone());
        Self {
            folder,
            plan,
            watcher,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn serves(&self, name: &str) -> bool {
        let plan = self.plan.load();
        matches!(
            plan.select(Some(name)),
            Selection::Endpoint(EndpointState::Ready(_))
        )
    }

    /// Starts watching, makes a change and waits for the reload that it causes.
    async fn after(&self, change: impl FnOnce()) -> ReloadOutcome {
        let mut outcomes = self.watcher.outcomes();
        outcomes.mark_unchanged();
        let watcher = self.watcher.clone();
        let running = tokio::spawn(async move { watcher.run().await });
        self.watcher.watching().await;
        change();
        outcomes.changed().await.unwrap();
        running.abort();
        outcomes.borrow_and_update().clone()
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_new_rules_document_takes_effect() {
    let fixture = Fixture::new(&[("gateway.yaml", MAIN), ("rules/a.yaml", &endpoint("one"))]);
    let outcome = fixture
        .after(|| write(&fixture.path("rules/b.yaml"), &endpoint("two")))
        .await;
    assert_eq!((outcome.published, outcome.report.errors()), (Some(2), 0));
    assert!(fixture.serves("one") && fixture.serves("two"));
}

#[tokio::test]
async fn a_document_in_a_new_folder_takes_effect() {
    let fixture = Fixture::new(&[("gateway.yaml", MAIN), ("rules/a.yaml", &endpoint("one"))]);
    let change = || {
        fs::create_dir(fixture.path("rules/sub")).unwrap();
        write(&fixture.path("rules/sub/b.yaml"), &endpoint("two"));
    };
    fixture.after(change).await;
    fixture.watcher.reload_now().await;
    assert!(fixture.serves("two"));
}

#[tokio::test]
async fn inline_endpoints_are_reloaded_and_server_changes_wait_for_a_restart() {
    let fixture = Fixture::new(&[("gateway.yaml", &endpoint("one"))]);
    let text = format!("server: {{listen: {{port: 1}}}}\n{}", endpoint("two"));
    let outcome = fixture
        .after(|| write(&fixture.path("gateway.yaml"), &text))
        .await;
    assert!(outcome.published.is_some() && fixture.serves("two") && !fixture.serves("one"));
    let warnings: Vec<_> = outcome
        .report
        .findings()
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(
        warnings,
        ["`server` has changed; the change takes effect with a restart"]
    );
}

#[tokio::test]
async fn attack_60_a_half_written_document_keeps_the_plan_in_force() {
    let fixture = Fixture::new(&[("gateway.yaml", MAIN), ("rules/a.yaml", &endpoint("one"))]);
    let whole = endpoint("one");
    let (half, _) = whole.split_at(whole.len() - 12);
    let outcome = fixture
        .after(|| write(&fixture.path("rules/a.yaml"), half))
        .await;
    assert_eq!(outcome.published, None);
    assert!(outcome.report.errors() > 0);
    assert!(fixture.serves("one"));
    assert_eq!(fixture.plan.load().generation(), 1);
    assert!(!fixture.plan.last_report().published);
    write(&fixture.path("rules/a.yaml"), &whole);
    assert_eq!(fixture.watcher.reload_now().await.published, Some(2));
}

#[tokio::test]
async fn attack_60_a_vanished_file_or_folder_keeps_the_plan_in_force() {
    let fixture = Fixture::new(&[("gateway.yaml", MAIN), ("rules/a.yaml", &endpoint("one"))]);
    let outcome = fixture
        .after(|| fs::remove_file(fixture.path("rules/a.yaml")).unwrap())
        .await;
    assert_eq!(outcome.published, None, "no endpoint is left");
    fs::remove_dir(fixture.path("rules")).unwrap();
    assert_eq!(fixture.watcher.reload_now().await.published, None);
    fs::remove_file(fixture.path("gateway.yaml")).unwrap();
    assert_eq!(fixture.watcher.reload_now().await.published, None);
    assert!(fixture.serves("one"));
}

#[tokio::test]
async fn defect_03_01_a_reload_that_breaks_every_endpoint_opens_no_door() {
    let fixture = Fixture::new(&[("gateway.yaml", MAIN), ("rules/a.yaml", &endpoint("one"))]);
    for text in [
        "",
        "endpoints: {}",
        "endpoints: {one: {}}",
        "endpoints: {one: {nope: 1}}",
        "{{ broken",
    ] {
        write(&fixture.path("rules/a.yaml"), text);
        let outcome = fixture.watcher.reload_now().await;
        assert_eq!(outcome.published, None, "{text}");
    }
    assert_eq!(fixture.plan.load().generation(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn attack_60_a_config_map_swap_takes_effect_at_once() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    for (version, name) in [("..v1", "one"), ("..v2", "two")] {
        fs::create_dir_all(rules.join(version)).unwrap();
        write(&rules.join(version).join("a.yaml"), &endpoint(name));
    }
    symlink("..v1", rules.join("..data")).unwrap();
    symlink("..data/a.yaml", rules.join("a.yaml")).unwrap();
    write(
        &folder.path().join("gateway.yaml"),
        "server: {rules: {rulesFolder: rules}}\n",
    );
    let fixture = Fixture::over(folder);
    assert!(fixture.serves("one"));
    let swap = || {
        symlink("..v2", rules.join("..data_tmp")).unwrap();
        fs::rename(rules.join("..data_tmp"), rules.join("..data")).unwrap();
    };
    let outcome = fixture.after(swap).await;
    assert!(outcome.published.is_some());
    assert!(fixture.serves("two") && !fixture.serves("one"));
}

#[tokio::test(start_paused = true)]
async fn changes_without_events_are_found_by_looking() {
    let fixture = Fixture::new(&[("gateway.yaml", MAIN), ("rules/a.yaml", &endpoint("one"))]);
    let watcher = fixture.watcher.clone();
    let (_sender, events) = mpsc::channel(1);
    let running = tokio::spawn(async move { watcher.follow(Changes::none(), events).await });
    fixture.watcher.watching().await;
    let mut outcomes = fixture.watcher.outcomes();
    write(&fixture.path("rules/a.yaml"), &endpoint("two"));
    outcomes.changed().await.unwrap();
    assert!(fixture.serves("two") && !fixture.serves("one"));
    running.abort();
}

#[tokio::test]
async fn a_folder_that_goes_is_another_change_than_its_last_file() {
    let main = format!("{MAIN}{}", endpoint("one"));
    let fixture = Fixture::new(&[("gateway.yaml", &main), ("rules/a.yaml", &endpoint("two"))]);
    let inputs = Arc::clone(&fixture.watcher.shared.seen.lock().await.inputs);
    fs::remove_file(fixture.path("rules/a.yaml")).unwrap();
    let empty = inputs.state();
    fs::remove_dir(fixture.path("rules")).unwrap();
    assert_ne!(inputs.state(), empty);
    assert!(fixture.watcher.reload_now().await.published.is_none());
    assert!(fixture.serves("two"));
}

#[tokio::test]
async fn attack_60_files_that_change_while_they_are_read_publish_nothing() {
    let fixture = Fixture::new(&[("gateway.yaml", MAIN), ("rules/a.yaml", &endpoint("one"))]);
    let shared = &fixture.watcher.shared;
    let mut loaded = reload(&shared.sources, &shared.running);
    assert!(loaded.is_settled());
    write(&fixture.path("rules/a.yaml"), &endpoint("two"));
    assert!(!loaded.is_settled());
    loaded.note_unsettled();
    assert!(compile(&loaded, &shared.stores).plan.is_none());
}

#[tokio::test]
async fn a_broken_server_section_keeps_the_plan_in_force() {
    let fixture = Fixture::new(&[("gateway.yaml", &endpoint("one"))]);
    write(
        &fixture.path("gateway.yaml"),
        &format!("server: {{nope: 1}}\n{}", endpoint("two")),
    );
    assert_eq!(fixture.watcher.reload_now().await.published, None);
    assert!(fixture.serves("one"));
}

#[tokio::test]
async fn template_files_are_reloaded() {
    let main = format!(
        "{MAIN}endpoints:\n  one:\n    authentication: {{allow: {{authorization: [bearer]}}}}\n    responsePolicy: {{pass: {{bodyFile: ok.txt}}}}\n"
    );
    let fixture = Fixture::new(&[("gateway.yaml", &main), ("templates/ok.txt", "fine")]);
    let outcome = fixture
        .after(|| write(&fixture.path("templates/ok.txt"), "{{ broken"))
        .await;
    assert_eq!(outcome.published, None, "{}", outcome.report.to_human());
    assert!(fixture.serves("one"));
}

#[tokio::test]
async fn a_burst_of_events_is_read_once_it_is_over() {
    tokio::time::pause();
    let (sender, mut events) = mpsc::channel(1);
    let begun = tokio::time::Instant::now();
    let burst = tokio::spawn(async move {
        for _ in 0..4 {
            tokio::time::sleep(QUIET / 2).await;
            let _ = sender.try_send(());
        }
        std::future::pending::<()>().await;
    });
    settle(&mut events).await;
    assert!(begun.elapsed() >= QUIET / 2 * 4 + QUIET && begun.elapsed() < PATIENCE);
    burst.abort();
    let (sender, mut events) = mpsc::channel(1);
    let begun = tokio::time::Instant::now();
    let endless = tokio::spawn(async move {
        loop {
            tokio::time::sleep(QUIET / 2).await;
            let _ = sender.try_send(());
        }
    });
    settle(&mut events).await;
    assert!(begun.elapsed() >= PATIENCE && begun.elapsed() < PATIENCE + QUIET);
    endless.abort();
}

/// A certificate for `name` and its key, as PEM.
fn certified(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[tokio::test]
async fn a_changed_certificate_is_noticed_and_a_broken_one_keeps_the_old() {
    let main = format!(
        "server: {{listen: {{tls: {{certificates: [{{certFile: tls/a.pem, keyFile: tls/a.key}}]}}}}}}\n{}",
        endpoint("one")
    );
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tls")).unwrap();
    let (pem, key) = certified("a.example");
    write(&folder.path().join("tls/a.pem"), &pem);
    write(&folder.path().join("tls/a.key"), &key);
    write(&folder.path().join("gateway.yaml"), &main);
    let fixture = Fixture::over(folder);
    assert!(fixture.watcher.shared.stores.certificates.is_some());
    let old = fixture.watcher.shared.seen.lock().await.tls.clone();

    // A key that is not that of the certificate.
    let (pem, key) = certified("b.example");
    let outcome = fixture
        .after(|| write(&fixture.path("tls/a.key"), &key))
        .await;
    assert_eq!(outcome.published, None);
    let [finding] = outcome.report.findings() else {
        panic!("{}", outcome.report.to_human())
    };
    assert!(finding.path.starts_with("server.listen.tls"));
    assert_eq!(fixture.watcher.shared.seen.lock().await.tls, old);

    write(&fixture.path("tls/a.pem"), &pem);
    assert_eq!(fixture.watcher.reload_now().await.published, Some(2));
    assert_ne!(fixture.watcher.shared.seen.lock().await.tls, old);
}

#[tokio::test]
async fn a_changed_key_of_ours_is_noticed() {
    let key = || rcgen::KeyPair::generate().unwrap().serialize_pem();
    let main = format!(
        "server: {{clientAuth: {{clientId: us, keyFile: keys/own.pem}}}}\n{}",
        endpoint("one")
    );
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("keys")).unwrap();
    write(&folder.path().join("keys/own.pem"), &key());
    write(&folder.path().join("gateway.yaml"), &main);
    let fixture = Fixture::over(folder);
    let outcome = fixture
        .after(|| write(&fixture.path("keys/own.pem"), &key()))
        .await;
    assert_eq!((outcome.published, outcome.report.errors()), (Some(2), 0));
    write(&fixture.path("keys/own.pem"), "no key");
    assert_eq!(fixture.watcher.reload_now().await.published, None);
}

#[tokio::test]
async fn routes_are_published_with_their_plan() {
    let text = |path: &str| {
        format!(
            "{}upstreams: {{up: {{targets: [{{url: 'http://127.0.0.1:1'}}]}}}}\nroutes: {{a: {{paths: [{path}], endpoint: one, upstream: up}}}}\n",
            endpoint("one")
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    write(&file, &text("/old"));
    let sources = Sources::file(&file).read_by(crate::Program::Gateway);
    let loaded = load(&sources);
    let stores = Stores::offline(&loaded, Arc::new(ManualClock::new())).unwrap();
    let plan = PlanHandle::new(compile(&loaded, &stores).plan.unwrap());
    let (sender, mut published) = mpsc::channel(1);
    let route = move |plan: Arc<Plan>, routing: Routing| {
        let routes = routing.table.routes().len();
        sender.try_send((plan.generation(), routes)).unwrap();
    };
    let watcher = Watcher::routing(sources, loaded, stores, plan, route);
    write(&file, &text("/new"));
    watcher.reload_now().await;
    assert_eq!(published.recv().await, Some((2, 1)));
    // A route that nobody can place publishes nothing.
    write(&file, &text("/new//"));
    assert_eq!(watcher.reload_now().await.published, None);
    assert!(published.try_recv().is_err());
}
