//! The language of flow definitions: keys, functions and filters, as sFlow-RT's clients write them.
//!
//! Texts become trees here and trees become texts again; what a tree means is decided by `program`. A text that cannot
//! be read yields a `Fault` that points at the wrong word. Everything is bounded: the length of a text, how deeply
//! expressions and parentheses nest, and how many of them there are.

mod filter;
mod read;
mod expression;
mod function;
mod field;
mod cursor;
mod fault;

pub use expression::{Expression, UriPart};
pub use fault::{Fault, closest};
pub use field::{Field, Kinds, Needs};
pub use filter::{Filter, Operator, Test, Word};
pub use function::{Outside, Port};
pub use read::keys;

/// Longest text of keys or of a filter, in bytes: a list of 3,000 addresses.
pub const MAX_TEXT: usize = 64 << 10;

/// How deeply functions, and parentheses of a filter, nest. Reading and evaluating are recursive that far.
pub const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests;
