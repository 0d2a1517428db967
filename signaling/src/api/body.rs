//! Requests' bodies, queries and idempotency keys.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::authentication::Caller;
use super::problem::{Kind, Problem};
use crate::clinic::Claim;

/// A request that changes something.
pub(super) struct Change {
    pub(super) caller: Caller,
    pub(super) claim: Option<Claim>,
    pub(super) body: Bytes,
}

impl Change {
    /// Reads the whole request.
    pub(super) async fn read(request: Request) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let caller = head.extensions.get::<Caller>().cloned();
        // The guard has put it there.
        let caller = caller.ok_or(Problem::of(Kind::Unauthenticated))?;
        let body = read(body).await?;
        let claim = idempotency_key(&head.headers)?.map(|idempotency_key| Claim {
            api_key: caller.id().to_owned(),
            idempotency_key,
            request: fingerprint(&head.method, head.uri.path(), &body),
        });
        if !body.is_empty() && !is_json(&head.headers) {
            return Err(Problem::of(Kind::UnsupportedMediaType));
        }
        Ok(Self {
            caller,
            claim,
            body,
        })
    }

    /// The body as JSON. Names that the API does not know are refused: a
    /// misspelt rule must not be taken for none.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let wrong = |detail: String| Problem::because(Kind::InvalidRequest, detail);
        let failed = |error: serde_json::Error| wrong(format!("body: {error}"));
        // A list would be taken for the fields of an object, in their order.
        let mut value: Value = serde_json::from_slice(&self.body).map_err(failed)?;
        if !value.is_object() || has_list(&value) {
            return Err(wrong("body: write an object, without lists".into()));
        }
        make_whole(&mut value);
        serde_json::from_value(value).map_err(failed)
    }
}

/// Each parameter's value, with those that are not `known` refused.
pub(super) fn query<const N: usize>(
    query: Option<&str>,
    known: [&str; N],
) -> Result<[Option<String>; N], Problem> {
    let mut values = [const { None }; N];
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let index = known.iter().position(|known| *known == name);
        let taken = index.map(|index| values[index].replace(value.into_owned()));
        if taken != Some(None) {
            return Err(Problem::because(
                Kind::InvalidRequest,
                format!("query: each of {} may stand there once", known.join(", ")),
            ));
        }
    }
    Ok(values)
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    match timeout(BODY_DEADLINE, to_bytes(body, MOST_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let source = std::error::Error::source(&error);
            if source.is_some_and(|source| source.to_string().contains("length limit")) {
                Err(Problem::of(Kind::TooLarge))
            } else {
                Err(Problem::because(Kind::InvalidRequest, "the body broke off"))
            }
        }
        Err(_) => Err(Problem::of(Kind::RequestTimeout)),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = value.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn has_list(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(fields) => fields.values().any(has_list),
        _ => false,
    }
}

/// Writes numbers without a fraction as such: to JSON Schema, 2.0 is one.
#[allow(
    clippy::cast_possible_truncation,
    reason = "what is beyond 2^53 is left as it is"
)]
fn make_whole(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        Value::Number(number) => {
            let float = number.as_f64().filter(|_| number.is_f64());
            if let Some(float) = float.filter(|float| float.fract() == 0.0 && float.abs() < 9e15) {
                *value = Value::from(float as i64);
            }
        }
        _ => {}
    }
}

/// As in draft-ietf-httpapi-idempotency-key-header-07, with or without the
/// quotation marks.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let wrong = || {
        Problem::because(
            Kind::InvalidRequest,
            "Idempotency-Key: write 1 to 255 visible ASCII characters, once",
        )
    };
    let text = value.to_str().map_err(|_| wrong())?;
    let is_key =
        (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_key || values.next().is_some() {
        return Err(wrong());
    }
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .filter(|text| !text.is_empty());
    Ok(Some(quoted.unwrap_or(text).to_owned()))
}

fn fingerprint(method: &Method, path: &str, body: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in [method.as_str().as_bytes(), path.as_bytes(), body] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let digest = context.finish();
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// The longest consent text in JSON, and more.
const MOST_BYTES: usize = 64 * 1024;

const BODY_DEADLINE: Duration = Duration::from_secs(10);
