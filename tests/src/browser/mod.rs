//! Chromium without a window, driven through chromedriver by the W3C's WebDriver protocol.
//!
//! The protocol is JSON over HTTP, of which a test needs a dozen commands: a client on [`crate::http`] is shorter than what
//! it takes to wrap an asynchronous crate, its HTTP and its TLS for tests that block, and takes chromedriver's own commands
//! (logs, emulation) as they come.

mod driver;
mod watch;

/// Whether everybody can read and use what is shown: contrast, names, focus.
pub mod access;

pub use watch::{Entry, Seen};

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::wait;
use driver::Driver;

/// How long a page may take for anything: a slow machine is no reason to fail.
const PATIENCE: Duration = Duration::from_secs(30);

/// The key of an element's reference (WebDriver §12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys that have no character of their own (WebDriver §17.4.2).
pub mod key {
    /// The tabulator.
    pub const TAB: &str = "\u{E004}";
    /// Enter.
    pub const ENTER: &str = "\u{E007}";
    /// Escape.
    pub const ESCAPE: &str = "\u{E00C}";
    /// Shift, held until the end of what is typed.
    pub const SHIFT: &str = "\u{E008}";
}

/// What the user prefers (`prefers-color-scheme`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Scheme {
    /// As CSS has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A browser with one page and a profile of its own; both are gone when it is dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
}

/// An element of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element(String);

impl Element {
    /// It, as an argument of a script.
    pub fn reference(&self) -> Value {
        json!({ ELEMENT: self.0 })
    }
}

impl Browser {
    /// Starts a browser.
    ///
    /// # Errors
    /// Chromium or chromedriver is not installed, or does not start.
    pub fn start() -> Result<Self> {
        let driver = Driver::start()?;
        let browser = Self { driver };
        browser.size(1440, 900)?;
        // What its own first page has asked for is nobody's fault.
        browser.driver.post("/url", &json!({ "url": "about:blank" }))?;
        browser.seen()?;
        Ok(browser)
    }

    /// Goes to a page and waits until it is loaded.
    ///
    /// # Errors
    /// There is none.
    pub fn open(&self, server: SocketAddr, path: &str) -> Result<()> {
        let url = format!("http://{server}{path}");
        self.driver.post("/url", &json!({ "url": url })).map(drop)
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// It is not there any more.
    pub fn reload(&self) -> Result<()> {
        self.driver.post("/refresh", &json!({})).map(drop)
    }

    /// Runs a script, the body of a function, in the page, and returns what it returns; `arguments[0]` is `argument`.
    ///
    /// # Errors
    /// It throws.
    pub fn run_with(&self, script: &str, argument: &Value) -> Result<Value> {
        let command = json!({ "script": script, "args": [argument] });
        self.driver.post("/execute/sync", &command)
    }

    /// Like [`Self::run_with`], without an argument.
    ///
    /// # Errors
    /// It throws.
    pub fn run(&self, script: &str) -> Result<Value> {
        self.run_with(script, &Value::Null)
    }

    /// Waits until a script, the body of a function, returns something that is neither null nor false.
    ///
    /// # Errors
    /// It does not in time, or throws; the error shows the page's text.
    pub fn until(&self, what: &str, script: &str) -> Result<Value> {
        let waited = wait::until_ok(what, PATIENCE, || {
            let value = self.run(script)?;
            Ok((!value.is_null() && value != false).then_some(value))
        });
        waited.with_context(|| self.text().unwrap_or_default())
    }

    /// The first element that a CSS selector selects.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, selector: &str) -> Result<Element> {
        let query = json!({ "using": "css selector", "value": selector });
        let found = self.driver.post("/element", &query)?;
        element(&found).with_context(|| selector.to_owned())
    }

    /// All elements that a CSS selector selects.
    ///
    /// # Errors
    /// The selector is none.
    pub fn find_all(&self, selector: &str) -> Result<Vec<Element>> {
        let query = json!({ "using": "css selector", "value": selector });
        let found = self.driver.post("/elements", &query)?;
        let found = found.as_array().context("no list of elements")?;
        found.iter().map(element).collect()
    }

