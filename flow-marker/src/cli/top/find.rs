//! What the filter means among all flows, of which the overview has only the largest: the instance is asked.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::super::ask::Server;
use super::data::Search;
use super::model::{Found, News};
use super::text::clean;

/// Flows that are asked for: more than any screen shows. Beyond them, how many there are is told.
const MOST: &str = "200";

/// How long nobody types before the instance is asked.
const TYPED: Duration = Duration::from_millis(300);

/// Asks for the flows that the user looks for, as long as he does.
#[derive(Debug)]
pub(super) struct Finder {
    server: Server,
    /// Between two questions.
    interval: Duration,
    /// The filter.
    wanted: watch::Receiver<String>,
    news: mpsc::Sender<News>,
}

impl Finder {
    /// One that asks `server` for what is `wanted`, and tells `news`.
    pub(super) const fn new(
        server: Server,
        interval: Duration,
        wanted: watch::Receiver<String>,
        news: mpsc::Sender<News>,
    ) -> Self {
        Self {
            server,
            interval,
            wanted,
            news,
        }
    }

    /// Tells what is found until nobody listens any more.
    pub(super) async fn run(mut self) {
        loop {
            let filter = self.wanted.borrow_and_update().clone();
            let asking = async {
                if filter.trim().is_empty() {
                    return std::future::pending().await;
                }
                let found = find(&self.server, &filter).await;
                let told = self.news.send(News::Found(found)).await;
                tokio::time::sleep(self.interval).await;
                told.is_ok()
            };
            tokio::select! {
                told = asking => if !told {
                    return;
                },
                // What was asked before is of no use any more.
                changed = self.wanted.changed() => match changed {
                    Ok(()) => tokio::time::sleep(TYPED).await,
                    Err(_) => return,
                },
            }
        }
    }
}

/// What the instance has for a filter.
pub(super) async fn find(server: &Server, filter: &str) -> Found {
    let parameters = [("search", filter.trim()), ("max", MOST)];
    let found = async {
        let body = server.get("elephants/json", &parameters).await?;
        let value: Value = serde_json::from_str(&body).context("the answer is no JSON")?;
        ensure!(value.is_object(), "the answer is no list of flows");
        Ok::<_, anyhow::Error>(Search::read(&value))
    };
    let outcome = found.await.map_err(|error| {
        let (text, url) = (format!("{error:#}"), server.url("elephants/json", &parameters));
        // Where it was asked is known; there is little room for why not.
        clean(text.strip_prefix(&format!("{url}: ")).unwrap_or(&text))
    });
    Found {
        filter: filter.to_owned(),
        outcome,
    }
}
