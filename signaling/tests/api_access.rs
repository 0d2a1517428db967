//! Each call of the REST API with each kind of key: what it allows, and that
//! nothing comes of what it does not.

mod backend;

use backend::{ANN, Answer, Server};
use serde_json::{Value, json};
use signaling::access::UnixTime;
use signaling::api::document;
use signaling::clinic::Scope;

/// One call that the API has.
struct Call {
    method: &'static str,
    /// As the description has it.
    path: &'static str,
    scope: Scope,
    body: Option<Value>,
    /// Of its success.
    status: u16,
}

fn calls() -> Vec<Call> {
    let call = |method, path, scope, body, status| Call {
        method,
        path,
        scope,
        body,
        status,
    };
    vec![
        call("GET", "/v1/sessions", Scope::SessionsRead, None, 200),
        call(
            "POST",
            "/v1/sessions",
            Scope::SessionsWrite,
            Some(json!({})),
            201,
        ),
        call(
            "GET",
            "/v1/sessions/{session}",
            Scope::SessionsRead,
            None,
            200,
        ),
        call(
            "POST",
            "/v1/sessions/{session}/end",
            Scope::SessionsWrite,
            None,
            200,
        ),
        call(
            "GET",
            "/v1/sessions/{session}/participants",
            Scope::ParticipantsRead,
            None,
            200,
        ),
        call(
            "GET",
            "/v1/sessions/{session}/consents",
            Scope::ParticipantsRead,
            None,
            200,
        ),
        call(
            "DELETE",
            "/v1/sessions/{session}/participants/{participant}",
            Scope::ParticipantsWrite,
            None,
            204,
        ),
        call(
            "POST",
            "/v1/sessions/{session}/revocations",
            Scope::ParticipantsWrite,
            Some(json!({"tokenId": "t"})),
            201,
        ),
    ]
}

#[test]
fn the_table_has_every_call_of_the_description_with_its_scope() {
    let description: Value = serde_json::from_str(document()).expect("it is JSON");
    let mut described = Vec::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let security = &operation["security"];
            described.push((method.to_uppercase(), path.clone(), security.clone()));
        }
    }
    let mut table: Vec<_> = calls()
        .into_iter()
        .map(|call| {
            let security = json!([{"apiKey": [call.scope.name()]}]);
            (call.method.to_owned(), call.path.to_owned(), security)
        })
        .collect();
    described.sort_by_key(|(method, path, _)| (path.clone(), method.clone()));
    table.sort_by_key(|(method, path, _)| (path.clone(), method.clone()));

    assert_eq!(described, table);
}

#[tokio::test]
async fn each_call_needs_its_scope_and_no_other() {
    for call in calls() {
        for scopes in key_scopes() {
            let is_allowed = scopes.contains(&call.scope);
            let setting = Setting::new(&call).await;

            let answer = setting.attempt(&setting.bearer(&scopes)).await;

            let what = format!(
                "{} {} with {scopes:?}: {}",
                call.method, call.path, answer.body
            );
            if is_allowed {
                assert_eq!(answer.status, call.status, "{what}");
                continue;
            }
            assert_eq!(
                (answer.status, answer.kind()),
                (403, "insufficient-scope".into()),
                "{what}"
            );
            let challenge = answer.header("www-authenticate").expect("it is there");
            assert!(challenge.contains(call.scope.name()), "{challenge}");
            setting.expect_untouched(&what).await;
        }
    }
}

