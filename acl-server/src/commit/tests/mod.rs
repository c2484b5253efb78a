//! The writer as a whole, on a disk, with a tool and in a time of the tests' own.

pub(super) mod disk;
pub(super) mod world;

mod cases;
mod model;
mod power;
