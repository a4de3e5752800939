//! A running server, and a client that speaks JSON with it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use ztag_fga::{Limits, dsl};
use ztag_fga_api::{Access, FgaService, Stores};
use ztag_server::{LimitsSpec, Listen, Server, Shutdown};
use ztag_test_support::{Connection, Request, Response};

/// A server on a port of its own. It ends when dropped.
pub(crate) struct World {
    pub(crate) stores: Arc<Stores>,
    server: Option<Server>,
    shutdown: Shutdown,
    connection: RefCell<Connection>,
}

impl World {
    pub(crate) fn open() -> Self {
        Self::new(Limits::default(), Access::open())
    }

    pub(crate) fn new(limits: Limits, access: Access) -> Self {
        Self::over(Arc::new(Stores::new(limits)), access)
    }

    /// The API over stores that are there already.
    pub(crate) fn over(stores: Arc<Stores>, access: Access) -> Self {
        let service = FgaService::new(Arc::clone(&stores), access);
        let shutdown = Shutdown::new();
        let limits = LimitsSpec {
            workers: 1,
            ..LimitsSpec::default()
        };
        let listen = Listen::plain("127.0.0.1:0".parse().unwrap(), limits);
        let server = Server::start(&listen, &shutdown, move || service.clone()).unwrap();
        let connection = Connection::open(server.address()).unwrap();
        Self {
            stores,
            server: Some(server),
            shutdown,
            connection: RefCell::new(connection),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().address()
    }

    /// Sends a request whose body is JSON, or none.
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> Response {
        self.send_as(None, method, path, body)
    }

    /// The same with a bearer token.
    pub(crate) fn send_as(
        &self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: &str,
    ) -> Response {
        match token {
            Some(token) => {
                let bearer = format!("Bearer {token}");
                self.send_with(&[("Authorization", &bearer)], method, path, body)
            }
            None => self.send_with(&[], method, path, body),
        }
    }

    /// The same with more header fields.
    pub(crate) fn send_with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: &str,
    ) -> Response {
        let mut request = Request::new(method, path).header("Host: fga.example.com");
        for (name, value) in headers {
            request = request.header(format!("{name}: {value}"));
        }
        let request = request.header("Content-Type: application/json").body(body);
        let mut connection = self.connection.borrow_mut();
        connection.write(&request.encode()).unwrap();
        connection.reply(method).unwrap()
    }

    /// Sends JSON and reads JSON: the status and the body, `null` where there is none.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Json) -> (u16, Json) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let response = self.send(method, path, &body);
        (response.status, read(&response))
    }

    /// A new store, by its path.
    pub(crate) fn store(&self) -> String {
        let (status, store) = self.call("POST", "/stores", &json!({"name": "a test"}));
        assert_eq!(status, 201);
        format!("/stores/{}", store["id"].as_str().unwrap())
    }

    /// Writes a model in the modelling language; returns its id.
    pub(crate) fn model(&self, store: &str, text: &str) -> String {
        let model = dsl::parse(text).unwrap_or_else(|found| panic!("{found:?}"));
        let model = serde_json::to_value(&model).unwrap();
        let (status, written) = self.call("POST", &format!("{store}/authorization-models"), &model);
        assert_eq!(status, 201, "{written}");
        written["authorization_model_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Writes tuples, which must go well.
    pub(crate) fn write(&self, store: &str, tuples: &Json) {
        let body = json!({"writes": {"tuple_keys": tuples}});
        let (status, written) = self.call("POST", &format!("{store}/write"), &body);
        assert_eq!((status, &written), (200, &json!({})), "{tuples}");
    }

    /// Whether a check says yes.
    pub(crate) fn allows(&self, store: &str, user: &str, relation: &str, object: &str) -> bool {
        let key = json!({"user": user, "relation": relation, "object": object});
        let body = json!({ "tuple_key": key });
        let (status, answer) = self.call("POST", &format!("{store}/check"), &body);
        assert_eq!(status, 200, "{answer}");
        answer["allowed"].as_bool().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.begin();
        if let Some(server) = self.server.take() {
            server.join();
        }
    }
}

/// The JSON of a reply.
pub(crate) fn read(response: &Response) -> Json {
    if response.body.is_empty() {
        return Json::Null;
    }
    serde_json::from_slice(&response.body).unwrap_or_else(|_| panic!("{}", response.text()))
}
