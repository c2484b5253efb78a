//! The kinds of problems that there are. `docs/API.md` and the description of the API are checked against this list.

pub use shared::serve::kind::Kind;

shared::kinds! {
    /// Path, query, header or body.
    INVALID = BAD_REQUEST "invalid" "the request cannot be understood";
    /// A key, a filter, a metric or a value that is not what it should be; `word` is the one.
    DEFINITION = BAD_REQUEST "definition" "a word cannot be understood";
    /// The caller shows nothing, and would have to.
    CREDENTIALS = UNAUTHORIZED "credentials-needed" "credentials are needed";
    /// What the caller shows is not known.
    WRONG_CREDENTIALS = UNAUTHORIZED "wrong-credentials" "the credentials are wrong";
    /// The caller's scopes do not include it.
    FORBIDDEN = FORBIDDEN "forbidden" "you may not do this";
    /// A change that a page of another origin asks for.
    FOREIGN_PAGE = FORBIDDEN "foreign-page" "a web page of another origin may not change anything";
    /// A change from a browser without what only our own page has.
    NO_PAGE_TOKEN = FORBIDDEN "no-page-token" "a change from a browser needs a token";
    /// A browser without credentials that calls us by a name.
    STRANGE_HOST = FORBIDDEN "strange-host" "this name may not be ours";
    /// A path that the API does not have.
    NO_SUCH_PATH = NOT_FOUND "no-such-path" "there is nothing at this path";
    /// Something that is not defined, or an agent that is not known.
    NO_SUCH_THING = NOT_FOUND "no-such-thing" "there is nothing of this name";
    /// A method that the path does not have.
    METHOD = METHOD_NOT_ALLOWED "method-not-allowed" "this path does not have this method";
    /// A body that did not arrive in time.
    SLOW_BODY = REQUEST_TIMEOUT "slow-body" "the request took too long";
    /// A body that is too long.
    TOO_LARGE = PAYLOAD_TOO_LARGE "too-large" "the body is too large";
    /// As many as there may be are there already.
    NO_ROOM = INSUFFICIENT_STORAGE "no-room" "there is no room for more";
    /// There are as many waiting requests as there may be.
    TOO_MANY_WAITERS = SERVICE_UNAVAILABLE "too-many-waiters" "too many wait already";
    /// Whoever knows has more questions than he can answer.
    BUSY = SERVICE_UNAVAILABLE "busy" "too many questions at once";
}

/// What every request may meet before anybody looks at what it wants.
pub const ANY: &[&Kind] = &[&INVALID, &CREDENTIALS, &WRONG_CREDENTIALS, &FORBIDDEN];

/// What a question to the receiving threads may meet.
pub const ASK: &[&Kind] = &[&BUSY];

/// What a question that names an agent, a flow or the like may meet besides.
pub const NAMED: &[&Kind] = &[&NO_SUCH_THING];

/// What a question with words of a language in it may meet besides.
pub const WORDS: &[&Kind] = &[&DEFINITION];

/// What a question that waits may meet besides.
pub const WAIT: &[&Kind] = &[&TOO_MANY_WAITERS];

/// What a change may meet.
pub const CHANGE: &[&Kind] = &[&FOREIGN_PAGE, &NO_PAGE_TOKEN, &STRANGE_HOST];

/// What the page may meet when it asks for its token.
pub const PAGE: &[&Kind] = &[&FOREIGN_PAGE, &STRANGE_HOST];

/// What a change with a body may meet besides.
pub const BODY: &[&Kind] = &[&DEFINITION, &SLOW_BODY, &TOO_LARGE];

/// What the definition of something may meet besides.
pub const PUT: &[&Kind] = &[&DEFINITION, &SLOW_BODY, &TOO_LARGE, &NO_ROOM];
