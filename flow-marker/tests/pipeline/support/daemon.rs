//! The whole daemon in this process, on sockets of its own.

use std::future::Future;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use flow_marker::app::{self, Sockets};
use flow_marker::config::Config;
use serde_json::Value;
use shared::client::{AclClient, ClientConfig};
use shared::life::{Shutdown, ShutdownTrigger};
use shared::serve::Reload;
use shared::serve::listener::PassedSockets;
use tokio::task::JoinHandle;

use super::datagram::{Datagram, Flow};

pub(crate) struct Daemon {
    pub(crate) http: SocketAddr,
    sflow: SocketAddr,
    socket: UdpSocket,
    client: reqwest::Client,
    trigger: ShutdownTrigger,
    task: JoinHandle<anyhow::Result<()>>,
}

/// Waits until `check` returns something.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut check: impl FnMut() -> F,
) -> T {
    for _ in 0..600 {
        if let Some(value) = check().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not within 30 s");
}

impl Daemon {
    pub(crate) async fn start(config: &str) -> Self {
        let mut config = Config::parse(Path::new("test.toml"), config).unwrap();
        let loopback = "127.0.0.1:0".parse().unwrap();
        config.http.listen = loopback;
        let sockets = Sockets::bind(loopback, &config, PassedSockets::default())
            .await
            .unwrap();
        let http = sockets.http_address().unwrap();
        let sflow = sockets.sflow.address();
        let (trigger, shutdown) = Shutdown::new();
        let (_, reload) = Reload::new();
        let task = tokio::spawn(app::run(config, sockets, shutdown, reload));
        let daemon = Self {
            http,
            sflow,
            socket: UdpSocket::bind("127.0.0.1:0").unwrap(),
            client: client(),
            trigger,
            task,
        };
        eventually("ready", || async {
            (daemon.get("/readyz").await == "ready\n").then_some(())
        })
        .await;
        daemon
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.sflow).unwrap();
    }

    /// Twenty samples at once: 30 Mbyte within a moment, an elephant on any port up to 1 Gbit/s.
    pub(crate) fn elephant(&self, agent: &str, flow: &Flow) {
        for _ in 0..20 {
            self.send(&Datagram::new(agent).flow_sample(1, 1, 1000, flow).bytes());
        }
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.http);
        self.client.get(url).send().await.unwrap().text().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await).unwrap()
    }

    /// The value of a metric, given with its labels.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {text}"))
            .parse()
            .unwrap()
    }

    /// The only control, once it is in this state.
    pub(crate) async fn control(&self, state: &str) -> Value {
        eventually(state, || async {
            let controls = self.json("/controls/json").await;
            controls
                .as_array()
                .unwrap()
                .iter()
                .find(|c| c["state"] == state)
                .cloned()
        })
        .await
    }

    pub(crate) async fn stop(self) {
        self.trigger.trigger();
        self.task.await.unwrap().unwrap();
    }
}

/// A client for plain HTTP to this machine.
fn client() -> reqwest::Client {
    // Making one of ours installs the process's cryptography, without which not even a client for plain HTTP exists.
    let ours = ClientConfig::new("http://127.0.0.1:1".parse().unwrap());
    AclClient::new(ours).unwrap();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
