//! The web client: the page at `/` and what belongs to it under `/app/`.
//!
//! **Model.** The files are part of the program; `build.rs` embeds what `make web` has made. Built without them, the host
//! says at `/` how to get them. They hold nothing secret, so whoever reaches the host may load them: what they ask for
//! under `/v1` takes the same permission as anybody's asking.
//!
//! **Invariants.** The page may run and load only what comes from here, and nobody may frame it: [`POLICY`].

use axum::Router;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Files by name.
type Files = [(&'static str, &'static [u8])];

/// What was built when the program was.
static FILES: &Files = &include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// The page.
const PAGE: &str = "index.html";

/// What the page may do.
const POLICY: &str = "default-src 'none'; connect-src 'self'; img-src 'self'; script-src 'self'; style-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const NOT_BUILT: &str = "This host was built without its page.\n\n\
    'make web' builds the page, with Node.js 18 or newer, and 'make build' then the host with it.\n\
    The interface itself is here: /v1/docs describes it.\n";

/// The routes, which are no part of the interface under `/v1`.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(|headers: HeaderMap| async move { answer(FILES, PAGE, &headers) })).route(
        "/app/{file}",
        get(|Path(file): Path<String>, headers: HeaderMap| async move { answer(FILES, &file, &headers) }),
    )
}

fn answer(files: &Files, name: &str, asked: &HeaderMap) -> Response {
    let find = |name: &str| files.iter().find(|(known, _)| *known == name).map(|(_, content)| *content);
    let Some(plain) = find(name) else {
        let text = if files.is_empty() { NOT_BUILT } else { "There is no such file.\n" };
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let headers = [
        (CONTENT_TYPE, content_type(name)),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // The files of another version of the host have the same names.
        (CACHE_CONTROL, "no-cache"),
        (VARY, "accept-encoding"),
    ];
    match find(&format!("{name}.gz")).filter(|_| takes_gzip(asked)) {
        Some(packed) => (headers, [(CONTENT_ENCODING, "gzip")], packed).into_response(),
        None => (headers, plain).into_response(),
    }
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let names = asked.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    names.split(',').any(|name| name.trim() == "gzip")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, kind)| kind) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use http_body_util::BodyExt;

    static BUILT: &Files = &[(PAGE, b"<!doctype html>"), ("main.js", b"plain"), ("main.js.gz", b"packed")];

    async fn body(response: Response) -> Vec<u8> {
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn a_file_comes_with_its_type_and_the_policy() {
        let response = answer(BUILT, PAGE, &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(body(response).await, b"<!doctype html>");
    }

    #[tokio::test]
    async fn who_can_unpack_is_given_what_is_packed() {
        let mut asked = HeaderMap::new();
        let plain = answer(BUILT, "main.js", &asked);
        assert!(!plain.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(body(plain).await, b"plain");

        asked.insert(ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"));
        let packed = answer(BUILT, "main.js", &asked);
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(packed.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(body(packed).await, b"packed");

        let page = answer(BUILT, PAGE, &asked);
        assert_eq!(body(page).await, b"<!doctype html>", "what is not packed comes as it is");
    }

    #[tokio::test]
    async fn what_is_not_there_is_said() {
        assert_eq!(answer(BUILT, "other.js", &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
        let none = answer(&[], PAGE, &HeaderMap::new());
        assert_eq!(none.status(), StatusCode::NOT_FOUND);
        let text = String::from_utf8(body(none).await).unwrap();
        assert!(text.contains("make web"), "{text}");
    }
}
