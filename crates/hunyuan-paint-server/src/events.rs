//! The progress of a job as server-sent events.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse, Sse,
    sse::{Event, KeepAlive},
};
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use crate::job::{JobStatus, Phase, Watch};

/// Proxies close connections that are silent for much longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Streams all events of a job until its end, starting with those of the past.
pub(crate) fn events(watch: Watch) -> impl IntoResponse {
    Sse::new(stream(watch)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn stream(watch: Watch) -> impl Stream<Item = Result<Event, Infallible>> {
    let state = (watch, SseCursor::default(), VecDeque::new(), true);
    stream::unfold(state, |(mut watch, mut cursor, mut pending, mut first)| async move {
        loop {
            if let Some((name, data)) = pending.pop_front() {
                let event = Event::default().event(name).data(Value::to_string(&data));
                return Some((Ok(event), (watch, cursor, pending, first)));
            }
            if cursor.end || !(first || watch.changed().await) {
                return None;
            }
            first = false;
            pending = cursor.diff(&watch.now());
        }
    })
}

/// The part of a job's status that a client knows. Statuses that come fast may be skipped; the
/// events are in order all the same, and include the end of every stage.
#[derive(Default)]
struct SseCursor {
    ahead: Option<usize>,
    painting: bool,
    /// The fraction and the preview version of each stage that has begun.
    stages: Vec<(f64, u32)>,
    end: bool,
}

impl SseCursor {
    /// Returns the events that lead to `status`, and moves there.
    fn diff(&mut self, status: &JobStatus) -> VecDeque<(&'static str, Value)> {
        let mut events = VecDeque::new();
        if let Phase::Queued { ahead } = status.phase {
            if self.ahead.replace(ahead) != Some(ahead) {
                events.push_back(("queued", json!({ "ahead": ahead })));
            }
            return events;
        }
        let begun = matches!(status.phase, Phase::Painting) || !status.stages.is_empty();
        if begun && !std::mem::replace(&mut self.painting, true) {
            events.push_back(("painting", json!({})));
        }
        for (i, stage) in status.stages.iter().enumerate() {
            let name = stage.stage.name();
            if self.stages.len() == i {
                self.stages.push((-1.0, 0));
            }
            let (fraction, version) = &mut self.stages[i];
            let thousandths = thousandths(stage.fraction);
            if *fraction != thousandths {
                *fraction = thousandths;
                events.push_back(("stage", json!({ "stage": name, "fraction": thousandths })));
            }
            if *version != stage.preview_version {
                *version = stage.preview_version;
                let count = stage.previews.len();
                events.push_back(("preview", json!({ "stage": name, "version": version, "count": count })));
            }
        }
        if let Some((_, result)) = status.finished() {
            self.end = true;
            events.push_back(match result {
                Ok(glb) => ("completed", json!({ "bytes": glb.len() })),
                Err(error) => ("failed", error.to_json()),
            });
        }
        events
    }
}

/// Rounds a fraction down to thousandths: short, and 1 only at the end.
fn thousandths(fraction: f32) -> f64 {
    (f64::from(fraction) * 1000.0).floor() / 1000.0
}
