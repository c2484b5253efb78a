//! Estimates as numbers of other kinds.

/// An estimate as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative; saturates"
)]
pub(super) fn rounded(estimate: f64) -> u64 {
    estimate.round() as u64
}

/// An estimate in half the room: seven digits are more than samples can tell.
#[expect(clippy::cast_possible_truncation, reason = "rounds; saturates to infinity")]
pub(super) const fn narrow(estimate: f64) -> f32 {
    estimate as f32
}
