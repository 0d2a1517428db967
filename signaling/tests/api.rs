//! The REST API as the clinic's backend meets it.

mod backend;

use std::time::Duration;

use backend::{ANN, Server, exchange, raw};
use serde_json::{Value, json};
use signaling::api::document;
use signaling::audit::{Action, Actor};
use signaling::clinic::Scope;
use signaling::limits::Rate;
use signaling::room::NoEntry;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[tokio::test]
async fn a_session_is_opened_shown_listed_and_ended() {
    let server = Server::start().await;
    let key = server.key(&Scope::ALL);
    let new = json!({
        "room": "r", "capacity": 3, "waitingRoom": false, "locked": true,
        "window": {"opensAt": "2020-01-01T01:00:00+01:00", "closesAt": "2100-01-01T00:00:00Z"},
        "consent": {"version": "2", "text": "abc"}, "inactivityLimitSeconds": 600,
    });

    let opened = server.call(&key, "POST", "/v1/sessions", Some(&new)).await;

    assert_eq!(opened.status, 201, "{}", opened.body);
    let session = opened.json();
    let path = opened.header("location").expect("it is there").to_owned();
    assert_eq!(
        path,
        format!("/v1/sessions/{}", session["id"].as_str().expect("an id"))
    );
    assert_eq!(session["status"], "open");
    assert_eq!(session["window"]["opensAt"], "2020-01-01T00:00:00Z");
    assert_eq!(session["locked"], true);
    let sha256 = session["consent"]["sha256"].as_str().expect("a hash");
    assert!(sha256.starts_with("ba7816bf8f01cfea"), "{sha256}");
    assert_eq!(server.call(&key, "GET", &path, None).await.json(), session);
    let list = server.call(&key, "GET", "/v1/sessions", None).await.json();
    assert_eq!(list, json!({"sessions": [session], "nextCursor": null}));
    let policy = server.enter("r").expect("it is open");
    assert_eq!(policy.capacity, Some(3));
    assert!(policy.locked && !policy.waiting_room);
    assert_eq!(policy.inactivity_limit, Some(Duration::from_mins(10)));

    let ended = server
        .call(&key, "POST", &format!("{path}/end"), None)
        .await;
    assert_eq!(
        (ended.status, &ended.json()["status"]),
        (200, &json!("over"))
    );
    // Before it is written, and after.
    assert_eq!(server.rooms.calls(), ["end r"; 2]);
    assert_eq!(server.enter("r"), Err(NoEntry::Over));
    let again = server
        .call(&key, "POST", &format!("{path}/end"), None)
        .await;
    assert_eq!(again.json()["endedAt"], ended.json()["endedAt"]);
    let events = server.audit.events();
    let actions: Vec<_> = events.iter().map(|event| event.action.clone()).collect();
    // Only the first end is news.
    assert_eq!(actions, [Action::Open, Action::End]);
    for event in events {
        assert_eq!(json!(event.session), session["id"]);
        assert!(matches!(event.actor, Actor::ApiKey(_)));
    }
}

#[tokio::test]
async fn clients_wait_unless_the_clinic_says_otherwise() {
    let server = Server::start().await;
    let key = server.key(&[Scope::SessionsWrite]);

    let session = server.open(&key, &json!({})).await;

    server.open(&key, &json!({"capacity": 2.0})).await;
    // Its room has its name.
    assert!(server.enter(&session).expect("it is open").waiting_room);
}

#[tokio::test]
async fn a_room_has_one_session_at_a_time() {
    let server = Server::start().await;
    let key = server.key(&Scope::ALL);
    let first = server.open(&key, &json!({"room": "r"})).await;

    let second = server
        .call(&key, "POST", "/v1/sessions", Some(&json!({"room": "r"})))
        .await;
    assert_eq!((second.status, second.kind()), (409, "room-in-use".into()));

    server
        .call(&key, "POST", &format!("/v1/sessions/{first}/end"), None)
        .await;
    server.open(&key, &json!({"room": "r"})).await;
    // What is done to the first does not touch the second's people.
    let calls = server.rooms.calls().len();
    server
        .call(&key, "POST", &format!("/v1/sessions/{first}/end"), None)
        .await;
    let path = format!("/v1/sessions/{first}/participants");
    let there = server.call(&key, "GET", &path, None).await.json();
    assert_eq!(there, json!({"participants": []}));
    assert_eq!(server.rooms.calls().len(), calls);
}

