//! What is found, and that nothing is found that is not so.

mod cover;
mod guard;
mod lint;
mod model;
mod neighbours;
mod search;
mod size;
