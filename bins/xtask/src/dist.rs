//! The doors as they are released: compiled with what loads of every kind were seen to do, which tells the
//! compiler what to inline, what to lay side by side, and what to leave out of the way.

mod layout;

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use ztag_test_support::Failure;

use crate::bench;
use crate::command::{cargo, execute, rustc, target_folder};
use crate::setup;

/// What stands between flags in the environment.
const SEPARATOR: &str = "\u{1f}";

/// The programs that are built.
const DOORS: [&str; 2] = ["forward-auth", "gateway"];

/// Builds the doors and says where they are.
pub(crate) fn run() -> Result<(), Failure> {
    setup::install()?;
    let folder = build()?;
    println!("{} are in {}", DOORS.join(" and "), folder.display());
    Ok(())
}

/// Builds the doors; the folder that they are in. What was seen of the same programs before is used
/// again.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    let tool = setup::install_profile_tool()?;
    let (folder, host) = (target_folder().join("dist"), host()?);
    let watched = Build {
        folder: folder.join("watched"),
        flags: vec![format!("-Cprofile-generate={}", written(&folder).display())],
        host: &host,
    };
    execute(&mut watched.doors())?;
    let profile = folder.join(format!("{:016x}.profdata", watched.key()?));
    if !profile.exists() {
        watch(&watched, &tool, &folder, &profile)?;
    }
    let mut flags = layout::flags(&tool, &profile, &folder.join("order"), &host)?;
    flags.push(format!("-Cprofile-use={}", profile.display()));
    let learned = Build {
        folder: folder.join("learned"),
        flags,
        host: &host,
    };
    execute(&mut learned.doors())?;
    for door in DOORS {
        // Not overwritten: it may be running.
        let (from, to) = (learned.programs().join(door), folder.join(door));
        let fresh = to.with_extension("fresh");
        fs::copy(from, &fresh)?;
        fs::rename(fresh, to)?;
    }
    Ok(folder)
}

/// Loads the watched programs and writes down what they did.
fn watch(watched: &Build<'_>, tool: &Path, folder: &Path, profile: &Path) -> Result<(), Failure> {
    let mut seen = Seen::nothing(folder)?;
    bench::exercise(&watched.programs(), |weight| seen.keep(weight))?;
    let mut soak = Command::new(env::current_exe()?);
    soak.args(["soak", "--quick"]);
    execute(soak.env("ZTAG_GATEWAY", watched.programs().join("gateway")))?;
    // Reading certificates and configurations again and again: next to nothing of what doors do.
    seen.keep(1)?;
    let unfinished = profile.with_extension("unfinished");
    let mut merge = Command::new(tool);
    merge
        .args(["merge", "--sparse", "--output"])
        .arg(&unfinished);
    execute(merge.args(&seen.weighted))?;
    Ok(fs::rename(unfinished, profile)?)
}

/// Where watched programs write when they end.
fn written(folder: &Path) -> PathBuf {
    folder.join("seen").join("now")
}

/// What was seen so far.
struct Seen<'a> {
    folder: &'a Path,
    /// As the tool that merges it takes it.
    weighted: Vec<String>,
}

impl<'a> Seen<'a> {
    /// Forgets what was seen earlier.
    fn nothing(folder: &'a Path) -> Result<Self, Failure> {
        let seen = folder.join("seen");
        if seen.exists() {
            fs::remove_dir_all(seen)?;
        }
        let weighted = Vec::new();
        Ok(Self { folder, weighted })
    }

    /// Puts aside what was written since; it counts `weight` times.
    fn keep(&mut self, weight: u32) -> Result<(), Failure> {
        let written = written(self.folder);
        let aside = written.with_file_name(self.weighted.len().to_string());
        fs::rename(written, &aside)?;
        let input = format!("--weighted-input={weight},{}", aside.display());
        self.weighted.push(input);
        Ok(())
    }
}

/// One way to compile everything.
struct Build<'a> {
    folder: PathBuf,
    flags: Vec<String>,
    /// The machine that is built on. Naming it keeps the flags from what runs while building.
    host: &'a str,
}

impl Build<'_> {
    fn doors(&self) -> Command {
        let mut command = cargo(&["build", "--release", "--locked", "--target", self.host]);
        command
            .env("CARGO_TARGET_DIR", &self.folder)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags.join(SEPARATOR));
        for door in DOORS {
            command.args(["--package", door]);
        }
        command
    }

    /// The folder of its programs.
    fn programs(&self) -> PathBuf {
        self.folder.join(self.host).join("release")
    }

    /// Tells these programs from others.
    fn key(&self) -> Result<u64, Failure> {
        let mut hasher = DefaultHasher::new();
        for door in DOORS {
            hasher.write(&fs::read(self.programs().join(door))?);
        }
        Ok(hasher.finish())
    }
}

/// The machine that is built on, as the compiler names it.
fn host() -> Result<String, Failure> {
    let output = rustc(&["-vV"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Failure::new("the compiler does not say which machine it builds for"))
}
