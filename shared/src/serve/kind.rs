//! Kinds of problems that an API answers with: the stable end of each `type`, its status and its title.

pub use axum::http::StatusCode;

/// One kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The status of the reply.
    pub status: StatusCode,
    /// The end of its `type`, for programs; it never changes.
    pub slug: &'static str,
    /// The same for every occurrence, for people.
    pub title: &'static str,
}

/// Names kinds of problems, and makes the list `ALL` of them: `NAME = STATUS "slug" "title";`, each with its documentation.
#[macro_export]
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $status:ident $slug:literal $title:literal;)*) => {
        $($(#[doc = $doc])*
        pub const $name: $crate::serve::kind::Kind = $crate::serve::kind::Kind {
            status: $crate::serve::kind::StatusCode::$status,
            slug: $slug,
            title: $title,
        };)*

        /// All of them, by status.
        pub const ALL: &[&$crate::serve::kind::Kind] = &[$(&$name),*];
    };
}
