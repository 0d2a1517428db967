//! The client's files, and a record of every request for them.

use std::path::{Component, Path, PathBuf};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::recording::Recording;

#[derive(Clone, Debug)]
struct Pages {
    folder: PathBuf,
    recording: Recording,
}

/// Serves the files of `folder`, and `index.html` at `/`.
pub(crate) fn router(folder: PathBuf, recording: Recording) -> Router {
    Router::new()
        .fallback(serve)
        .with_state(Pages { folder, recording })
}

async fn serve(State(pages): State<Pages>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MOST_BODY).await.unwrap_or_default();
    pages.recording.request(&format!("{head:?}"), &body);
    let name = match head.uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let is_inside = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let file = pages.folder.join(name);
    match std::fs::read(file) {
        Ok(bytes) if is_inside => {
            ([(header::CONTENT_TYPE, content_type(name))], bytes).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

const MOST_BODY: usize = 1024 * 1024;
