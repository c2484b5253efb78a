//! Single rules of the contract, each by the shortest way to it.

use std::time::Duration;

use tokio::time::sleep;

use super::disk::Loss;
use super::world::{Fault, World, caller, delete, edit, name, put, wish};
use crate::commit::book::Confirmation;
use crate::commit::change::{Action, Effect, Precondition, Verdict};
use crate::commit::id::CommitId;
use crate::commit::registry::CommitState;
use crate::commit::{Rejected, SyncState};
use crate::store::etag;

mod batches;
mod confirmations;
mod hands;
mod leases;

fn rule(n: u32) -> String {
    let [_, b, c, d] = n.to_be_bytes();
    format!("[iptables]\n-A FORWARD -d 10.{b}.{c}.{d} -j DROP\n")
}

fn poison(n: u32) -> String {
    format!("{}# poison\n", rule(n))
}

async fn world() -> World {
    let mut world = World::new();
    world.start().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    world
}

async fn verdict(world: &World, action: Action) -> Verdict {
    world
        .submit(action, Precondition::default())
        .await
        .unwrap()
        .verdict
}

fn done(effect: Effect) -> Verdict {
    Verdict::Done {
        effects: vec![effect],
        unconfirmed: false,
    }
}

fn seen(content: &str) -> Precondition {
    Precondition {
        if_match: Some(vec![etag(content.as_bytes())]),
        absent: false,
    }
}

fn with_confirm(action: Action, seconds: u64) -> Action {
    match action {
        Action::Edit { edits, .. } => Action::Edit {
            edits,
            confirm: Some(Duration::from_secs(seconds)),
        },
        other => other,
    }
}

async fn submit_id(world: &World, action: Action) -> (CommitId, Verdict) {
    let ticket = world
        .committer()
        .submit(action, Precondition::default(), caller("x"))
        .unwrap();
    (ticket.id, ticket.answer().await.unwrap().verdict)
}
