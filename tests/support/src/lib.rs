#![doc = include_str!("../README.md")]

mod client;
mod failure;
mod forward_auth;
mod mock;
mod port;
mod process;
mod proxy;
mod redis;
mod render;
mod script;
mod tool;
mod wire;

pub use client::{Request, Response, Tunnel, send, upgrade};
pub use failure::Failure;
pub use forward_auth::{ForwardAuth, forward_auth_binary};
pub use mock::{MockServer, Recorded, Reply};
pub use port::free_port;
pub use process::Process;
pub use proxy::{Proxy, RunningProxy, Wiring};
pub use redis::Redis;
pub use render::{Ports, copy_rendered, from_yaml, workspace};
pub use script::{ExpectedHeaders, Route, mismatches, scripted};
pub use tool::{TOOLS_FOLDER_VARIABLE, locate, tools_folder};
pub use wire::Headers;
