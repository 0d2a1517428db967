//! The description of the API, made from the code that carries it out.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::problem::{Kind, ProblemDetails};
use super::{participants, sessions};

/// The document, as JSON (`OpenAPI` 3.1).
pub fn document() -> &'static str {
    &DOCUMENT
}

pub(super) async fn serve() -> Response {
    (
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        document(),
    )
        .into_response()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Quietroom",
        description = "Sessions and the people in them, for the clinic's backend.",
        version = "1",
    ),
    paths(
        sessions::open,
        sessions::read,
        sessions::list,
        sessions::end,
        participants::list,
        participants::consents,
        participants::remove,
        participants::revoke,
    ),
    components(schemas(ProblemDetails)),
    modifiers(&ApiKeys, &Problems),
)]
struct Description;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let description = Description::openapi();
    description
        .to_json()
        .expect("the description is plain data")
});

struct ApiKeys;

impl Modify for ApiKeys {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key, as `quietroom api-key create` prints it"))
            .build();
        description
            .components
            .get_or_insert_default()
            .add_security_scheme("apiKey", SecurityScheme::Http(scheme));
    }
}

/// Says of each operation how it may fail.
struct Problems;

impl Modify for Problems {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        for path in description.paths.paths.values_mut() {
            let operations = [&mut path.get, &mut path.post, &mut path.delete];
            for operation in operations.into_iter().flatten() {
                for kind in kinds(operation) {
                    add(operation, kind);
                }
            }
        }
    }
}

fn kinds(operation: &Operation) -> Vec<Kind> {
    let mut kinds = vec![
        Kind::InvalidRequest,
        Kind::Unauthenticated,
        Kind::InsufficientScope,
        Kind::RateLimited,
        Kind::Internal,
        Kind::StoreUnavailable,
    ];
    let parameters = operation.parameters.iter().flatten();
    for parameter in parameters {
        let RefOr::T(parameter) = parameter else {
            continue;
        };
        match parameter.parameter_in {
            ParameterIn::Path => kinds.push(Kind::NotFound),
            ParameterIn::Header => kinds.extend([
                Kind::RequestTimeout,
                Kind::RequestInProgress,
                Kind::TooLarge,
                Kind::UnsupportedMediaType,
                Kind::IdempotencyKeyReused,
            ]),
            _ => {}
        }
    }
    kinds
}

fn add(operation: &mut Operation, kind: Kind) {
    let status = kind.status().as_u16().to_string();
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = ResponseBuilder::new()
        .description(kind.title())
        .content("application/problem+json", content)
        .build();
    let responses = &mut operation.responses.responses;
    responses.entry(status).or_insert_with(|| response.into());
}
