//! The routes and their handlers.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tower_http::timeout::RequestBodyTimeoutLayer;
use uuid::Uuid;

use crate::{
    ServerError,
    body::{UNAUTHORIZED_DRAIN, drain, read_json},
    events::events,
    host::check_host,
    job::{Job, Phase},
    request::parse,
    state::Shared,
    web,
};

type SharedState = State<Arc<Shared>>;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let guarded = Router::new()
        .route("/generate", post(generate))
        .route("/send", post(send))
        .route("/status/{uid}", get(status))
        .route("/jobs/{uid}", delete(cancel))
        .route("/jobs/{uid}/events", get(job_events))
        .route("/jobs/{uid}/previews/{stage}/{index}", get(preview))
        .route("/jobs/{uid}/result", get(result))
        .route_layer(middleware::from_fn_with_state(shared.clone(), authorize));
    web::routes()
        .route("/health", get(health))
        .merge(guarded)
        .fallback(|| async { ServerError::NotFound })
        .method_not_allowed_fallback(|| async { ServerError::MethodNotAllowed })
        .layer(RequestBodyTimeoutLayer::new(shared.options.idle_timeout))
        .layer(middleware::from_fn_with_state(shared.clone(), check_host))
        .with_state(shared)
}

/// Refuses requests without the token, if the server has one.
async fn authorize(State(shared): SharedState, request: Request, next: Next) -> Response {
    let Some(token) = &shared.options.token else { return next.run(request).await };
    let given = request.headers().get(header::AUTHORIZATION);
    if given.is_some_and(|value| token.is_in(value.as_bytes())) {
        return next.run(request).await;
    }
    if request.method() == Method::POST {
        drain(&mut request.into_body().into_data_stream(), UNAUTHORIZED_DRAIN).await;
    }
    ServerError::Unauthorized.into_response()
}

async fn health(State(shared): SharedState) -> Json<Value> {
    let (waiting, running) = shared.queue.counts();
    Json(json!({ "status": "ok", "waiting": waiting, "running": running }))
}

/// Answers with the painted mesh when it is finished. A client that disconnects cancels its job.
async fn generate(State(shared): SharedState, request: Request) -> Result<Response, ServerError> {
    let job = submit(&shared, request).await?;
    let abandoned = CancelOnDrop { shared: &shared, job: &job };
    let result = job.watch(false).result().await;
    drop(abandoned);
    Ok(glb(result?))
}

/// Answers immediately with the job's uid.
async fn send(State(shared): SharedState, request: Request) -> Result<Json<Value>, ServerError> {
    let job = submit(&shared, request).await?;
    Ok(Json(json!({ "uid": job.uid.to_string() })))
}

async fn submit(shared: &Arc<Shared>, request: Request<Body>) -> Result<Arc<Job>, ServerError> {
    let (body, _permit) = read_json(shared, request).await?;
    let painter = shared.queue.any_painter().ok_or(ServerError::Stopping)?;
    let check = move || {
        let request = parse(&body)?;
        painter.check(&request)?;
        Ok::<_, ServerError>(request)
    };
    let request = tokio::task::spawn_blocking(check).await.map_err(|_| ServerError::Panicked)??;
    let job = Arc::new(Job::new(request));
    tracing::info!(uid = %job.uid, "queued");
    shared.jobs.insert(job.clone());
    if let Err(error) = shared.queue.push(job.clone()) {
        shared.jobs.remove(&job);
        return Err(error);
    }
    Ok(job)
}

/// Cancels a job when it is dropped. Has no effect on a finished job.
struct CancelOnDrop<'a> {
    shared: &'a Shared,
    job: &'a Arc<Job>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.shared.queue.cancel(self.job);
    }
}

async fn status(State(shared): SharedState, Path(uid): Path<String>) -> Result<Json<Value>, ServerError> {
    let status = find(&shared, &uid)?.status();
    Ok(Json(match status.phase {
        Phase::Queued { .. } | Phase::Painting => json!({ "status": "processing" }),
        Phase::Finished { result: Ok(glb), .. } => {
            json!({ "status": "completed", "model_base64": BASE64_STANDARD.encode(glb) })
        }
        Phase::Finished { result: Err(error), .. } => {
            let mut json = error.to_json();
            json["status"] = "failed".into();
            json
        }
    }))
}

async fn cancel(State(shared): SharedState, Path(uid): Path<String>) -> Result<Json<Value>, ServerError> {
    shared.queue.cancel(&find(&shared, &uid)?);
    status(State(shared), Path(uid)).await
}

async fn job_events(State(shared): SharedState, Path(uid): Path<String>) -> Result<Response, ServerError> {
    Ok(events(find(&shared, &uid)?.watch(true)).into_response())
}

async fn preview(
    State(shared): SharedState,
    Path((uid, stage, index)): Path<(String, String, String)>,
) -> Result<Response, ServerError> {
    let status = find(&shared, &uid)?.status();
    let stage = status.stages.iter().find(|status| status.stage.name() == stage);
    let png = stage
        .and_then(|stage| stage.previews.get(index.parse::<usize>().ok()?))
        .ok_or(ServerError::NotFound)?;
    let headers = [(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, png.clone()).into_response())
}

async fn result(State(shared): SharedState, Path(uid): Path<String>) -> Result<Response, ServerError> {
    match find(&shared, &uid)?.status().finished() {
        None => Err(ServerError::NotFinished),
        Some((_, result)) => Ok(glb(result.clone()?)),
    }
}

fn find(shared: &Shared, uid: &str) -> Result<Arc<Job>, ServerError> {
    let uid = Uuid::parse_str(uid).map_err(|_| ServerError::UnknownJob)?;
    shared.jobs.find(uid).ok_or(ServerError::UnknownJob)
}

fn glb(bytes: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "model/gltf-binary"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"textured.glb\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, bytes).into_response()
}
