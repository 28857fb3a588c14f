//! The page in a real browser, through chromedriver: files are dropped, stages watched, the result
//! turned and downloaded.
//!
//! `cargo test --release -p hunyuan-paint-server --test browser -- --ignored`; the README lists the
//! requirements.

mod common;

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hunyuan_paint::{
    ComputeDevice, DelightOptions, GeometryDevice, PaintOptions, PaintPipeline, PaintStage, mesh::read_mesh,
    models::pipelines::MultiviewOptions,
};
use hunyuan_paint_server::{InputLimits, PipelinePainter, ServerOptions, Token};
use image::RgbImage;
use serde_json::{Value, json};
use tempfile::TempDir;

use common::{TestResult, TestServer, wait_until};

/// The key of element references in `WebDriver`.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

fn repository(path: &str) -> Result<PathBuf, std::io::Error> {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).canonicalize()
}

/// Starts a server with the small checkpoint, which paints colored noise.
fn server(steps: usize, options: ServerOptions) -> Result<TestServer, Box<dyn Error>> {
    let model = repository("crates/hunyuan-paint-testkit/cases/model_tiny")?;
    let builder = PaintPipeline::builder().device(ComputeDevice::Cpu).geometry(GeometryDevice::Cpu);
    let pipeline = builder.from_pretrained(model)?;
    let mut multiview = MultiviewOptions::standard();
    multiview.denoise.num_inference_steps = steps;
    let mut delight = DelightOptions::default();
    delight.pipeline.denoise.num_inference_steps = 2;
    let paint_options = PaintOptions {
        render_size: 256,
        texture_size: 512,
        multiview: Some(multiview),
        delight: Some(delight),
        ..PaintOptions::default()
    };
    let painter = PipelinePainter::new(pipeline, paint_options, InputLimits::default())?;
    TestServer::new(vec![Arc::new(painter)], options)
}

/// Creates an HTTP client that returns error statuses as responses: `WebDriver` puts errors into the
/// body.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// A headless Chromium with one window.
struct Browser {
    driver: Child,
    session: String,
    downloads: TempDir,
}