    /// Clicks in the middle of the first element that a selector selects, as a mouse does: waits until there is one, and
    /// fails when another element is in front of it.
    ///
    /// # Errors
    /// There is none in time, or it cannot be clicked.
    pub fn click(&self, selector: &str) -> Result<()> {
        // What is live may be replaced between a look and a click.
        let mut last = None;
        let clicked = wait::until(selector, PATIENCE, || {
            let clicked = self.find(selector).and_then(|element| {
                let path = format!("/element/{}/click", element.0);
                self.driver.post(&path, &json!({}))
            });
            clicked.map_err(|error| last = Some(error)).ok()
        });
        match (clicked, last) {
            (Ok(_), _) => Ok(()),
            (Err(late), Some(error)) => Err(error.context(late)),
            (Err(late), None) => Err(late),
        }
    }

    /// Types into an element, which gets the focus.
    ///
    /// # Errors
    /// There is none, or it takes no text.
    pub fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        let path = format!("/element/{}/value", self.find(selector)?.0);
        self.driver.post(&path, &json!({ "text": text })).map(drop)
    }

    /// Presses keys one after the other, wherever the focus is, and releases them all at the end.
    ///
    /// # Errors
    /// chromedriver refuses.
    pub fn press(&self, keys: &str) -> Result<()> {
        let down = keys
            .chars()
            .map(|key| json!({ "type": "keyDown", "value": key.to_string() }));
        let up = keys
            .chars()
            .rev()
            .map(|key| json!({ "type": "keyUp", "value": key.to_string() }));
        let actions: Vec<_> = down.chain(up).collect();
        let keyboard = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] });
        self.driver.post("/actions", &keyboard).map(drop)
    }

    /// What assistive technology calls an element (WebDriver §12.4.10).
    ///
    /// # Errors
    /// It is not there any more.
    pub fn label(&self, element: &Element) -> Result<String> {
        let label = self
            .driver
            .get(&format!("/element/{}/computedlabel", element.0))?;
        Ok(label.as_str().unwrap_or_default().to_owned())
    }

    /// The text of the whole page as it is shown.
    ///
    /// # Errors
    /// There is no page.
    pub fn text(&self) -> Result<String> {
        let text = self.run("return document.body.innerText")?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// The size of what is seen, in CSS pixels; a browser's window has a least width, which a phone's screen has not.
    ///
    /// # Errors
    /// chromedriver refuses.
    pub fn size(&self, width: u32, height: u32) -> Result<()> {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &screen)
    }

    /// Light or dark, whatever the system has.
    ///
    /// # Errors
    /// chromedriver refuses.
    pub fn scheme(&self, scheme: Scheme) -> Result<()> {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme.name() });
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }))
    }

    /// A command of the Chrome DevTools protocol.
    fn devtools(&self, command: &str, parameters: &Value) -> Result<()> {
        let command = json!({ "cmd": command, "params": parameters });
        self.driver.post("/goog/cdp/execute", &command).map(drop)
    }

    /// Writes a picture (PNG) of what is seen into `file`, whose directory is made; its size in bytes.
    ///
    /// # Errors
    /// There is no picture, or no room for it.
    pub fn picture(&self, file: &Path) -> Result<usize> {
        let picture = self.driver.get("/screenshot")?;
        let picture = BASE64.decode(picture.as_str().unwrap_or_default().as_bytes())?;
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        }
        fs::write(file, &picture).with_context(|| file.display().to_string())?;
        Ok(picture.len())
    }

    /// What the console was told and what was asked of servers since this was asked last.
    ///
    /// # Errors
    /// chromedriver refuses.
    pub fn seen(&self) -> Result<Seen> {
        let log = |kind: &str| self.driver.post("/se/log", &json!({ "type": kind }));
        watch::seen(&log("browser")?, &log("performance")?)
    }
}

fn element(reference: &Value) -> Result<Element> {
    let id = reference.get(ELEMENT).and_then(Value::as_str);
    Ok(Element(id.context("no element")?.to_owned()))
}

#[cfg(test)]
mod tests;
