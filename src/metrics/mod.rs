//! Figures for Prometheus, on a listener of their own: they say how busy a
//! clinic is, which is nobody's business on the port that clients use.

mod node;
mod process;
mod turn;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

pub(crate) use node::NodeMetrics;
use process::ProcessMetrics;

/// Serves all figures at `/metrics`, in the text format of `OpenMetrics`.
pub(crate) fn router(node: NodeMetrics) -> Router {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(node));
    registry.register_collector(Box::new(ProcessMetrics));
    Router::new()
        .route("/metrics", get(scrape))
        .with_state(Arc::new(registry))
}

async fn scrape(State(registry): State<Arc<Registry>>) -> Response {
    let mut body = String::new();
    if text::encode(&mut body, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
}

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
