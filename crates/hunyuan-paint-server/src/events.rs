//! A job's progress as server-sent events.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse, Sse,
    sse::{Event, KeepAlive},
};
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use crate::job::{JobStatus, Phase, Watch};

/// Proxies close connections that are silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Everything that happens to the job until its end, beginning with what has happened already.
pub(crate) fn events(watch: Watch) -> impl IntoResponse {
    Sse::new(stream(watch)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn stream(watch: Watch) -> impl Stream<Item = Result<Event, Infallible>> {
    let state = (watch, Told::default(), VecDeque::new(), true);
    stream::unfold(state, |(mut watch, mut told, mut pending, mut first)| async move {
        loop {
            if let Some((name, data)) = pending.pop_front() {
                let event = Event::default().event(name).data(Value::to_string(&data));
                return Some((Ok(event), (watch, told, pending, first)));
            }
            if told.end || !(first || watch.changed().await) {
                return None;
            }
            first = false;
            pending = told.tell(&watch.now());
        }
    })
}

/// What a client knows already. Statuses may be skipped if they come fast; what a client is told is in order
/// all the same, and nothing that lasts is left out.
#[derive(Default)]
struct Told {
    ahead: Option<usize>,
    painting: bool,
    /// Fraction and preview version of each stage that has begun.
    stages: Vec<(f64, u32)>,
    end: bool,
}

impl Told {
    fn tell(&mut self, status: &JobStatus) -> VecDeque<(&'static str, Value)> {
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

/// A fraction in whole thousandths, so that it is short; 1 is only for what is done.
fn thousandths(fraction: f32) -> f64 {
    (f64::from(fraction) * 1000.0).floor() / 1000.0
}
