//! `GET /`: one page without anything from elsewhere.

use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use http::header;
use kubsets_telemetry::Identity;

use crate::state::AppState;

const TEMPLATE: &str = include_str!("page.html");
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";

pub(super) async fn show(State(state): State<AppState>) -> Response {
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-store")];
    (headers, Html(state.page().to_owned())).into_response()
}

/// The page of this process. Orders are filled in by the page itself, so that it needs no database.
pub(crate) fn render(identity: &Identity) -> String {
    let hue = hue(&identity.version).to_string();
    [
        ("{{version}}", &*identity.version),
        ("{{pod}}", &*identity.pod),
        ("{{node}}", &*identity.node),
        ("{{hue}}", hue.as_str()),
    ]
    .iter()
    .fold(TEMPLATE.to_owned(), |page, (name, value)| page.replace(name, &escape(value)))
}

/// The colour of a version: the same everywhere, far apart for neighbours.
fn hue(version: &str) -> u32 {
    // FNV-1a, then the golden angle, which spreads even close numbers around the circle.
    let hash = version
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (f64::from(hash % 100_000) * 137.508).rem_euclid(360.0) as u32
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_filled_in() {
        let identity =
            Identity { version: "<b>1".into(), pod: "pod-7".into(), ..Identity::local("demo-app") };
        let page = render(&identity);
        assert!(page.contains("&lt;b&gt;1") && !page.contains("<b>1"));
        assert!(page.contains("pod-7") && !page.contains("{{"));
    }

    #[test]
    fn neighbouring_versions_differ_in_colour() {
        for (a, b) in [("0.1.0", "0.2.0"), ("1.0.0", "1.0.1"), ("v1", "v2")] {
            let apart = hue(a).abs_diff(hue(b));
            assert!(apart.min(360 - apart) >= 20, "{a} {b}: {apart}");
        }
        assert!(hue("x") < 360);
    }
}
