//! Tells what became of a change.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::change::{Action, Answer, Change, Verdict};
use super::engine::Engine;
use super::events::Event;
use super::outcome::{label, last_error, remembered};
use super::registry::CommitState;
use super::runner::Runner;
use super::{lock, now};

/// A batch that is being carried out.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) sealed: Instant,
    pub(super) tool: Duration,
    pub(super) runs: u32,
}

impl<T: Runner> Engine<T> {
    /// Tells a verdict to everybody whom it concerns: the caller, the registry, those who watch, the audit log.
    pub(super) fn answer(&mut self, change: Change, verdict: Verdict, carried: &Carried) {
        let decided = now();
        let took = decided.saturating_duration_since(change.queued);
        let ms = took.as_millis();
        let (id, who, from, what) = (
            change.id,
            &*change.caller.who,
            &*change.caller.from,
            change.action.to_string(),
        );
        let label = label(&verdict);
        if verdict.is_success() {
            tracing::info!(target: "audit", %id, who, from, what, verdict = label.name(), ms);
        } else {
            let why = last_error(&verdict).and_then(|error| error.lines.into_iter().next_back());
            tracing::warn!(target: "audit", %id, who, from, what, verdict = label.name(), ms, why);
        }
        let metrics = &self.shared.metrics;
        metrics.change(label);
        metrics.queue_wait(carried.sealed.saturating_duration_since(change.queued));
        let since = decided.saturating_duration_since(carried.sealed);
        metrics.change_own(since.saturating_sub(carried.tool));
        lock(&self.shared.registry).set(id, CommitState::Decided(remembered(&verdict)));
        self.follow_up(&change.action, &verdict);
        self.shared.events.tell(Event::Verdict {
            id,
            what,
            who: Arc::clone(&change.caller.who),
            verdict: verdict.clone(),
        });
        if let Some(reply) = change.reply {
            // The caller may have gone; the change was carried out all the same.
            let _ = reply.send(Answer {
                verdict,
                sealed: carried.sealed,
                decided,
                tool: carried.tool,
            });
        }
    }

    /// What else follows from the verdict of a change of ours.
    fn follow_up(&mut self, action: &Action, verdict: &Verdict) {
        match (action, verdict) {
            (Action::Expire { name }, Verdict::Done { .. }) => {
                self.shared.metrics.lease_expiry();
                self.shared.events.tell(Event::Expired { name: name.clone() });
            }
            (Action::Revert { id, .. }, Verdict::Done { .. }) => {
                lock(&self.shared.registry).set(*id, CommitState::Reverted);
                self.shared.metrics.revert();
                self.shared.events.tell(Event::Reverted { id: *id });
            }
            (Action::Revert { id, .. }, _) => {
                // It is tried again; until it begins, it may still be confirmed if there is time, or if the tool refuses.
                if let Some(unconfirmed) = lock(&self.shared.book).unconfirmed.get_mut(id) {
                    unconfirmed.reverting = false;
                    unconfirmed.refused |= matches!(verdict, Verdict::Refused { .. });
                }
            }
            _ => {}
        }
    }
}
