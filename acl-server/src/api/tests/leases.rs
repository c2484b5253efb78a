//! ACLs that remove themselves unless they are renewed.

use shared::wire::{Renewed, set_etag};

use super::*;

impl Daemon {
    async fn renew(&self, prefix: &str, ttl: u64) -> Renewed {
        let reply = self.post(&format!("/acl/renew?prefix={prefix}&ttl={ttl}")).await;
        assert_eq!(reply.status, 200);
        serde_json::from_slice(&reply.body).unwrap()
    }

    async fn ttl(&self, name: &str) -> Option<u64> {
        let reply = self.get(&format!("/acl/{name}")).await;
        assert_eq!(reply.status, 200, "{name}");
        let header = reply.header("acl-ttl").map(|ttl| ttl.parse().unwrap());
        let details = self
            .get(&format!("/acl/?details=true&prefix={name}"))
            .await
            .json();
        assert_eq!(details[0]["ttl"].as_u64(), header);
        header
    }
}

#[tokio::test(start_paused = true)]
async fn an_acl_that_nobody_renews_removes_itself() {
    let daemon = Daemon::instant().await;
    assert_eq!(daemon.put("a?ttl=60", &["[iptables]"]).await.status, 201);
    daemon.put("b", &["[iptables]"]).await;
    assert_eq!((daemon.ttl("a").await, daemon.ttl("b").await), (Some(60), None));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(daemon.ttl("a").await, Some(30));
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(daemon.get("/acl/").await.json(), json!(["b"]));
    assert_eq!(daemon.files(), ["50rest-b.rules"]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_never_shortens_and_is_of_leases_only() {
    let daemon = Daemon::instant().await;
    let etags = [
        daemon.put("fm_1?ttl=60", &["[iptables]"]).await.etag(),
        daemon.put("fm_2?ttl=600", &["[iptables]", "# 2"]).await.etag(),
        daemon.put("fm_3", &["[iptables]", "# 3"]).await.etag(),
    ];
    daemon.put("other?ttl=60", &["[iptables]"]).await;
    let renewed = daemon.renew("fm_", 300).await;
    assert_eq!(renewed.renewed, 2);
    let names: Vec<AclName> = ["fm_1", "fm_2", "fm_3"].map(|name| name.parse().unwrap()).into();
    assert_eq!(renewed.set_etag, set_etag(names.iter().zip(etags)));
    assert_eq!(daemon.ttl("fm_1").await, Some(300));
    assert_eq!(daemon.ttl("fm_2").await, Some(600));
    assert_eq!(daemon.ttl("fm_3").await, None);
    assert_eq!(daemon.ttl("other").await, Some(60));
    assert_eq!(
        daemon.renew("nothing", 1).await,
        Renewed {
            renewed: 0,
            set_etag: set_etag(std::iter::empty())
        }
    );
}

#[tokio::test]
async fn a_put_of_the_same_lines_changes_the_lease_and_runs_no_tool() {
    let daemon = Daemon::ready(TOOL).await;
    daemon.put("a?ttl=60", &["[iptables]"]).await;
    let runs = daemon.runs();
    assert_eq!(daemon.put("a?ttl=600", &["[iptables]"]).await.status, 200);
    assert!(daemon.ttl("a").await.unwrap() > 590);
    assert_eq!(daemon.put("a", &["[iptables]"]).await.status, 200);
    assert_eq!(daemon.ttl("a").await, None, "without ttl it stays");
    assert_eq!(daemon.runs(), runs);
}

#[tokio::test]
async fn leases_go_on_after_a_restart() {
    let daemon = Daemon::ready(TOOL).await;
    daemon.put("a?ttl=600", &["[iptables]"]).await;
    let daemon = Daemon::start_in(daemon.stop().await, TOOL).await;
    daemon.readiness.ready().await;
    assert!((500..=600).contains(&daemon.ttl("a").await.unwrap()));
}

#[tokio::test]
async fn renew_needs_to_know_whose_and_how_long() {
    let daemon = Daemon::instant().await;
    for (query, expected) in [
        ("", "`prefix` is missing"),
        ("?prefix=a", "`ttl` is missing"),
        ("?ttl=60", "`prefix` is missing"),
        ("?prefix=a&ttl=0", "from 1 to"),
        ("?prefix=A&ttl=60", "a-z, 0-9 and _"),
        ("?prefix=a&ttl=60&x=1", "none of the parameters"),
    ] {
        let reply = daemon.post(&format!("/acl/renew{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
        assert!(reply.detail().contains(expected), "{query}: {}", reply.detail());
    }
    let reply = daemon.post("/acl/renew?prefix=&ttl=60").await;
    assert_eq!(reply.kind(), (403, "forbidden".to_owned()));
}

#[tokio::test]
async fn renew_is_also_the_name_of_an_acl() {
    let daemon = Daemon::instant().await;
    assert_eq!(daemon.put("renew?ttl=60", &["[iptables]"]).await.status, 201);
    assert_eq!(daemon.get("/acl/renew").await.json(), json!(["[iptables]"]));
    assert_eq!(daemon.get("/acl/renew/counters").await.json(), json!([]));
    assert_eq!(daemon.renew("renew", 600).await.renewed, 1);
    assert_eq!(daemon.delete("/acl/renew").await.status, 204);
    assert_eq!(daemon.get("/acl/renew").await.status, 404);
    let reply = daemon.post("/acl/other").await;
    assert_eq!(reply.status, 405);
    assert!(!reply.header("allow").unwrap().contains("POST"));
}
