//! Who may call, as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_token::IssuerSpec;
use ztag_types::Secret;

/// What callers must show: one of the keys, or a token of one of the issuers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AccessSpec {
    /// Keys that callers show as bearer tokens.
    pub keys: Vec<KeySpec>,
    /// Issuers whose tokens are accepted.
    pub issuers: Vec<IssuerSpec>,
    /// Clients by what their tokens say in `azp`, else `client_id`, else `sub`. Once any is listed, tokens of others are refused.
    pub clients: BTreeMap<String, ClientSpec>,
}

/// A preshared key.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KeySpec {
    /// The key: at least 16 visible ASCII characters.
    pub key: Secret<String>,
    /// Ids of the stores that it opens; without any, all of them and the making of new ones.
    pub stores: Vec<String>,
}

/// A client of an issuer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClientSpec {
    /// Ids of the stores that it may ask; without any, all of them and the making of new ones.
    pub stores: Vec<String>,
}