#[tokio::test]
async fn pages_follow_one_another_without_gap() {
    let server = Server::start().await;
    let key = server.key(&Scope::ALL);
    let mut opened = Vec::new();
    for _ in 0..5 {
        opened.push(server.open(&key, &json!({})).await);
    }
    opened.sort();
    opened.reverse();

    let mut seen = Vec::new();
    let mut path = "/v1/sessions?limit=2".to_owned();
    loop {
        let page = server.call(&key, "GET", &path, None).await.json();
        let sessions = page["sessions"].as_array().expect("a list").clone();
        assert!(sessions.len() <= 2);
        seen.extend(
            sessions
                .iter()
                .map(|s| s["id"].as_str().expect("an id").to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/v1/sessions?limit=2&cursor={cursor}"),
            None => break,
        }
    }

    assert_eq!(seen, opened);
}

#[tokio::test]
async fn who_is_removed_is_out_and_its_token_too() {
    let server = Server::start().await;
    let key = server.key(&Scope::ALL);
    let session = server.open(&key, &json!({"room": "r"})).await;
    let path = format!("/v1/sessions/{session}/participants");
    let list = server.call(&key, "GET", &path, None).await.json();
    assert_eq!(list["participants"][0]["id"], format!("{ANN:016x}"));
    assert_eq!(list["participants"][0]["subject"], "s");
    assert_eq!(list["participants"][0]["role"], "client");

    let ann = format!("{path}/{ANN:016x}");
    assert_eq!(server.call(&key, "DELETE", &ann, None).await.status, 204);

    assert_eq!(server.rooms.calls(), ["remove r t"; 2]);
    assert_eq!(server.enter("r"), Err(NoEntry::Revoked));
    for nobody in ["0000000000000009", "x", "%20"] {
        let path = format!("{path}/{nobody}");
        assert_eq!(server.call(&key, "DELETE", &path, None).await.status, 404);
    }
}

#[tokio::test]
async fn revoked_tokens_put_their_bearers_out() {
    for body in [json!({"tokenId": "t"}), json!({"subject": "s"})] {
        let server = Server::start().await;
        let key = server.key(&Scope::ALL);
        let session = server.open(&key, &json!({"room": "r"})).await;

        let path = format!("/v1/sessions/{session}/revocations");
        let revoked = server.call(&key, "POST", &path, Some(&body)).await;

        assert_eq!(revoked.status, 201, "{}", revoked.body);
        assert_eq!(server.rooms.calls(), ["remove r t"; 2]);
        assert_eq!(server.enter("r"), Err(NoEntry::Revoked));
    }
}

#[tokio::test]
async fn a_request_with_the_same_idempotency_key_happens_once() {
    let server = Server::start().await;
    let (key, other) = (server.key(&Scope::ALL), server.key(&Scope::ALL));
    let headers =
        |key: &str| format!("Authorization: Bearer {key}\r\nIdempotency-Key: \"once\"\r\n");
    let body = json!({"room": "r"});

    let first = server
        .send("POST", "/v1/sessions", &headers(&key), Some(&body))
        .await;
    let again = server
        .send("POST", "/v1/sessions", &headers(&key), Some(&body))
        .await;

    assert_eq!(first.status, 201);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
    let changed = server
        .send(
            "POST",
            "/v1/sessions",
            &headers(&key),
            Some(&json!({"room": "q"})),
        )
        .await;
    assert_eq!(
        (changed.status, changed.kind()),
        (422, "idempotency-key-reused".into())
    );
    let elsewhere = server
        .send(
            "POST",
            "/v1/sessions",
            &headers(&other),
            Some(&json!({"room": "q"})),
        )
        .await;
    assert_eq!(elsewhere.status, 201);
    let list = server.call(&key, "GET", "/v1/sessions", None).await.json();
    assert_eq!(list["sessions"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_request_sent_again_is_answered_as_before_though_it_would_be_refused_by_now() {
    let server = Server::start().await;
    let key = server.key(&Scope::ALL);
    let headers =
        |name: &str| format!("Authorization: Bearer {key}\r\nIdempotency-Key: {name}\r\n");
    let closes = OffsetDateTime::now_utc() + Duration::from_secs(2);
    let closes = closes.format(&Rfc3339).expect("it is a time");
    let window = json!({"opensAt": "2020-01-01T00:00:00Z", "closesAt": closes});
    let open = json!({"room": "r", "window": window});
    let send = async |name: &str, path: &str, body: Option<&Value>| {
        let answer = server.send("POST", path, &headers(name), body).await;
        (answer.status, answer.body)
    };
    let opened = send("open", "/v1/sessions", Some(&open)).await;
    assert_eq!(opened.0, 201, "{}", opened.1);
    let session: Value = serde_json::from_str(&opened.1).expect("JSON");
    let path = format!("/v1/sessions/{}", session["id"].as_str().expect("an id"));
    let (end, revoke) = (format!("{path}/end"), format!("{path}/revocations"));
    let ended = send("end", &end, None).await;
    let token = json!({"tokenId": "t"});
    let revoked = send("revoke", &revoke, Some(&token)).await;
    assert_eq!((ended.0, revoked.0), (200, 201));
    tokio::time::sleep(Duration::from_secs(2)).await;

    assert_eq!(send("late", "/v1/sessions", Some(&open)).await.0, 422);
    assert_eq!(send("open", "/v1/sessions", Some(&open)).await, opened);
    assert_eq!(send("end", &end, None).await, ended);
    assert_eq!(send("revoke", &revoke, Some(&token)).await, revoked);

    // Nor is anything on record twice.
    let actions: Vec<_> = server
        .audit
        .events()
        .into_iter()
        .map(|e| e.action)
        .collect();
    assert_eq!(actions, [Action::Open, Action::End, Action::RevokeTokens]);
    assert_eq!(
        server.rooms.calls(),
        ["end r", "end r", "remove r t", "remove r t"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_twin_is_under_way_is_refused() {
    let server = Server::start().await;
    let key = server.key(&Scope::ALL);
    let session = server.open(&key, &json!({"room": "r"})).await;
    let path = format!("/v1/sessions/{session}/end");
    let headers = format!("Authorization: Bearer {key}\r\nIdempotency-Key: k\r\n");
    server.rooms.hold();

    let first = tokio::spawn({
        let (address, path, headers) = (server.address, path.clone(), headers.clone());
        async move { exchange(address, "POST", &path, &headers, None).await }
    });
    server.rooms.wait_for_call().await;
    let twin = server.send("POST", &path, &headers, None).await;
    server.rooms.release();

    assert_eq!(
        (twin.status, twin.kind()),
        (409, "request-in-progress".into())
    );
    assert_eq!(first.await.expect("it ends").status, 200);
    assert_eq!(server.send("POST", &path, &headers, None).await.status, 200);
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let server = Server::with_rate(Rate {
        per_second: 1,
        burst: 3,
    })
    .await;
    let key = server.key(&Scope::ALL);

    for left in ["2", "1", "0"] {
        let answer = server.call(&key, "GET", "/v1/sessions", None).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("ratelimit-policy"),
            Some("\"api-key\";q=3;w=3")
        );
        let budget = answer.header("ratelimit").expect("it is there");
        assert!(
            budget.starts_with(&format!("\"api-key\";r={left};t=")),
            "{budget}"
        );
    }
    let refused = server.call(&key, "GET", "/v1/sessions", None).await;
    assert_eq!(
        (refused.status, refused.kind()),
        (429, "rate-limited".into())
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    let other = server.key(&Scope::ALL);
    assert_eq!(
        server
            .call(&other, "GET", "/v1/sessions", None)
            .await
            .status,
        200
    );

    for _ in 0..3 {
        assert_eq!(
            server
                .call("wrong", "GET", "/v1/sessions", None)
                .await
                .status,
            401
        );
    }
    assert_eq!(
        server
            .call("wrong", "GET", "/v1/sessions", None)
            .await
            .status,
        429
    );
    // Not even a good key is looked up by now, unless it was good before.
    let unknown = server.key(&Scope::ALL);
    while server
        .call("wrong", "GET", "/v1/sessions", None)
        .await
        .status
        != 429
    {}
    for (key, status) in [(&unknown, 429), (&other, 200)] {
        let answer = server.call(key, "GET", "/v1/sessions", None).await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn what_the_api_does_not_describe_is_refused() {
    let server = Server::start().await;
    let key = server.key(&Scope::ALL);
    let auth = format!("Authorization: Bearer {key}\r\n");
    let post = |body: Value| {
        let server = &server;
        let key = &key;
        async move { server.call(key, "POST", "/v1/sessions", Some(&body)).await }
    };
    for body in [
        json!([]),
        json!(null),
        json!({"waitingroom": true}),
        json!({"room": ""}),
        json!({"consent": ["1", "text"]}),
        json!({"room": "x".repeat(129)}),
        json!({"room": "a\nb"}),
        json!({"capacity": 1}),
        json!({"capacity": 1025}),
        json!({"capacity": -1}),
        json!({"capacity": 2.5}),
        json!({"capacity": 1e300}),
        json!({"capacity": "2"}),
        json!({"inactivityLimitSeconds": 59}),
        json!({"consent": {"version": "1"}}),
        json!({"consent": {"version": "1", "text": ""}}),
        json!({"consent": {"version": "1", "text": "x".repeat(8_193)}}),
        json!({"window": {"opensAt": "now", "closesAt": "2100-01-01T00:00:00Z"}}),
        json!({"window": {"closesAt": "2100-01-01T00:00:00Z"}}),
        json!({"window": {"opensAt": "2099-01-01T00:00:00Z",
            "closesAt": "2100-01-01T00:00:00Z", "graceSeconds": 86_401}}),
    ] {
        let refused = post(body.clone()).await;
        assert_eq!(
            (refused.status, refused.kind()),
            (400, "invalid-request".into()),
            "{body}"
        );
    }
    for window in [
        json!({"opensAt": "2100-01-01T00:00:00Z", "closesAt": "2100-01-01T00:00:00Z"}),
        json!({"opensAt": "2001-01-01T00:00:00Z", "closesAt": "2002-01-01T00:00:00Z"}),
    ] {
        let refused = post(json!({"window": window})).await;
        assert_eq!(
            (refused.status, refused.kind()),
            (422, "invalid-window".into())
        );
    }
    for path in [
        "?limit=0",
        "?limit=101",
        "?limit=+1",
        "?limit=",
        "?cursor=x",
        "?page=1",
        "?limit=1&limit=1",
    ] {
        let path = format!("/v1/sessions{path}");
        assert_eq!(
            server.call(&key, "GET", &path, None).await.status,
            400,
            "{path}"
        );
    }
    for (headers, body, status) in [
        ("Content-Type: text/plain\r\n", "{}".to_owned(), 415),
        ("Content-Type: application/json\r\n", "{".into(), 400),
        (
            "Content-Type: application/json\r\n",
            format!("\"{}\"", "x".repeat(70_000)),
            413,
        ),
        (
            "Content-Type: application/json\r\nIdempotency-Key: \r\n",
            "{}".into(),
            400,
        ),
        (
            "Content-Type: application/json\r\nIdempotency-Key: a b\r\n",
            "{}".into(),
            400,
        ),
    ] {
        let answer = raw(
            server.address,
            "POST",
            "/v1/sessions",
            &format!("{auth}{headers}"),
            &body,
        )
        .await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let list = server.call(&key, "GET", "/v1/sessions", None).await.json();
    assert_eq!(list["sessions"], json!([]));
}

#[tokio::test]
async fn every_answer_is_private_and_every_refusal_a_problem() {
    let server = Server::start().await;
    let key = server.key(&Scope::ALL);
    let absent = "/v1/sessions/00000000-0000-7000-8000-000000000000";
    for (method, path, status) in [
        ("GET", "/v1/sessions", 200),
        ("GET", absent, 404),
        ("GET", "/v1/sessions/x", 404),
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/v1/sessions", 405),
        ("OPTIONS", "/v1/sessions", 405),
        ("PUT", absent, 405),
    ] {
        let headers = format!("Authorization: Bearer {key}\r\nOrigin: https://evil.example\r\n");
        let answer = server.send(method, path, &headers, None).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        if status == 405 {
            assert!(
                answer
                    .header("allow")
                    .is_some_and(|allow| allow.contains("GET"))
            );
        }
        if status >= 400 {
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json")
            );
            let problem = answer.json();
            assert_eq!(problem["status"], status);
            let kind = problem["type"].as_str().expect("it has a type");
            assert_eq!(
                server.send("GET", kind, "", None).await.status,
                200,
                "{kind}"
            );
        }
        if path != "/v1/nothing" {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

#[tokio::test]
async fn the_description_is_served_and_names_every_call() {
    let server = Server::start().await;

    let answer = server.send("GET", "/v1/openapi.json", "", None).await;

    assert_eq!(answer.body, document());
    let described = answer.json();
    let paths = described["paths"].as_object().expect("paths");
    let operations: usize = paths
        .values()
        .map(|path| path.as_object().map_or(0, serde_json::Map::len))
        .sum();
    assert_eq!(operations, 8);
    for path in paths.values() {
        for operation in path.as_object().expect("operations").values() {
            for status in ["400", "401", "403", "429"] {
                assert!(operation["responses"][status].is_object());
            }
        }
    }
}

#[tokio::test]
async fn the_documentation_names_every_kind_of_problem_and_every_call() {
    let documentation = include_str!("../../docs/api.md");
    let description: Value = serde_json::from_str(document()).expect("it is JSON");
    for path in description["paths"].as_object().expect("paths").keys() {
        let path = path
            .replace("{session}", "$SESSION")
            .replace("{participant}", "$PARTICIPANT");
        assert!(documentation.contains(&path), "{path}");
    }
    let server = Server::start().await;
    for line in documentation.lines().filter(|line| line.starts_with("| `")) {
        let kind = line.split('`').nth(1).expect("it is quoted");
        if kind.contains(':') {
            assert!(kind.parse::<Scope>().is_ok(), "{kind}");
            continue;
        }
        let described = server
            .send("GET", &format!("/v1/problems/{kind}"), "", None)
            .await;
        assert_eq!(described.status, 200, "{kind}");
    }
    assert_eq!(
        documentation.matches("\n| `").count(),
        16 + Scope::ALL.len()
    );
}
