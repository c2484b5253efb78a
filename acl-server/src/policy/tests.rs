//! What is found, and that nothing is found that is not so.

mod guard;
