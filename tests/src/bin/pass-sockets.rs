//! Opens sockets and becomes another program, to which they are passed as systemd does it (`sd_listen_fds`(3)).
#![expect(
    clippy::disallowed_methods,
    reason = "it becomes the program, so nothing is left that could block"
)]

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// Opens sockets and becomes a program, to which they are passed.
#[derive(Debug, Parser)]
struct Arguments {
    /// A TCP address to listen on.
    #[arg(long)]
    tcp: Vec<SocketAddr>,
    /// A UDP address to receive at.
    #[arg(long)]
    udp: Vec<SocketAddr>,
    /// A unix socket to listen on.
    #[arg(long)]
    unix: Vec<PathBuf>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    program: Vec<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut sockets: Vec<OwnedFd> = Vec::new();
    for address in &arguments.tcp {
        sockets.push(TcpListener::bind(address)?.into());
    }
    for address in &arguments.udp {
        sockets.push(UdpSocket::bind(address)?.into());
    }
    for path in &arguments.unix {
        sockets.push(UnixListener::bind(path)?.into());
    }
    for (socket, number) in sockets.iter().zip(3..) {
        // The first that are opened after standard input, output and error.
        ensure!(socket.as_raw_fd() == number, "{socket:?} is not {number}");
        fcntl(socket, FcntlArg::F_SETFD(FdFlag::empty()))?;
    }
    let (program, rest) = arguments.program.split_first().context("no program")?;
    let failed = Command::new(program)
        .args(rest)
        .env("LISTEN_FDS", sockets.len().to_string())
        .env("LISTEN_PID", std::process::id().to_string())
        .exec();
    Err(failed).with_context(|| program.clone())
}
