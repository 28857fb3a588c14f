//! Models that have to be downloaded first.

#![expect(clippy::print_stderr, reason = "the license is for the user to read")]

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
};

use hunyuan_paint::hub::{
    DownloadCallback, DownloadProgress, HubError, HubOptions, License, LicenseCallback,
};
use indicatif::{ProgressBar, ProgressStyle};

/// What the environment says, with a progress bar, for those who have read the license; the others are told of it.
///
/// # Errors
/// If a variable of the environment cannot be used.
pub fn hub_options(accept_license: bool) -> Result<HubOptions, HubError> {
    let on_license = move |license: &License| {
        eprintln!("{license}");
        if accept_license {
            return ControlFlow::Continue(());
        }
        eprintln!("Read it, and start again with --accept-license if you accept it.");
        ControlFlow::Break(())
    };
    let bar = Mutex::new(None::<ProgressBar>);
    let on_progress = move |progress: &DownloadProgress<'_>| {
        let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(progress.all_total).with_prefix("download");
            let template = "{prefix:>10} {wide_bar} {bytes} of {total_bytes} {bytes_per_sec} {eta:>4}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        bar.set_length(progress.all_total);
        bar.set_position(progress.all_bytes);
        if progress.all_bytes >= progress.all_total {
            bar.finish();
        }
        ControlFlow::Continue(())
    };
    Ok(HubOptions {
        on_license: Some(LicenseCallback::new(on_license)),
        on_progress: Some(DownloadCallback::new(on_progress)),
        ..HubOptions::from_env()?
    })
}
