//! What is remembered of our ACLs beside their files: what was written through the API, until when it is leased, and
//! which changes wait for a confirmation. As values on disk; time is what remains, since clocks do not survive.
//!
//! The file `leases` in the state directory is a checkpoint; what has happened since is in the journal.

use serde::{Deserialize, Serialize};
use shared::AclName;

use super::facts::Content;
use super::frame;
use super::id::CommitId;
use crate::store::{Dir, Fingerprint, ReadError};

/// What is remembered of one ACL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclRecord {
    /// The content that was written through the API: any other on disk was made by hand.
    pub written: Fingerprint,
    /// Milliseconds until its lease runs out; `None`: it has none.
    pub lease: Option<u64>,
}

/// What one ACL was before a change that waits for confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeRecord {
    /// The ACL.
    pub name: AclName,
    /// Its file; `None`: there was none.
    pub content: Option<Content>,
    /// Milliseconds until that content's lease runs out; `None`: it had none.
    pub lease: Option<u64>,
}

/// A change that waits for confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnconfirmedRecord {
    /// The change.
    pub id: CommitId,
    /// What it did, for people.
    pub what: String,
    /// Who wanted it.
    pub who: String,
    /// What comes back.
    pub before: Vec<BeforeRecord>,
}

/// What one batch changes here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// ACLs that were written; `None`: removed.
    pub acls: Vec<(AclName, Option<AclRecord>)>,
    /// Changes that wait for confirmation from now on.
    pub opened: Vec<UnconfirmedRecord>,
    /// Changes that were taken back.
    pub closed: Vec<CommitId>,
}

/// What happens here without a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// These leases are replaced: milliseconds, or none.
    Lease(Vec<(AclName, Option<u64>)>),
    /// Every lease under the prefix lasts at least so many milliseconds from now.
    Renew {
        /// Beginning of the names.
        prefix: String,
        /// Milliseconds.
        ttl: u64,
    },
    /// A change was confirmed.
    Confirm(CommitId),
}

/// Everything at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The last record of the journal that is part of it.
    pub sequence: u64,
    /// Every ACL.
    pub acls: Vec<(AclName, AclRecord)>,
    /// Every change that waits for confirmation.
    pub unconfirmed: Vec<UnconfirmedRecord>,
}

const FILE: &str = "leases";
const TEMPORARY: &str = "leases.new";
const MAGIC: &[u8; 8] = b"acll0001";
/// 10,000 ACLs take 1 MiB; contents that may come back are bounded by all contents there are.
const LIMIT: u64 = 256 << 20;

impl Checkpoint {
    /// The last checkpoint; `None` when there has never been one.
    ///
    /// A damaged one counts as none: then every file that is there is taken as written, and no lease is known.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(state: &dyn Dir) -> std::io::Result<Option<Self>> {
        let bytes = match state.read(FILE, LIMIT, false) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(ReadError::Io(error)) => return Err(error),
            Err(error) => return Err(std::io::Error::other(error)),
        };
        let framed = bytes.strip_prefix(MAGIC).unwrap_or_default();
        let loaded = frame::next::<Self>(framed).map(|(checkpoint, _)| checkpoint);
        if loaded.is_none() {
            tracing::error!(
                file = FILE,
                "damaged: leases and unconfirmed changes are not known, every ACL stays"
            );
        }
        Ok(loaded)
    }

    /// Replaces the last checkpoint, durably.
    ///
    /// # Errors
    /// The system refuses; then the last one is still there.
    pub fn save(&self, state: &dyn Dir) -> std::io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(frame::frame(self)?);
        state.write(TEMPORARY, &bytes, false)?;
        state.rename(TEMPORARY, FILE)?;
        state.sync()
    }
}
