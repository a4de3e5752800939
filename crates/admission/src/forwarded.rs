//! What a proxy says about the original request, one dialect per endpoint.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the proxy describes the original request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// No proxy asks: the request itself is the original one.
    #[default]
    Direct,
    /// Traefik `forwardAuth`: `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri`, `-For`.
    Traefik,
    /// nginx `auth_request`: `X-Original-Method`, and `X-Original-URI` with `X-Forwarded-Proto`
    /// and `-Host`, or `X-Original-URL`; `X-Forwarded-For`.
    Nginx,
    /// Caddy `forward_auth`: `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri`, `-For`.
    Caddy,
    /// HAProxy with Lua: `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri`, `-For`.
    Haproxy,
    /// Envoy HTTP `ext_authz`: method, host and path of the question itself, the path behind the
    /// configured prefix; `X-Forwarded-Proto`, `-For`.
    Envoy,
}
