//! Changes a second, and a thousand at once.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tests::load::{Target, Version};
use tests::local::{Home, LocalAclServer};

use crate::common::*;

/// A server with TLS, and its certificate.
pub(crate) fn start_with_tls(home: &Home) -> Result<(LocalAclServer, Vec<u8>)> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    let directory = home.policy_dir().with_file_name("tls");
    fs::create_dir(&directory)?;
    let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
    fs::write(&certificate, made.cert.pem())?;
    fs::write(&key, made.signing_key.serialize_pem())?;
    fs::set_permissions(&key, Permissions::from_mode(0o600))?;
    let config = directory.join("acl-server.toml");
    let toml = format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
    fs::write(&config, toml)?;
    let mut command = home.command_with("instant-tool", "-i -P {policy_dir}")?;
    command.arg("--config").arg(&config);
    command.args(["--log", "warn,acl_server::app=info"]);
    let server = home.spawn("acl-server", command)?;
    Ok((server, made.cert.der().to_vec()))
}

pub(crate) async fn rates(directory: &Path, seconds: u64) -> Result<()> {
    println!(
        "\nPUTs a second with the instant tool, each another content; a client sends the next when it has its answer"
    );
    let plain_home = fresh(directory, "plain")?;
    let plain_server = start(&plain_home, "acl-server")?;
    let tls_home = fresh(directory, "tls")?;
    let (tls_server, certificate) = start_with_tls(&tls_home)?;
    let encrypted = Target {
        address: tls_server.address,
        version: Version::Http2,
        certificate: Some(certificate.clone()),
    };
    // Until its first commit it answers 503.
    while encrypted.connect().await?.put(&path(0), body(0, 0)).await?.status == 503 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("{:24} {:>9} {:>9} {:>9}", "clients", 1, 10, 100);
    for (what, version, tls) in [
        ("HTTP/1.1", Version::Http1, false),
        ("HTTP/2", Version::Http2, false),
        ("HTTP/1.1 with TLS", Version::Http1, true),
        ("HTTP/2 with TLS", Version::Http2, true),
    ] {
        print!("{what:24}");
        for clients in [1, 10, 100] {
            let target = Target {
                address: if tls {
                    tls_server.address
                } else {
                    plain_server.address
                },
                version,
                certificate: tls.then(|| certificate.clone()),
            };
            print!(" {:9.0}", rate(&target, clients, seconds).await?);
            std::io::stdout().flush()?;
        }
        println!();
    }
    Ok(())
}

pub(crate) async fn rate(target: &Target, clients: usize, seconds: u64) -> Result<f64> {
    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds);
    let connections = target.connections(clients).await?;
    let clients = connections.into_iter().enumerate().map(|(acl, mut connection)| {
        tokio::spawn(async move {
            let mut done: u32 = 0;
            while Instant::now() < end {
                let nonce = begun.elapsed().subsec_nanos();
                let reply = connection
                    .put(&path(acl), body(acl, usize::try_from(nonce)?))
                    .await?;
                ensure!([200, 201].contains(&reply.status), "PUT: {}", reply.status);
                done += 1;
            }
            anyhow::Ok(done)
        })
    });
    let mut done = 0;
    for client in clients.collect::<Vec<_>>() {
        done += client.await??;
    }
    Ok(f64::from(done) / begun.elapsed().as_secs_f64())
}

pub(crate) async fn thousand(home: &Home) -> Result<()> {
    let server = home.start("acl-server", "--delay 500 --refuse-if poison")?;
    server.ready()?;
    let before = home.runs()?.len();
    let connections = plain(server.address, Version::Http2).connections(MANY).await?;
    let begun = Instant::now();
    let (_, replies) = burst(connections, 0).await?;
    let took = begun.elapsed();
    let runs = home.runs()?.len() - before;
    println!(
        "\n{MANY} concurrent PUTs, HTTP/2, a tool of 500 ms: {runs} runs of the tool, {} verdicts of its own, {:.2} s",
        replies.len(),
        took.as_secs_f64()
    );
    Ok(())
}
