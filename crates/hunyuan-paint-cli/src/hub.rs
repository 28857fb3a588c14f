//! Downloads from the Hugging Face hub: consent to the license, and a progress bar.

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
};

use hunyuan_paint::hub::{
    DownloadCallback, DownloadProgress, HubError, HubOptions, License, LicenseCallback,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{cancel, console::Console};

const TEMPLATE: &str = "{prefix:>10} {wide_bar} {bytes} of {total_bytes} {bytes_per_sec} {eta:>4}";

/// Returns the options of the environment. The license is shown before anything is downloaded, and refused
/// unless it was accepted.
pub(crate) fn hub_options(accept_license: bool, console: Console) -> Result<HubOptions, HubError> {
    let on_license = move |license: &License| {
        Console::notice(&license.to_string());
        if accept_license {
            return ControlFlow::Continue(());
        }
        Console::notice("Read it, and run the command again with --accept-license if you accept it.");
        ControlFlow::Break(())
    };
    let bar = Mutex::new(None::<ProgressBar>);
    let on_progress = move |progress: &DownloadProgress<'_>| {
        let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| download_bar(console, progress.all_total));
        bar.set_length(progress.all_total);
        bar.set_position(progress.all_bytes);
        if progress.all_bytes >= progress.all_total {
            bar.finish();
        }
        cancel::control_flow()
    };
    let mut options = HubOptions::from_env()?;
    options.on_license = Some(LicenseCallback::new(on_license));
    options.on_progress = Some(DownloadCallback::new(on_progress));
    Ok(options)
}

fn download_bar(console: Console, bytes: u64) -> ProgressBar {
    if console.quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes).with_prefix("download");
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    bar
}
