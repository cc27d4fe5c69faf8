//! Errors of the API: status, short JSON, and never a text from inside.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use kubsets_telemetry::config::InvalidField;
use serde_json::json;

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The body is no JSON at all.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// A field cannot be accepted.
    #[error("{0}")]
    Invalid(InvalidField),
    /// There is no such order.
    #[error("there is no order {0}")]
    NotFound(String),
    /// The database does not answer.
    #[error("the database does not answer, try again")]
    Unavailable(#[source] sqlx::Error),
    /// The database answers with an error.
    #[error("internal error")]
    Internal(#[source] sqlx::Error),
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            // 57P0x: the server is starting or stopping; 53xxx: out of connections or memory;
            // 57014: the statement took too long; 42P01: not migrated yet.
            sqlx::Error::Database(ref database)
                if !database.code().is_some_and(|code| {
                    code.starts_with("57") || code.starts_with("53") || code == "42P01"
                }) =>
            {
                Self::Internal(error)
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => Self::Internal(error),
            _ => Self::Unavailable(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotJson(_) => StatusCode::BAD_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Unavailable(cause) => {
                tracing::warn!(error = %cause, "database does not answer");
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal(cause) => {
                tracing::error!(error = %cause, "database error");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let body = match &self {
            Self::Invalid(field) => json!({
                "error": self.to_string(),
                "field": field.field,
                "value": field.value,
                "accepted": field.accepted,
            }),
            _ => json!({ "error": self.to_string() }),
        };
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
