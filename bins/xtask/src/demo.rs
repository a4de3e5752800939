//! forward-auth at work: real proxies in front, an application behind, requests that pass, fail
//! and lack credentials, and what forward-auth says about each.

mod show;
mod stage;

use clap::Args;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use ztag_test_support::{Failure, Proxy};

use crate::setup;
use stage::Stage;

/// The proxies shown.
const PROXIES: [Proxy; 2] = [Proxy::Traefik, Proxy::Nginx];

#[derive(Args)]
pub(crate) struct Options {
    /// End after the table instead of staying up.
    #[arg(long)]
    once: bool,
}

/// Shows the demonstration. Every child ends with this function, however it ends, and with this
/// process.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    setup::install()?;
    println!("building forward-auth, starting it behind Traefik and nginx ...");
    let mut stages = Vec::new();
    for proxy in PROXIES {
        stages.push(Stage::set(proxy)?);
    }
    show::table(&stages)?;
    if options.once {
        return Ok(());
    }
    show::invitation(&stages);
    wait_for_the_end()
}

/// Returns at Ctrl-C, or when told to terminate.
fn wait_for_the_end() -> Result<(), Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}
