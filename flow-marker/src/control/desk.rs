//! How others ask the watchman, who belongs to nobody but his own task.

use std::sync::Arc;

use ipnet::IpNet;
use shared::AclName;
use tokio::sync::{mpsc, oneshot};

use crate::blacklist::lists::Status;
use crate::clock::Time;
use crate::control::Lasting;
use crate::control::capture::{Pair, Session};
use crate::control::manual::{Asked, NotMade};

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

/// What is to survive the end of the process.
#[derive(Debug, Default)]
pub struct Kept {
    /// What people want, and until when.
    pub wanted: Vec<(Asked, Time)>,
    /// Conversations that are not captured, and until when.
    pub captures: Vec<(Pair, Time)>,
    /// Drops that are not made, and until when.
    pub drops: Vec<(AclName, Time)>,
    /// The blacklists that have come, by a key that does not tell where they come from.
    pub lists: Vec<(String, Arc<[IpNet]>)>,
}

/// What is wanted of the watchman.
#[derive(Debug)]
pub enum Order {
    /// What is captured.
    Report(oneshot::Sender<Report>),
    /// How long the captures and drops of controllers stay, each with the position of its switch.
    Lasting(oneshot::Sender<Vec<(usize, AclName, Lasting)>>),
    /// What is to survive the end of the process.
    Kept(oneshot::Sender<Kept>),
    /// A control.
    Make(Box<Asked>, oneshot::Sender<Result<AclName, NotMade>>),
    /// No more of a control, whoever wanted it; asked by this caller.
    End(AclName, Arc<str>, oneshot::Sender<bool>),
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

    /// How long the captures and drops of controllers stay, each with the position of its switch.
    ///
    /// # Errors
    /// [`Unattended`]
    pub async fn lasting(&self) -> Result<Vec<(usize, AclName, Lasting)>, Unattended> {
        self.ask(Order::Lasting).await
    }

    /// What is to survive the end of the process.
    ///
    /// # Errors
    /// [`Unattended`]
    pub async fn kept(&self) -> Result<Kept, Unattended> {
        self.ask(Order::Kept).await
    }

    /// A person wants a control. What it is called; it is carried out as soon as possible.
    ///
    /// # Errors
    /// [`Unattended`]; [`NotMade`]
    pub async fn make(&self, asked: Asked) -> Result<Result<AclName, NotMade>, Unattended> {
        self.ask(|answer| Order::Make(Box::new(asked), answer)).await
    }

    /// `who` wants a control away, whoever wanted it; false when there is none of this name.
    ///
    /// # Errors
    /// [`Unattended`]
    pub async fn end(&self, name: AclName, who: Arc<str>) -> Result<bool, Unattended> {
        self.ask(|answer| Order::End(name, who, answer)).await
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Unattended> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(order(answer)).map_err(|_| Unattended)?;
        answered.await.map_err(|_| Unattended)
    }
}
