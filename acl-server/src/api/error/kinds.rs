//! The kinds of problems that there are: the stable end of each `type`, its status and its title. `docs/API.md` and
//! `openapi.json` are checked against this list.

pub use shared::serve::kind::Kind;

shared::kinds! {
    /// Path, query, header or body.
    INVALID = BAD_REQUEST "invalid" "the request cannot be understood";
    /// A line of an ACL, with its position.
    RULE = BAD_REQUEST "rule" "a line of the ACL cannot be understood";
    /// The caller shows nothing, and would have to.
    CREDENTIALS = UNAUTHORIZED "credentials-needed" "credentials are needed";
    /// What the caller shows is not known.
    WRONG_CREDENTIALS = UNAUTHORIZED "wrong-credentials" "the credentials are wrong";
    /// The caller's scopes do not include it.
    FORBIDDEN = FORBIDDEN "forbidden" "you may not do this";
    /// A rule that would cut off the API or a management interface.
    GUARD = FORBIDDEN "guard" "a rule would cut off the management of this switch";
    /// `lasterror` is no ACL.
    RESERVED = FORBIDDEN "reserved-name" "this name is reserved";
    /// A path that the API does not have.
    NO_SUCH_PATH = NOT_FOUND "no-such-path" "there is nothing at this path";
    /// An ACL that does not exist.
    NO_SUCH_ACL = NOT_FOUND "no-such-acl" "no such ACL";
    /// A change that nobody knows, or that waits for no confirmation.
    NO_SUCH_COMMIT = NOT_FOUND "no-such-commit" "no such change";
    /// A method that the path does not have.
    METHOD = METHOD_NOT_ALLOWED "method-not-allowed" "this path does not have this method";
    /// A body that did not arrive in time.
    SLOW_BODY = REQUEST_TIMEOUT "slow-body" "the request took too long";
    /// An ACL was changed by hand.
    DRIFT = CONFLICT "drift" "an ACL was changed by hand";
    /// An ACL is part of an unconfirmed change.
    LOCKED = CONFLICT "locked" "an unconfirmed change has this ACL";
    /// Another ACL has the same rule.
    DUPLICATE = CONFLICT "duplicate" "another ACL has this rule";
    /// A confirmation that comes too late.
    REVERTED = GONE "reverted" "the change has been taken back";
    /// `If-Match` or `If-None-Match`.
    PRECONDITION = PRECONDITION_FAILED "precondition" "the precondition does not hold";
    /// A body that is too long.
    TOO_LARGE = PAYLOAD_TOO_LARGE "too-large" "the body is too large";
    /// A body of another type than JSON.
    MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE "media-type" "not a media type for this body";
    /// The tool refused the change; its words are in `output`.
    REFUSED = UNPROCESSABLE_ENTITY "refused" "the ACL tool refused this change";
    /// The queue is full.
    QUEUE_FULL = TOO_MANY_REQUESTS "queue-full" "the queue is full";
    /// The first commit after the start has not succeeded yet.
    NOT_READY = SERVICE_UNAVAILABLE "not-ready" "changes are not taken yet";
    /// Another file in the policy directory is broken.
    BASE_REFUSED = SERVICE_UNAVAILABLE "base-refused" "the ACL tool refuses what was there before";
    /// The tool could not be started, or died.
    TOOL_FAILED = SERVICE_UNAVAILABLE "tool-failed" "the ACL tool cannot be run";
    /// Among many changes the culprit was not found in time.
    UNDECIDED = SERVICE_UNAVAILABLE "undecided" "not decided in time";
    /// Files or journal cannot be read or written.
    STORE = SERVICE_UNAVAILABLE "store" "the files of the switch cannot be used";
    /// The tool's listing is not to be had now.
    NO_LISTING = SERVICE_UNAVAILABLE "no-listing" "the counters cannot be read";
    /// There are as many watchers of events as there may be.
    TOO_MANY_WATCHERS = SERVICE_UNAVAILABLE "too-many-watchers" "too many watch already";
    /// Nobody knows what became of a change.
    LOST = SERVICE_UNAVAILABLE "lost" "nobody knows what became of this change";
    /// The daemon ends.
    SHUTTING_DOWN = SERVICE_UNAVAILABLE "shutting-down" "the daemon is ending";
    /// The tool took too long.
    TOOL_TIMEOUT = GATEWAY_TIMEOUT "tool-timeout" "the ACL tool took too long";
    /// The switch's tables, or our own limits, have no room.
    NO_ROOM = INSUFFICIENT_STORAGE "no-room" "there is no room for this ACL";
    /// The disk is full.
    DISK_FULL = INSUFFICIENT_STORAGE "disk-full" "the disk is full";
}

/// What every request may meet before anybody looks at what it wants.
pub const ANY: &[&Kind] = &[&INVALID, &CREDENTIALS, &WRONG_CREDENTIALS];

/// What a request that reads files may meet.
pub const READ: &[&Kind] = &[&FORBIDDEN, &STORE];

/// What a change may meet on its way to a verdict, and as one.
pub const CHANGE: &[&Kind] = &[
    &FORBIDDEN,
    &RESERVED,
    &DRIFT,
    &LOCKED,
    &QUEUE_FULL,
    &NOT_READY,
    &BASE_REFUSED,
    &TOOL_FAILED,
    &UNDECIDED,
    &STORE,
    &LOST,
    &SHUTTING_DOWN,
    &TOOL_TIMEOUT,
    &DISK_FULL,
    &REFUSED,
];

/// What a change that may be conditional may meet besides.
pub const CONDITIONAL: &[&Kind] = &[&PRECONDITION];

/// What a change that brings rules may meet besides.
pub const RULES: &[&Kind] = &[
    &RULE,
    &GUARD,
    &SLOW_BODY,
    &DUPLICATE,
    &TOO_LARGE,
    &MEDIA_TYPE,
    &NO_ROOM,
];
