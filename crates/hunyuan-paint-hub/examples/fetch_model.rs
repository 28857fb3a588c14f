//! Downloads a paint model and the delight model, and prints their folder:
//! `fetch_model [--accept-license] [repository] [paint folder]`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "output of a program")]

use std::{env, error::Error, ops::ControlFlow, sync::atomic::AtomicU64, sync::atomic::Ordering};

use hunyuan_paint_hub::{
    DownloadCallback, DownloadProgress, HubOptions, License, LicenseCallback, ModelFolder, fetch_folders,
};

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, names): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let is_accepted = flags.iter().any(|flag| flag == "--accept-license");
    let mut names = names.iter().map(String::as_str);
    let repository = names.next().unwrap_or("tencent/Hunyuan3D-2").parse()?;
    let paint = names.next().unwrap_or("hunyuan3d-paint-v2-0");

    let on_license = move |license: &License| {
        eprintln!("{license}");
        if is_accepted {
            return ControlFlow::Continue(());
        }
        eprintln!("Read it, and run again with --accept-license to accept it.");
        ControlFlow::Break(())
    };
    let shown = AtomicU64::new(u64::MAX);
    let on_progress = move |progress: &DownloadProgress<'_>| {
        let percent = progress.all_bytes * 100 / progress.all_total.max(1);
        if shown.swap(percent, Ordering::Relaxed) != percent {
            let [done, total] = [progress.all_bytes, progress.all_total].map(|bytes| bytes as f64 / 1e6);
            eprintln!("{percent:3} % ({done:.1} of {total:.1} MB) {}", progress.file);
        }
        ControlFlow::Continue(())
    };
    let options = HubOptions {
        on_license: Some(LicenseCallback::new(on_license)),
        on_progress: Some(DownloadCallback::new(on_progress)),
        ..HubOptions::from_env()?
    };
    let delight = ModelFolder::instruct_pix2pix("hunyuan3d-delight-v2-0").optional();
    println!(
        "{}",
        fetch_folders(&repository, &[ModelFolder::multiview(paint), delight], &options)?.display()
    );
    Ok(())
}
