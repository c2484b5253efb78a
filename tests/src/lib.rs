//! The lab: network namespaces, a real switch, real daemons, real packets. Each module uses only modules that are listed
//! below it.

/// The demo: two elephants among mice, as a timeline.
pub mod demo;
/// The lab: a leaf switch with sFlow and routing, two hosts, a controller.
pub mod lab;
/// A synthetic fabric for those who look at it.
pub mod scene;
/// Daemons on loopback, for everything that needs no root.
pub mod local;
/// sFlow at a rate that a receiver is measured with.
pub mod flood;
/// A synthetic sFlow agent: real datagrams without a switch and without root.
pub mod agent;
/// An outlet of a shard for tests and measurements that look elsewhere.
pub mod nowhere;
/// Connections that stay, for many requests at once: HTTP/1.1 and HTTP/2, plain and with TLS.
pub mod load;
/// Chromium without a window, as somebody who looks at a page.
pub mod browser;
/// What browsers that show the dashboard ask for, without the browsers.
pub mod audience;
/// Captures packets at a host and counts them per flow and DSCP.
pub mod wire;
/// An HTTP server that answers as a test says, however wrong.
pub mod stub;
/// A small HTTP client that can be used inside a namespace.
pub mod http;
/// The Debian packages of this build.
pub mod deb;
/// Such a system, booted.
pub mod booted;
/// A small Debian system in a directory: that of this machine's release, from this machine's mirror.
pub mod chroot;
/// Network namespaces: run programs and closures inside them.
pub mod netns;
/// Programs that were started and are ended with everything they started.
pub mod process;
/// Ends what a killed test or demo has left running.
pub mod reaper;
/// What the kernel tells of UDP and of processor time.
pub mod kernel;
/// Where the programs of this workspace are.
pub mod binaries;
/// Polling with a time limit.
pub mod wait;
/// Random numbers that are the same in every run.
pub mod random;