impl Browser {
    fn open(url: &str) -> Result<Self, Box<dyn Error>> {
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".into());
        let mut driver = Command::new(&program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let output = driver.stdout.take().ok_or("no output")?;
        let mut browser = Self { driver, session: String::new(), downloads: TempDir::new()? };
        let mut lines = BufReader::new(output).lines();
        let port = loop {
            let line = lines.next().ok_or("chromedriver ended")??;
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--enable-unsafe-swiftshader",
            "--window-size=1280,1000",
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": { "download.default_directory": browser.downloads.path() },
            },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        browser.session = format!("http://127.0.0.1:{port}/session");
        let session = browser.post("", &capabilities)?;
        let id = session["sessionId"].as_str().ok_or_else(|| format!("no session: {session}"))?;
        browser.session = format!("{}/{id}", browser.session);
        browser.post("/url", &json!({ "url": url }))?;
        Ok(browser)
    }

    fn post(&self, path: &str, json: &Value) -> Result<Value, Box<dyn Error>> {
        let mut response = agent().post(format!("{}{path}", self.session)).send_json(json)?;
        let body = response.body_mut().with_config().limit(1 << 30).read_to_string()?;
        let value: Value = serde_json::from_str(&body)?;
        match value["value"].get("error") {
            Some(error) => Err(format!("{path}: {error}: {}", value["value"]["message"]).into()),
            None => Ok(value["value"].clone()),
        }
    }

    fn run(&self, script: &str, arguments: &Value) -> Result<Value, Box<dyn Error>> {
        self.post("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    fn element(&self, selector: &str) -> Result<String, Box<dyn Error>> {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }))?;
        let id = found[ELEMENT].as_str().ok_or_else(|| format!("no {selector}"))?;
        Ok(format!("/element/{id}"))
    }

    fn click(&self, selector: &str) -> TestResult {
        self.post(&format!("{}/click", self.element(selector)?), &json!({}))?;
        Ok(())
    }

    fn type_into(&self, selector: &str, text: &str) -> TestResult {
        self.post(&format!("{}/value", self.element(selector)?), &json!({ "text": text }))?;
        Ok(())
    }

    /// Drops a file on an element, like a mouse.
    fn drop_file(&self, selector: &str, path: &Path) -> TestResult {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let script = "
            const [selector, name, content] = arguments;
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], name));
            const options = { dataTransfer, bubbles: true, cancelable: true };
            document.querySelector(selector).dispatchEvent(new DragEvent('drop', options));";
        self.run(script, &json!([selector, name, BASE64_STANDARD.encode(fs::read(path)?)]))?;
        Ok(())
    }

    fn message(&self) -> Result<String, Box<dyn Error>> {
        let text = self.run("return document.getElementById('message').textContent", &json!([]))?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    fn is_shown(&self, selector: &str) -> Result<bool, Box<dyn Error>> {
        let script = "return !document.querySelector(arguments[0]).hidden";
        Ok(self.run(script, &json!([selector]))? == true)
    }

    /// Takes a screenshot, and also writes it to a file.
    fn screenshot(&self, name: &str) -> Result<RgbImage, Box<dyn Error>> {
        let mut response = agent().get(format!("{}/screenshot", self.session)).call()?;
        let value: Value = serde_json::from_str(&response.body_mut().read_to_string()?)?;
        let png = BASE64_STANDARD.decode(value["value"].as_str().ok_or("no screenshot")?)?;
        fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png")), &png)?;
        Ok(image::load_from_memory(&png)?.to_rgb8())
    }

    /// Returns the errors and warnings of the page.
    fn complaints(&self) -> Result<Vec<Value>, Box<dyn Error>> {
        let log = self.post("/se/log", &json!({ "type": "browser" }))?;
        let entries = log.as_array().cloned().unwrap_or_default();
        Ok(entries.into_iter().filter(|entry| entry["level"] == "SEVERE").collect())
    }

    fn paint_robot(&self) -> TestResult {
        self.drop_file("#mesh-drop", &repository("assets/robot.glb")?)?;
        self.type_into("#image", &repository("assets/robot.png")?.to_string_lossy())?;
        self.click("#paint")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Closes the window first, which chromedriver would leave behind.
        drop(agent().delete(&self.session).call());
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// Counts the pixels of the right part of the window, where the mesh is, that satisfy a condition.
fn count(image: &RgbImage, wanted: impl Fn([u8; 3]) -> bool) -> usize {
    let left = image.width() / 2;
    image.enumerate_pixels().filter(|(x, _, pixel)| *x > left && wanted(pixel.0)).count()
}

fn is_colored([r, g, b]: [u8; 3]) -> bool {
    r.max(g).max(b) - r.min(g).min(b) > 40
}

fn is_light_grey([r, g, b]: [u8; 3]) -> bool {
    r.max(g).max(b) - r.min(g).min(b) < 4 && (110..220).contains(&r)
}

#[test]
#[ignore = "needs Chromium and chromedriver"]
fn a_mesh_is_dropped_painted_turned_and_downloaded() -> TestResult {
    let server = server(12, ServerOptions::default())?;
    let browser = Browser::open(&server.url("/"))?;
    browser.drop_file("#mesh-drop", &repository("assets/robot.glb")?)?;
    wait_until(|| Ok((count(&browser.screenshot("page_mesh")?, is_light_grey) > 5_000).then_some(())))?;
    assert_eq!(count(&browser.screenshot("page_mesh")?, is_colored), 0);

    browser.paint_robot()?;
    wait_until(|| Ok(browser.is_shown("#stages .previews img").unwrap_or(false).then_some(())))?;
    browser.screenshot("page_painting")?;
    wait_until(|| {
        let message = browser.message()?;
        Ok(message.starts_with("Done").then_some(()))
    })?;
    // Every stage has its previews.
    let stages = "return [...document.querySelectorAll('#stages li')].map((li) =>
        [li.dataset.stage, li.querySelector('progress').value, li.querySelectorAll('img').length])";
    let expected: Vec<Value> = PaintStage::ALL
        .iter()
        .zip([0, 6, 1, 6, 1])
        .map(|(stage, count)| json!([stage.name(), 1, count]))
        .collect();
    wait_until(|| Ok((browser.run(stages, &json!([]))? == json!(expected)).then_some(())))?;
    let broken = "return [...document.querySelectorAll('#stages img')].filter((i) => !i.naturalWidth).length";
    assert_eq!(browser.run(broken, &json!([]))?, 0);

    // The result is colored, and can be turned.
    let painted = browser.screenshot("page_painted")?;
    assert!(count(&painted, is_colored) > 5_000, "{}", count(&painted, is_colored));
    let drag = json!({ "actions": [{ "type": "pointer", "id": "mouse", "actions": [
        { "type": "pointerMove", "duration": 0, "x": 800, "y": 400 },
        { "type": "pointerDown", "button": 0 },
        { "type": "pointerMove", "duration": 100, "x": 1000, "y": 350 },
        { "type": "pointerUp", "button": 0 },
    ] }] });
    browser.post("/actions", &drag)?;
    let turned = browser.screenshot("page_turned")?;
    let moved = painted.pixels().zip(turned.pixels()).filter(|(a, b)| a != b).count();
    assert!(moved > 5_000, "{moved} pixels changed");

    // The download is the painted mesh.
    browser.click("#download")?;
    let file = browser.downloads.path().join("textured.glb");
    wait_until(|| Ok(file.exists().then_some(())))?;
    let downloaded = read_mesh(&file)?;
    assert_eq!(downloaded.faces.len(), read_mesh(&repository("assets/robot.glb")?)?.faces.len());
    assert!(downloaded.uvs.is_some());
    assert_eq!(browser.complaints()?, Vec::<Value>::new());
    Ok(())
}

#[test]
#[ignore = "needs Chromium and chromedriver"]
fn the_page_cancels() -> TestResult {
    let server = server(1000, ServerOptions::default())?;
    let browser = Browser::open(&server.url("/"))?;
    browser.paint_robot()?;
    wait_until(|| Ok(browser.is_shown("#cancel")?.then_some(())))?;
    browser.click("#cancel")?;
    wait_until(|| Ok((browser.message()? == "the job was cancelled").then_some(())))?;
    assert!(!browser.is_shown("#download")?);
    Ok(())
}

#[test]
#[ignore = "needs Chromium and chromedriver"]
fn the_page_asks_for_the_token() -> TestResult {
    let options = ServerOptions { token: Some(Token::new("sesame")), ..Default::default() };
    let server = server(2, options)?;
    let browser = Browser::open(&server.url("/"))?;
    assert!(!browser.is_shown("#token-field")?);
    browser.paint_robot()?;
    wait_until(|| Ok(browser.is_shown("#token-field")?.then_some(())))?;
    browser.screenshot("page_token")?;
    browser.type_into("#token", "sesame")?;
    browser.click("#paint")?;
    wait_until(|| Ok(browser.message()?.starts_with("Done").then_some(())))
}
