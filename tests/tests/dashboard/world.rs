use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tests::binaries;
use tests::browser::{Browser, Scheme};
use tests::scene::{Elephant, Scene, Shape};

/// For anything that takes a moment: a slow machine is no reason to fail.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A few leaves with little on them.
pub(crate) const SMALL: Shape = Shape {
    leaves: 2,
    flows: 60,
    rate: 3_000_000_000,
    flat: 10,
    sampling: 1000,
    threshold: "10%",
};

/// The views, by what their address ends with.
pub(crate) const VIEWS: [&str; 6] = ["now", "flows", "controls", "captures", "switches", "events"];

/// What a browser says of a server that is not there, and cannot be kept from saying.
pub(crate) const DOWN: &[&str] = &["net::ERR_"];

/// A fabric and somebody who looks at it.
pub(crate) struct World {
    pub(crate) browser: Browser,
    pub(crate) scene: Scene,
}

impl World {
    /// `None` where there is no browser.
    pub(crate) fn new(first: u8, toml: &str, shape: Shape, elephants: &[Elephant]) -> Option<Self> {
        let browser = binaries::or_left_out(Browser::start(), "nobody has looked at the dashboard")?;
        let scene = Scene::start(shape, first, toml, elephants).unwrap();
        Some(Self { browser, scene })
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.scene.marker().unwrap().http
    }

    /// Goes to a view and waits until it is drawn from what the server says.
    pub(crate) fn view(&self, view: &str) {
        self.browser.open(self.http(), &format!("/#{view}")).unwrap();
        let name = view.split('?').next().unwrap();
        let shown = format!(
            "return document.querySelector('main[data-view=\"{name}\"]') && document.querySelector('#connection')?.dataset.state === 'live' && document.querySelector('main').childElementCount > 1"
        );
        self.browser.until(&format!("the view {view}"), &shown).unwrap();
    }

    /// Nothing was said on the console besides what is expected, and nothing asked of anybody else, since this was asked last.
    pub(crate) fn fine(&self, expected: &[&str]) {
        let seen = self.browser.seen().unwrap();
        let complaints = seen.complaints(expected);
        assert!(complaints.is_empty(), "{complaints:#?}");
        let outside = seen.outside(&format!("http://{}", self.http()));
        assert!(outside.is_empty(), "{outside:#?}");
    }

    /// Keeps a picture of what is seen, for people.
    pub(crate) fn picture(&self, name: &str) -> usize {
        let directory = binaries::directory().unwrap();
        let file = directory
            .parent()
            .unwrap()
            .join("screenshots")
            .join(format!("{name}.png"));
        self.browser.picture(&file).unwrap()
    }

    /// The rules that a leaf has, that contain this.
    pub(crate) fn rules(&self, leaf: usize, text: &str) -> Vec<String> {
        let rules = self.scene.switches()[leaf].rules().unwrap();
        rules.into_iter().filter(|rule| rule.contains(text)).collect()
    }
}

/// A screen, and what is preferred there.
pub(crate) const SCREENS: [(u32, u32, Scheme); 4] = [
    (1440, 900, Scheme::Light),
    (1440, 900, Scheme::Dark),
    (390, 844, Scheme::Light),
    (390, 844, Scheme::Dark),
];

/// Where the picture of the README is.
pub(crate) fn readme_picture() -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/dashboard.png")
}
