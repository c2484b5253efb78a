//! What an API has: rows of a table from which a daemon makes its router, and a test the description that it serves.

use axum::routing::MethodRouter;

use super::kind::Kind;

/// The media type of most bodies.
pub const JSON: &str = "application/json";

/// A method of a path.
pub struct Operation<S: 'static> {
    /// In capitals.
    pub method: &'static str,
    /// With `{…}` for what varies.
    pub path: &'static str,
    /// Who answers.
    pub handler: fn() -> MethodRouter<S>,
    /// Names it in generated clients.
    pub id: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What it takes beside its body.
    pub takes: &'static [Parameter],
    /// The media types of its body and its schema.
    pub body: Option<(&'static [&'static str], &'static str)>,
    /// Its good answers.
    pub answers: &'static [Good],
    /// The kinds of problems it may answer with, besides `kinds::ANY`.
    pub problems: &'static [&'static [&'static Kind]],
}

/// A part of the path, a parameter of the query, or a header of the request.
#[derive(Debug)]
pub struct Parameter {
    /// `path`, `query` or `header`.
    pub place: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it must be: the name of a schema.
    pub schema: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it is for.
    pub text: &'static str,
}

/// A good answer.
#[derive(Debug)]
pub struct Good {
    /// Its status.
    pub status: u16,
    /// When.
    pub text: &'static str,
    /// The media type and schema of its body: `Name`, `[Name]` for an array, `{Name}` for an object of them.
    pub body: Option<(&'static str, &'static str)>,
    /// Headers that it has.
    pub headers: &'static [&'static str],
}

/// What an operation may be given.
pub const fn takes(
    place: &'static str,
    name: &'static str,
    schema: &'static str,
    text: &'static str,
) -> Parameter {
    Parameter {
        place,
        name,
        schema,
        required: false,
        text,
    }
}

/// What an operation must be given.
pub const fn needs(
    place: &'static str,
    name: &'static str,
    schema: &'static str,
    text: &'static str,
) -> Parameter {
    Parameter {
        place,
        name,
        schema,
        required: true,
        text,
    }
}

/// A good answer without a body.
pub const fn good(status: u16, text: &'static str) -> Good {
    Good {
        status,
        text,
        body: None,
        headers: &[],
    }
}

impl Good {
    /// With a body of JSON, and its schema.
    #[must_use]
    pub const fn json(mut self, schema: &'static str) -> Self {
        self.body = Some((JSON, schema));
        self
    }

    /// With a body of this media type.
    #[must_use]
    pub const fn media(mut self, kind: &'static str) -> Self {
        self.body = Some((kind, "Text"));
        self
    }

    /// With these headers.
    #[must_use]
    pub const fn with(mut self, headers: &'static [&'static str]) -> Self {
        self.headers = headers;
        self
    }
}
