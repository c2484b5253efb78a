//! The page that people see in a browser: the files that it is made of, as they are in the program.
//!
//! Nothing is built and nothing is loaded from elsewhere: plain modules, one style sheet, one picture. The files hold no
//! secrets; what they show comes from the API, which asks for what it always asks.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// A file of the page.
#[derive(Debug)]
pub struct Asset {
    /// Its path below `/assets/`; the page itself is `index.html`.
    pub path: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
    /// The tag of this content (RFC 9110 §8.8.3), with its quotes.
    pub etag: String,
}

macro_rules! assets {
    ($($path:literal)*) => {
        &[$(($path, include_bytes!(concat!("assets/", $path)))),*]
    };
}

/// All files: a test compares this with the directory, and with what they ask for.
const FILES: &[(&str, &[u8])] = assets! {
    "index.html"
    "style.css"
    "icon.svg"
    "app.js"
    "api.js"
    "chart.js"
    "dialog.js"
    "dom.js"
    "format.js"
    "poll.js"
    "store.js"
    "views/acts.js"
    "views/captures.js"
    "views/controls.js"
    "views/decision.js"
    "views/events.js"
    "views/flows.js"
    "views/modes.js"
    "views/now.js"
    "views/parts.js"
    "views/switches.js"
    "views/traffic.js"
};

/// Bytes of the content's hash in a tag: enough that no two versions ever share one.
const TAG: usize = 16;

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| FILES.iter().map(asset).collect());

fn asset(&(path, bytes): &(&'static str, &'static [u8])) -> Asset {
    let kind = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let hash = Sha256::digest(bytes);
    let hash: String = hash.iter().take(TAG).map(|byte| format!("{byte:02x}")).collect();
    Asset {
        path,
        kind,
        bytes,
        etag: format!("\"{hash}\""),
    }
}

/// The file at a path below `/assets/`.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests;
