#![doc = include_str!("../README.md")]

pub mod classifier;
mod client;
mod connection;
pub mod door;
mod failure;
pub mod fga;
mod forward_auth;
mod gateway;
pub mod h2;
mod mint;
mod mock;
mod model;
mod oidc;
mod port;
mod postgres;
mod process;
mod program;
mod proxy;
mod proxy_protocol;
mod raw_server;
mod redis;
mod render;
mod script;
mod sdk;
mod tls;
mod tool;
mod websocket;
mod wire;

pub use client::{Request, Response, Tunnel, send, upgrade};
pub use connection::Connection;
pub use failure::Failure;
pub use forward_auth::{ForwardAuth, forward_auth_binary};
pub use gateway::{Gateway, gateway_binary};
pub use mint::{Mint, base64url, digest, unix_time};
pub use mock::{MockServer, Recorded, Reply};
pub use model::{Said, start_model};
pub use oidc::{NODE_LOCK, NODE_MANIFEST, NODE_STAMP, OidcProvider, node_folder};
pub use port::free_port;
pub use postgres::Postgres;
pub use process::Process;
pub use proxy::{Proxy, RunningProxy, Wiring};
pub use proxy_protocol::{proxy_v1, proxy_v2};
pub use raw_server::RawServer;
pub use redis::Redis;
pub use render::{Ports, copy_rendered, from_yaml, workspace};
pub use script::{ExpectedHeaders, Route, mismatches, scripted};
pub use sdk::{
    ANTHROPIC_LOCK, ANTHROPIC_MANIFEST, OPENAI_LOCK, OPENAI_MANIFEST, PYTHON_SDK, SDK_LOCK,
    SDK_MANIFEST, anthropic_folder, openai_folder, run_anthropic_sdk, run_node_sdk, run_openai_sdk,
    run_python_sdk, sdk_folder,
};
pub use tls::{Authority, Certificate, TlsClient};
pub use tool::{TOOLS_FOLDER_VARIABLE, locate, tools_folder};
pub use websocket::{masked_frame, read_frame};
pub use wire::Headers;
