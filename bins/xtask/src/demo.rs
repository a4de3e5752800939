//! Both doors at work: real proxies that ask forward-auth, and the gateway with the tokens of a real
//! provider; requests that pass, fail and lack credentials, and why.

mod answer;
mod front;
mod stage;
mod table;

use clap::Args;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use ztag_test_support::{Failure, Proxy};

use crate::setup;
use front::Front;
use stage::Stage;
use table::Table;

/// The proxies shown.
const PROXIES: [Proxy; 2] = [Proxy::Traefik, Proxy::Nginx];

#[derive(Args)]
pub(crate) struct Options {
    /// End after the table instead of staying up.
    #[arg(long)]
    once: bool,
}

/// Shows the demonstration, and fails when something is not answered as it must be. Every child
/// ends with this function, however it ends, and with this process.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    setup::install()?;
    println!("building forward-auth and gateway, starting them, two proxies and a provider ...");
    let mut stages = Vec::new();
    for proxy in PROXIES {
        stages.push(Stage::set(proxy)?);
    }
    let front = Front::set()?;
    let mut table = Table::default();
    front.play(&mut table)?;
    for stage in &stages {
        stage.play(&mut table)?;
    }
    table.print();
    table.verify()?;
    if options.once {
        return Ok(());
    }
    println!("\nTry it:");
    front.invite();
    stages.iter().for_each(Stage::invite);
    println!("\nCtrl-C ends everything.");
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