#[tokio::test]
async fn no_call_is_for_those_without_a_good_key() {
    for call in calls() {
        let setting = Setting::new(&call).await;
        let (server, elsewhere) = (&setting.server, Server::start().await);
        let good = server.key(&Scope::ALL);
        let (front, last) = good.split_at(good.len() - 1);
        let altered = format!("{front}{}", if last == "A" { "B" } else { "A" });
        let authorizations = [
            ("no key", String::new()),
            ("an empty one", "Authorization: Bearer \r\n".into()),
            ("another scheme", format!("Authorization: Basic {good}\r\n")),
            (
                "two keys",
                format!("Authorization: Bearer {good}\r\n").repeat(2),
            ),
            ("another header", format!("X-Api-Key: {good}\r\n")),
            ("a cookie", format!("Cookie: key={good}\r\n")),
            ("an altered key", bearer(&altered)),
            ("a part of it", bearer(front)),
            ("another server's key", bearer(&elsewhere.key(&Scope::ALL))),
            ("a revoked key", bearer(&setting.revoked_key())),
            ("an expired key", bearer(&setting.expired_key())),
        ];
        for (what, authorization) in authorizations {
            let answer = setting.attempt(&authorization).await;

            let what = format!("{} {} with {what}: {}", call.method, call.path, answer.body);
            assert_eq!(
                (answer.status, answer.kind()),
                (401, "unauthenticated".into()),
                "{what}"
            );
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            setting.expect_untouched(&what).await;
        }
        let in_address = format!("{}?key={good}&access_token={good}", setting.path);
        let answer = server
            .send(call.method, &in_address, "", setting.body)
            .await;
        assert_eq!(answer.status, 401, "{in_address}");
        // The same one, as it should be.
        assert_eq!(setting.attempt(&bearer(&good)).await.status, call.status);
    }
}

#[tokio::test]
async fn whoever_lacks_the_scope_does_not_learn_which_sessions_there_are() {
    for call in calls() {
        let server = Server::start().await;
        let others: Vec<_> = all_but(call.scope);
        let path = call
            .path
            .replace("{session}", "00000000-0000-7000-8000-000000000000")
            .replace("{participant}", &format!("{ANN:016x}"));

        let answer = server
            .call(&server.key(&others), call.method, &path, call.body.as_ref())
            .await;

        assert_eq!(answer.status, 403, "{} {path}", call.method);
    }
}

/// A call to make, on a session that is there.
struct Setting<'a> {
    server: Server,
    method: &'static str,
    path: String,
    body: Option<&'a Value>,
}

impl<'a> Setting<'a> {
    async fn new(call: &'a Call) -> Self {
        let server = Server::start().await;
        let key = server.key(&[Scope::SessionsWrite]);
        let session = server.open(&key, &json!({"room": "r"})).await;
        let path = call
            .path
            .replace("{session}", &session)
            .replace("{participant}", &format!("{ANN:016x}"));
        Self {
            server,
            method: call.method,
            path,
            body: call.body.as_ref(),
        }
    }

    async fn attempt(&self, headers: &str) -> Answer {
        self.server
            .send(self.method, &self.path, headers, self.body)
            .await
    }

    fn bearer(&self, scopes: &[Scope]) -> String {
        bearer(&self.server.key(scopes))
    }

    fn revoked_key(&self) -> String {
        let key = self
            .server
            .store
            .create_api_key("k", &Scope::ALL, UnixTime::now(), None);
        let key = key.expect("it is made");
        let revoked = self.server.store.revoke_api_key(&key.id);
        assert!(revoked.expect("it is written"));
        key.text.to_string()
    }

    fn expired_key(&self) -> String {
        let now = UnixTime::now();
        let key = self
            .server
            .store
            .create_api_key("k", &Scope::ALL, now, Some(now));
        key.expect("it is made").text.to_string()
    }

    /// The session is as it was made, nobody was sent away, and no other was
    /// opened.
    async fn expect_untouched(&self, what: &str) {
        assert_eq!(self.server.rooms.calls(), Vec::<String>::new(), "{what}");
        assert!(self.server.enter("r").is_ok(), "{what}");
        let key = self.server.key(&[Scope::SessionsRead]);
        let list = self
            .server
            .call(&key, "GET", "/v1/sessions", None)
            .await
            .json();
        assert_eq!(list["sessions"].as_array().map(Vec::len), Some(1), "{what}");
        assert_eq!(self.server.audit.events().len(), 1, "{what}");
    }
}

/// None, each alone, all but each, and all.
fn key_scopes() -> Vec<Vec<Scope>> {
    let each = Scope::ALL.into_iter();
    let mut keys: Vec<_> = each.clone().map(|scope| vec![scope]).collect();
    keys.extend(each.map(all_but));
    keys.extend([Vec::new(), Scope::ALL.to_vec()]);
    keys
}

fn all_but(scope: Scope) -> Vec<Scope> {
    let all = Scope::ALL.into_iter();
    all.filter(|other| *other != scope).collect()
}

fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}\r\n")
}
