//! What the tests of this crate share: datagrams, a small acl-server, a running daemon.

pub(crate) mod acl_server;
pub(crate) mod daemon;
pub(crate) mod datagram;
