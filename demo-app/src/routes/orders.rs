//! Orders over HTTP.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use kubsets_telemetry::{
    config::InvalidField,
    propagation::{TraceFields, trace_id},
};
use serde_json::{Value, json};
use tracing::Span;
use uuid::Uuid;

use crate::{
    error::ApiError,
    order::{NewOrder, Order},
    state::AppState,
};

/// `POST /orders`: stores an order. It is accepted now and fulfilled later.
pub(super) async fn create(State(state): State<AppState>, body: Bytes) -> Result<Response, ApiError> {
    let body: Value = serde_json::from_slice(&body).map_err(|error| ApiError::NotJson(error.to_string()))?;
    let order = NewOrder::parse(&body).map_err(ApiError::Invalid)?;
    let span = Span::current();
    let trace_id = trace_id(&span).unwrap_or_default();
    let id = state.store().insert(&order, state.identity(), &trace_id, &TraceFields::of(&span)).await?;
    state.count_accepted(&order.source);
    state.new_orders().notify_one();
    tracing::info!(order = %id, source = order.source, "order accepted");
    let body = json!({ "id": id, "state": "accepted", "trace_id": trace_id });
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, format!("/orders/{id}"))], Json(body)).into_response())
}

/// `GET /orders/{id}`.
pub(super) async fn show(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Order>, ApiError> {
    let parsed = Uuid::parse_str(&id).map_err(|_| {
        ApiError::Invalid(InvalidField::new("id", &json!(id), "a UUID as POST /orders gave it"))
    })?;
    state.store().find(parsed).await?.map(Json).ok_or(ApiError::NotFound(id))
}

/// `GET /orders`: the last 20.
pub(super) async fn list(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "orders": state.store().recent().await? })))
}
