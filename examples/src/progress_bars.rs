//! A progress bar for every stage, and how long each took.

use std::{
    fmt::Write as _,
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use hunyuan_paint::{Progress, PaintStage, models::LoadCallback};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{prefix:>10} {wide_bar} {percent:>3}% {elapsed:>4}";

/// Bars on standard error; silent where that is not a terminal.
pub struct ProgressBars {
    bars: MultiProgress,
    current: Option<(PaintStage, ProgressBar, Instant)>,
    times: Vec<(&'static str, Duration)>,
}

impl Default for ProgressBars {
    fn default() -> Self {
        Self::new()
    }
}

impl ProgressBars {
    /// No bar yet.
    pub fn new() -> Self {
        Self { bars: MultiProgress::new(), current: None, times: Vec::new() }
    }

    /// Times something that is no stage.
    pub fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.times.push((name, start.elapsed()));
        result
    }

    /// A bar below the stage's for every network that is being loaded, gone when it is there.
    pub fn on_load(&self) -> LoadCallback {
        let (bars, current) = (self.bars.clone(), Mutex::new(None::<ProgressBar>));
        LoadCallback::new(move |progress| {
            let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
            // A network that was not loaded to the end leaves its bar to the next one.
            let bar = current.get_or_insert_with(|| new_bar(&bars, "weights"));
            bar.set_position((progress.bytes as f64 / progress.total.max(1) as f64 * 1000.0) as u64);
            if progress.bytes >= progress.total {
                bar.finish_and_clear();
                *current = None;
            }
            ControlFlow::Continue(())
        })
    }

    /// Moves the stage's bar.
    pub fn update(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        let is_current = matches!(&self.current, Some((stage, ..)) if *stage == progress.stage);
        if !is_current {
            let bar = new_bar(&self.bars, progress.stage.name());
            self.current = Some((progress.stage, bar, Instant::now()));
        }
        if let Some((stage, bar, start)) = &self.current {
            bar.set_position((progress.fraction * 1000.0) as u64);
            if progress.fraction >= 1.0 {
                bar.finish();
                self.times.push((stage.name(), start.elapsed()));
                self.current = None;
            }
        }
        ControlFlow::Continue(())
    }

    /// A table of seconds.
    pub fn table(&self) -> String {
        let mut table = String::new();
        for (name, time) in &self.times {
            let _ = writeln!(table, "{name:>10} {:>8.2} s", time.as_secs_f64());
        }
        let total: Duration = self.times.iter().map(|(_, time)| *time).sum();
        let _ = write!(table, "{:>10} {:>8.2} s", "total", total.as_secs_f64());
        table
    }
}

/// Of a thousand parts.
fn new_bar(bars: &MultiProgress, name: &'static str) -> ProgressBar {
    let bar = bars.add(ProgressBar::new(1000).with_prefix(name));
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    bar
}
