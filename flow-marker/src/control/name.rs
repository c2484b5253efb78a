//! The names of controls.

use shared::AclName;
use siphasher::sip128::SipHasher13;

use crate::actuator::Kind;

/// `<id>_<kind>_<hash>` of what a control is about, the same after every restart.
///
/// Whoever can send packets can choose what it is about, and knows the hash, so it has 128 bits: two controls of one name
/// would share one rule. `None`: never, since `config` admits no id that would make the name illegal.
pub(super) fn of(id: &str, kind: Kind, parts: &[&[u8]]) -> Option<AclName> {
    let bytes = parts.join(&0);
    let hash = SipHasher13::new_with_keys(0, 0).hash(&bytes).as_u128();
    format!("{id}_{}_{hash:032x}", kind.word()).parse().ok()
}
