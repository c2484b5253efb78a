//! Which tables of the kernel a process sees: they survive neither a reboot nor the end of a network namespace.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;

use nix::sys::socket::GetSockOpt as _;
use nix::{getsockopt_impl, libc};

nix::sockopt_impl!(
    /// A number of the network namespace of a socket that no other gets until the next boot (Linux 5.14).
    NamespaceCookie,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_NETNS_COOKIE,
    u64,
    nix::sys::socket::sockopt::GetStruct<u64>
);

/// A name of the tables of now, the same for each process that sees them and never again another's.
///
/// On kernels that number no namespaces it is made from the inode of the namespace, which the next container may have again.
pub fn name() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot = boot.trim();
    match cookie() {
        Some(cookie) => format!("{boot} cookie {cookie}"),
        None => format!("{boot} {}", inode()),
    }
}

fn cookie() -> Option<u64> {
    let socket = UnixDatagram::unbound().ok()?;
    NamespaceCookie.get(&socket).ok()
}

fn inode() -> u64 {
    std::fs::metadata("/proc/self/ns/net").map_or(0, |namespace| namespace.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_as_long_as_the_tables_are() {
        assert_eq!(name(), name());
        let boot = name().split(' ').next().unwrap().to_owned();
        assert_eq!(boot.len(), 36, "{boot}");
    }
}
