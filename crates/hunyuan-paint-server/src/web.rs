//! The page: files compiled into the program.

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

/// Allows this server only. Previews and results are blobs, and the icon is an empty data URL.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let files = [
        ("/", "text/html; charset=utf-8", include_str!("../web/index.html")),
        ("/style.css", "text/css; charset=utf-8", include_str!("../web/style.css")),
        ("/app.js", "text/javascript; charset=utf-8", include_str!("../web/app.js")),
        ("/client.js", "text/javascript; charset=utf-8", include_str!("../web/client.js")),
        ("/glb.js", "text/javascript; charset=utf-8", include_str!("../web/glb.js")),
        ("/viewer.js", "text/javascript; charset=utf-8", include_str!("../web/viewer.js")),
    ];
    files.into_iter().fold(Router::new(), |router, (path, content_type, content)| {
        router.route(path, get(move || async move { file(content_type, content) }))
    })
}

fn file(content_type: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content).into_response()
}
