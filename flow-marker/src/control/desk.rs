//! How others ask the watchman, who belongs to nobody but his own task.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::blacklist::lists::Status;
use crate::control::capture::{Pair, Session};

/// Questions that wait at a time; each is answered within moments.
const WAITING: usize = 16;

/// What is captured, and what decides it.
#[derive(Debug)]
pub struct Report {
    /// Sessions by their pair of hosts.
    pub sessions: Vec<(Pair, Session)>,
    /// Captures on one switch at most.
    pub per_switch: usize,
    /// Captures in all at most.
    pub total: usize,
    /// Names, entries and what is known of each blacklist.
    pub lists: Vec<(Arc<str>, usize, Status)>,
}

/// What is wanted of the watchman.
#[derive(Debug)]
pub enum Order {
    /// What is captured.
    Report(oneshot::Sender<Report>),
}

/// The watchman has no time, or is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("captures and drops have too many questions to answer")]
pub struct Unattended;

/// Where questions are put. Cheap to copy.
#[derive(Debug, Clone)]
pub struct Desk(mpsc::Sender<Order>);

impl Desk {
    /// A desk, and what is put there.
    pub fn new() -> (Self, mpsc::Receiver<Order>) {
        let (orders, taken) = mpsc::channel(WAITING);
        (Self(orders), taken)
    }

    /// What is captured.
    ///
    /// # Errors
    /// [`Unattended`]
    pub async fn report(&self) -> Result<Report, Unattended> {
        self.ask(Order::Report).await
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Unattended> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(order(answer)).map_err(|_| Unattended)?;
        answered.await.map_err(|_| Unattended)
    }
}
