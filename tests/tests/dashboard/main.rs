//! The dashboard in a real browser, on real daemons: what people see of the loop, what they can do about it, and that all of
//! them can read and use it. In all of it the console has nothing to complain of, and nobody else is asked for anything.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which fail by panics"
)]

/// A fabric, and a browser that looks at it.
mod world;

/// What everybody can see, read and reach.
mod access;
/// Other pages in the same browser.
mod foreign;
/// What happened before.
mod history;
/// The loop as it is seen, and what a person does about it.
mod story;
/// Where credentials are asked for.
mod tokens;
/// Fifty and more who watch.
mod watched;
