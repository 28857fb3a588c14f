//! Output and exit status of the program `parity`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn parity(cases: &[&Path]) -> std::io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_parity")).args(cases).output()
}

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(name)
}

#[test]
fn each_output_of_a_passing_case_has_a_line() -> std::io::Result<()> {
    let output = parity(&[&case("camera_matrices")])?;
    let report = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{report}");
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines.len(), 4);
    for (line, name) in lines.iter().zip(["out.view", "out.orthographic", "out.perspective"]) {
        assert!(lines.iter().any(|l| l.contains(name)), "{name}: {report}");
        assert!(line.starts_with("PASS camera_matrices camera out."), "{line}");
        assert!(line.contains(" max_abs=") && line.ends_with(" limit=1e-6"), "{line}");
    }
    assert_eq!(lines[3], "3 passed, 0 failed");
    Ok(())
}

#[test]
fn cases_that_cannot_be_checked_or_fail_exit_with_1() -> std::io::Result<()> {
    let folder = std::env::temp_dir().join(format!("hunyuan-paint-parity-{}", std::process::id()));
    let copy = |name: &str, from: &str, to: &str| -> std::io::Result<PathBuf> {
        let target = folder.join(name);
        std::fs::create_dir_all(&target)?;
        let json = std::fs::read_to_string(case("camera_matrices").join("case.json"))?;
        assert!(json.contains(from), "{json}");
        std::fs::write(target.join("case.json"), json.replacen(from, to, 1))?;
        std::fs::copy(case("camera_matrices").join("io.safetensors"), target.join("io.safetensors"))?;
        Ok(target)
    };
    let unknown_kind = copy("unknown_kind", "\"camera\"", "\"telescope\"")?;
    let wrong_distance = copy("wrong_distance", "1.45", "1.46")?;
    let no_limit = copy("no_limit", "max_abs", "max_absolute")?;
    let missing = folder.join("missing");
    for dir in [&unknown_kind, &wrong_distance, &no_limit, &missing] {
        let output = parity(&[&case("camera_matrices"), dir])?;
        let report = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{report}");
        assert!(report.contains("FAIL"), "{report}");
        assert!(!report.trim_end().ends_with(" 0 failed"), "{report}");
    }
    std::fs::remove_dir_all(&folder)
}
