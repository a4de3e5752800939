//! Finds the programs that tests run.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::Failure;

/// Names another folder than the default one for the tools installed by `cargo xtask setup`.
pub const TOOLS_FOLDER_VARIABLE: &str = "ZTAG_TOOLS";

/// Where `cargo xtask setup` keeps the programs that the system does not package: `ZTAG_TOOLS`,
/// or `ztag/tools` in the user's cache folder.
pub fn tools_folder() -> PathBuf {
    let cache = || {
        env::var_os("XDG_CACHE_HOME").map_or_else(
            || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache"),
            PathBuf::from,
        )
    };
    env::var_os(TOOLS_FOLDER_VARIABLE)
        .map_or_else(|| cache().join("ztag").join("tools"), PathBuf::from)
}

/// Where Debian keeps the programs of each version of `PostgreSQL`.
const POSTGRES: &str = "/usr/lib/postgresql";

/// The path of the program `name`: on `PATH`, where Debian keeps servers, or in
/// [`tools_folder`].
pub fn locate(name: &str) -> Result<PathBuf, Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), tools_folder().join("bin")])
        .chain(postgres_folders())
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| {
            Failure::new(format!(
                "`{name}` is not installed: run `cargo xtask setup` as root on Debian, \
                 or install it on the PATH"
            ))
        })
}

/// The newest version first.
fn postgres_folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(POSTGRES).into_iter().flatten().flatten();
    let mut versions: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let folder = |version| PathBuf::from(format!("{POSTGRES}/{version}/bin"));
    versions.into_iter().map(folder).collect()
}
