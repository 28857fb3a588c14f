//! Progress bars, and how long each stage took.

use std::{
    collections::BTreeMap,
    fmt,
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use hunyuan_paint::{PaintStage, Progress, models::LoadCallback};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::{cancel, console::Console};

const TEMPLATE: &str = "{prefix:>10} {wide_bar} {percent:>3}% {elapsed:>4}";

/// One bar per stage on standard error. Nothing is drawn where that is not a terminal, or with `--quiet`.
#[derive(Debug)]
pub(crate) struct ProgressBars {
    bars: MultiProgress,
    current: Option<(PaintStage, ProgressBar, Instant)>,
    times: StageTimes,
}

impl ProgressBars {
    pub(crate) fn new(console: Console) -> Self {
        let bars = MultiProgress::new();
        if console.quiet {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bars, current: None, times: StageTimes::default() }
    }

    /// Measures work that is not a stage.
    pub(crate) fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.add_time(name, start.elapsed());
        result
    }

    /// Records the time of work that is not a stage.
    pub(crate) fn add_time(&mut self, name: &'static str, time: Duration) {
        self.times.0.push((name, time));
    }

    /// Returns a callback that shows a bar for each network while it is loaded.
    pub(crate) fn on_load(&self) -> LoadCallback {
        let (bars, current) = (self.bars.clone(), Mutex::new(None::<ProgressBar>));
        LoadCallback::new(move |progress| {
            let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
            // The bar of a network that failed to load is taken over by the next one.
            let bar = current.get_or_insert_with(|| new_bar(&bars, "weights"));
            bar.set_position((progress.bytes as f64 / progress.total.max(1) as f64 * 1000.0) as u64);
            if progress.bytes >= progress.total {
                bar.finish_and_clear();
                *current = None;
            }
            cancel::control_flow()
        })
    }

    /// Moves the stage's bar. Breaks after Ctrl-C.
    pub(crate) fn update(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        let is_current = matches!(&self.current, Some((stage, ..)) if *stage == progress.stage);
        if !is_current {
            let bar = new_bar(&self.bars, progress.stage.name());
            self.current = Some((progress.stage, bar, Instant::now()));
        }
        if let Some((stage, bar, start)) = &self.current {
            bar.set_position((progress.fraction * 1000.0) as u64);
            if progress.fraction >= 1.0 {
                bar.finish();
                self.times.0.push((stage.name(), start.elapsed()));
                self.current = None;
            }
        }
        cancel::control_flow()
    }

    /// Returns what has been measured.
    pub(crate) fn into_times(self) -> StageTimes {
        self.times
    }
}

fn new_bar(bars: &MultiProgress, name: &'static str) -> ProgressBar {
    let bar = bars.add(ProgressBar::new(1000).with_prefix(name));
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    bar
}

/// Stages in the order in which they ran, and how long each took.
#[derive(Debug, Default)]
pub(crate) struct StageTimes(Vec<(&'static str, Duration)>);

impl fmt::Display for StageTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, time) in &self.0 {
            writeln!(f, "{name:>10} {:>8.2} s", time.as_secs_f64())?;
        }
        let total: Duration = self.0.iter().map(|(_, time)| *time).sum();
        write!(f, "{:>10} {:>8.2} s", "total", total.as_secs_f64())
    }
}

impl Serialize for StageTimes {
    /// Seconds by stage.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds: BTreeMap<_, _> = self.0.iter().map(|(name, time)| (*name, time.as_secs_f64())).collect();
        seconds.serialize(serializer)
    }
}
