//! The `auth` root of expressions: the winning group's credentials and nothing else.

use std::sync::Arc;

use ztag_types::{ClientCertificate, Credential, Object, Principal, PrincipalView, Secret, View};

use crate::auth::Won;
use crate::forward::Forwarded;

/// `auth`.
#[derive(Clone, Copy)]
pub(crate) struct AuthView<'a> {
    selected: &'static str,
    input: InputView<'a>,
    forward: Option<&'a Forwarded<'a>>,
}

/// `auth.input`.
#[derive(Clone, Copy)]
struct InputView<'a> {
    bearer: Option<TokenView<'a>>,
    basic: Option<BasicView<'a>>,
    jwt: Option<PrincipalView<'a>>,
    introspection: Option<PrincipalView<'a>>,
    certificate: Option<&'a ClientCertificate>,
    header: HeadersView<'a>,
    query: QueryView<'a>,
}

#[derive(Clone, Copy)]
struct TokenView<'a>(&'a str);

#[derive(Clone, Copy)]
struct BasicView<'a> {
    user: &'a str,
    password: &'a str,
}

#[derive(Clone, Copy)]
struct HeadersView<'a>(&'a [&'a Credential]);

#[derive(Clone, Copy)]
struct QueryView<'a>(&'a [&'a Credential]);

impl<'a> AuthView<'a> {
    pub(crate) fn new(won: &'a Won<'_>) -> Self {
        let mut input = InputView {
            bearer: None,
            basic: None,
            jwt: None,
            introspection: None,
            certificate: None,
            header: HeadersView(&won.credentials),
            query: QueryView(&won.credentials),
        };
        for credential in &won.credentials {
            match credential {
                Credential::Bearer { token } => input.bearer = Some(TokenView(token.expose())),
                Credential::Basic { user, password } => {
                    input.basic = Some(BasicView {
                        user,
                        password: password.expose(),
                    });
                }
                Credential::Jwt { token, principal } => input.jwt = Some(view(token, principal)),
                Credential::Introspected { token, principal } => {
                    input.introspection = Some(view(token, principal));
                }
                Credential::Certificate { certificate } => input.certificate = Some(certificate),
                Credential::Header { .. } | Credential::Query { .. } => {}
            }
        }
        Self {
            selected: won.group.map_or("", |group| group.kind),
            input,
            forward: None,
        }
    }

    /// The same with the first credential forwarded.
    pub(crate) fn forwarding(self, forwarded: &'a [Forwarded<'a>]) -> Self {
        Self {
            forward: forwarded.first(),
            ..self
        }
    }
}

fn view<'a>(token: &'a Secret<Box<str>>, principal: &'a Arc<dyn Principal>) -> PrincipalView<'a> {
    PrincipalView {
        principal: &**principal,
        token: token.expose(),
    }
}

impl Object for AuthView<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        match name {
            "selected" => Some(View::Str(self.selected)),
            "input" => Some(View::Object(&self.input)),
            "forward" => self.forward.map(|forward| View::Object(forward)),
            _ => None,
        }
    }

    fn names(&self) -> Vec<&str> {
        present(self, &["selected", "input", "forward"])
    }
}

impl Object for InputView<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        match name {
            "bearer" => self.bearer.as_ref().map(|bearer| View::Object(bearer)),
            "basic" => self.basic.as_ref().map(|basic| View::Object(basic)),
            "jwt" => self.jwt.as_ref().map(|jwt| View::Object(jwt)),
            "introspection" => self.introspection.as_ref().map(|own| View::Object(own)),
            "certificate" => self.certificate.map(|own| View::Object(own)),
            "header" => Some(View::Object(&self.header)),
            "query" => Some(View::Object(&self.query)),
            _ => None,
        }
    }

    fn names(&self) -> Vec<&str> {
        let all = [
            "bearer",
            "basic",
            "jwt",
            "introspection",
            "certificate",
            "header",
            "query",
        ];
        present(self, &all)
    }
}

impl Object for TokenView<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        (name == "token").then_some(View::Str(self.0))
    }

    fn names(&self) -> Vec<&str> {
        vec!["token"]
    }
}

impl Object for BasicView<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        match name {
            "user" => Some(View::Str(self.user)),
            "password" => Some(View::Str(self.password)),
            _ => None,
        }
    }

    fn names(&self) -> Vec<&str> {
        vec!["user", "password"]
    }
}

impl Object for HeadersView<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        self.0.iter().find_map(|credential| match credential {
            Credential::Header { name: own, value } if **own == *name => {
                Some(View::Str(value.expose()))
            }
            _ => None,
        })
    }

    fn names(&self) -> Vec<&str> {
        let names = self.0.iter().filter_map(|credential| match credential {
            Credential::Header { name, .. } => Some(&**name),
            _ => None,
        });
        sorted(names)
    }
}

impl Object for QueryView<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        self.0.iter().find_map(|credential| match credential {
            Credential::Query { name: own, value } if **own == *name => {
                Some(View::Str(value.expose()))
            }
            _ => None,
        })
    }

    fn names(&self) -> Vec<&str> {
        let names = self.0.iter().filter_map(|credential| match credential {
            Credential::Query { name, .. } => Some(&**name),
            _ => None,
        });
        sorted(names)
    }
}

/// The first credential forwarded, as one flat map.
impl Object for Forwarded<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        let text = match (self, name) {
            (_, "type") => self.kind(),
            (Self::Bearer { token }, "token") => token,
            (Self::Basic { user, .. }, "user") => user,
            (Self::Basic { password, .. }, "password") => password,
            (Self::Header { name, .. } | Self::Query { name, .. }, "name") => name,
            (Self::Header { value, .. } | Self::Query { value, .. }, "value") => value,
            _ => return None,
        };
        Some(View::Str(text))
    }

    fn names(&self) -> Vec<&str> {
        present(
            self,
            &["type", "name", "value", "token", "user", "password"],
        )
    }
}

fn present<'n>(object: &dyn Object, names: &[&'n str]) -> Vec<&'n str> {
    let names = names.iter().copied();
    names.filter(|name| object.field(name).is_some()).collect()
}

fn sorted<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}
