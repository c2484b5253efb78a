//! Everything that the API has, by path.

use axum::routing::{delete, get, patch, post, put};
use shared::serve::routes::{Good, Parameter, good, needs, takes};

use super::super::error::{ApiError, kinds};
use super::super::{acls, body, commits, counters, edit, events, list, renew, service};
use super::Operation;

const NAME: Parameter = needs("path", "name", "AclName", "The name of the ACL");
const ID: Parameter = needs("path", "id", "CommitId", "The header Commit-Id of the change");
const PREFIX: Parameter = takes("query", "prefix", "Prefix", "Only names that begin so");
const TTL: Parameter = takes(
    "query",
    "ttl",
    "Ttl",
    "The ACL removes itself after so many seconds unless it is renewed; without it, it stays",
);
const CONFIRM: Parameter = takes(
    "query",
    "confirm",
    "Confirm",
    "The change is taken back after so many seconds unless it is confirmed",
);
const DRY_RUN: Parameter = takes(
    "query",
    "dry_run",
    "Flag",
    "Says what the change would do, and changes nothing",
);
const IF_MATCH: Parameter = takes(
    "header",
    "If-Match",
    "Text",
    "The ACL has one of these ETags; * if it exists",
);
const IF_NONE_MATCH: Parameter = takes("header", "If-None-Match", "Star", "There is no such ACL");
const PREFER: Parameter = takes(
    "header",
    "Prefer",
    "Text",
    "respond-async: answer before the verdict (RFC 7240)",
);

/// Headers of an answer after a verdict.
const DONE: &[&str] = &["Commit-Id", "Server-Timing"];
const DONE_WITH_TAG: &[&str] = &["Commit-Id", "Server-Timing", "ETag"];
const LATER: Good = good(202, "It is queued; the verdict will be at Location").with(&[
    "Commit-Id",
    "Location",
    "Preference-Applied",
]);

const PATCH_LATER: Good = good(
    202,
    "It is queued; the verdict will be at Location, or with atomic=false at the commit of each ACL",
)
.json("PatchAnswer")
.with(&["Commit-Id", "Location", "Preference-Applied"]);

/// Everything that the API has, by path.
pub const TABLE: &[Operation] = &[
    Operation {
        method: "GET",
        path: "/acl/",
        handler: || get(list::list),
        id: "listAcls",
        summary: "The names of all ACLs, sorted",
        takes: &[
            PREFIX,
            takes("query", "details", "Flag", "More than the name of each"),
            takes("query", "counters", "Flag", "What the rules of each have matched"),
        ],
        body: None,
        answers: &[good(200, "Names, with details=true what is known of each, with counters=true what their rules have matched")
            .json("AclList")
            .with(&["Age"])],
        problems: &[kinds::READ, &[&kinds::NO_LISTING]],
    },
    Operation {
        method: "PATCH",
        path: "/acl/",
        handler: || patch(super::super::patch::patch),
        id: "patchAcls",
        summary: "Several ACLs at once, all or none (JSON merge patch, RFC 7396)",
        takes: &[
            takes(
                "query",
                "atomic",
                "Flag",
                "false: each ACL on its own; default true",
            ),
            TTL,
            CONFIRM,
            DRY_RUN,
            IF_MATCH,
            IF_NONE_MATCH,
            PREFER,
        ],
        body: Some((&[body::MERGE_PATCH, body::JSON], "AclPatch")),
        answers: &[
            good(200, "What became of each ACL; with dry_run=true what would")
                .json("PatchAnswer")
                .with(DONE),
            PATCH_LATER,
        ],
        problems: &[kinds::CHANGE, kinds::CONDITIONAL, kinds::RULES],
    },
    Operation {
        method: "DELETE",
        path: "/acl/",
        handler: || delete(edit::clear),
        id: "deleteAcls",
        summary: "Removes all of our ACLs, or those under a prefix; never anybody else's files",
        takes: &[PREFIX, PREFER],
        body: None,
        answers: &[good(204, "There are none any more").with(DONE), LATER],
        problems: &[kinds::CHANGE],
    },
    Operation {
        method: "GET",
        path: "/acl/lasterror",
        handler: || get(acls::last_error),
        id: "lastError",
        summary: "What the tool said when it last refused or failed",
        takes: &[],
        body: None,
        answers: &[
            good(200, "The last batch had a refusal or failure").json("LastError"),
            good(204, "A later batch has wholly succeeded, or there was none"),
        ],
        problems: &[&[&kinds::FORBIDDEN]],
    },
    Operation {
        method: "POST",
        path: "/acl/renew",
        handler: || post(renew::renew),
        id: "renewLeases",
        summary: "Lets every lease under a prefix last until ttl from now at least, without a commit",
        takes: &[
            needs(
                "query",
                "prefix",
                "Prefix",
                "Names that begin so; empty only for admins",
            ),
            needs("query", "ttl", "Ttl", "Seconds from now"),
        ],
        body: None,
        answers: &[good(200, "They are renewed").json("Renewed")],
        problems: &[&[&kinds::FORBIDDEN, &kinds::STORE]],
    },
    Operation {
        method: "GET",
        path: "/acl/{name}",
        handler: || get(acls::read),
        id: "getAcl",
        summary: "The lines, exactly as they were PUT; what is on disk if it was changed by hand",
        takes: &[
            NAME,
            takes(
                "header",
                "If-None-Match",
                "Text",
                "304 if the ACL has one of these ETags",
            ),
        ],
        body: None,
        answers: &[
            good(200, "The lines")
                .json("AclLines")
                .with(&["ETag", "Acl-Drift", "Acl-Ttl"]),
            good(304, "The caller has it already").with(&["ETag", "Acl-Drift", "Acl-Ttl"]),
        ],
        problems: &[kinds::READ, &[&kinds::NO_SUCH_ACL]],
    },
    Operation {
        method: "PUT",
        path: "/acl/{name}",
        handler: || put(edit::put),
        id: "putAcl",
        summary: "Makes or replaces an ACL; answers when the switch has the rules",
        takes: &[NAME, TTL, CONFIRM, DRY_RUN, IF_MATCH, IF_NONE_MATCH, PREFER],
        body: Some((&[body::JSON], "AclLines")),
        answers: &[
            good(
                200,
                "Replaced, or unchanged; with dry_run=true what the change would do",
            )
            .json("DryRun")
            .with(DONE_WITH_TAG),
            good(201, "Created").with(DONE_WITH_TAG),
            LATER,
        ],
        problems: &[kinds::CHANGE, kinds::CONDITIONAL, kinds::RULES],
    },
    Operation {
        method: "DELETE",
        path: "/acl/{name}",
        handler: || delete(edit::delete),
        id: "deleteAcl",
        summary: "Removes an ACL; answers when the switch does not have the rules any more",
        takes: &[NAME, IF_MATCH, IF_NONE_MATCH, PREFER],
        body: None,
        answers: &[
            good(204, "There is none any more, or there was none").with(DONE),
            LATER,
        ],
        problems: &[kinds::CHANGE, kinds::CONDITIONAL],
    },
    Operation {
        method: "GET",
        path: "/acl/{name}/counters",
        handler: || get(counters::read),
        id: "getCounters",
        summary: "Packets and bytes of each rule, as the tool lists them",
        takes: &[NAME],
        body: None,
        answers: &[good(200, "One element a rule").json("[RuleCounters]").with(&["Age"])],
        problems: &[kinds::READ, &[&kinds::NO_SUCH_ACL, &kinds::NO_LISTING]],
    },
    Operation {
        method: "GET",
        path: "/commit/{id}",
        handler: || get(commits::read),
        id: "getCommit",
        summary: "What became of a recent change",
        takes: &[ID],
        body: None,
        answers: &[good(200, "Where it is").json("CommitStatus")],
        problems: &[&[&kinds::FORBIDDEN, &kinds::NO_SUCH_COMMIT]],
    },
    Operation {
        method: "POST",
        path: "/commit/{id}/confirm",
        handler: || post(commits::confirm),
        id: "confirmCommit",
        summary: "Lets an unconfirmed change stay",
        takes: &[ID],
        body: None,
        answers: &[good(204, "It stays")],
        problems: &[&[
            &kinds::FORBIDDEN,
            &kinds::NO_SUCH_COMMIT,
            &kinds::REVERTED,
            &kinds::STORE,
        ]],
    },
    Operation {
        method: "GET",
        path: "/capacity",
        handler: || get(service::capacity),
        id: "getCapacity",
        summary: "How much of the switch's tables is used",
        takes: &[],
        body: None,
        answers: &[good(200, "Entries, after lists are multiplied out").json("Capacity")],
        problems: &[&[&kinds::FORBIDDEN]],
    },
    Operation {
        method: "GET",
        path: "/events",
        handler: || get(events::watch),
        id: "watchEvents",
        summary: "What happens from now on, as server-sent events: hello, verdict, expired, expiry-skipped, drift, \
                  confirmed, reverted, sync, missed",
        takes: &[],
        body: None,
        answers: &[good(200, "A stream that ends when the daemon does").media("text/event-stream")],
        problems: &[&[&kinds::FORBIDDEN, &kinds::TOO_MANY_WATCHERS]],
    },
    Operation {
        method: "GET",
        path: "/healthz",
        handler: || get(service::healthz),
        id: "healthz",
        summary: "Whether the process answers",
        takes: &[],
        body: None,
        answers: &[good(200, "It does").media("text/plain")],
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/readyz",
        handler: || get(service::readyz),
        id: "readyz",
        summary: "Whether changes are taken and the switch has what the files say",
        takes: &[],
        body: None,
        answers: &[
            good(200, "Yes").json("Ready"),
            good(ApiError::NOT_READY.as_u16(), "No, and what is missing").json("Ready"),
        ],
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/metrics",
        handler: || get(service::metrics),
        id: "metrics",
        summary: "What the daemon counts, as Prometheus reads it",
        takes: &[takes(
            "query",
            "rules",
            "Flag",
            "Also what each rule has matched, which makes the tool list them: true unless `rules=false`",
        )],
        body: None,
        answers: &[good(200, "Prometheus text").media("text/plain")],
        problems: &[&[&kinds::FORBIDDEN]],
    },
    Operation {
        method: "GET",
        path: "/version",
        handler: || get(service::version),
        id: "version",
        summary: "What answers",
        takes: &[],
        body: None,
        answers: &[good(200, "Name and version").json("Version")],
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/openapi.json",
        handler: || get(service::openapi),
        id: "openapi",
        summary: "This description",
        takes: &[],
        body: None,
        answers: &[good(200, "OpenAPI 3.1").json("Object")],
        problems: &[&[&kinds::FORBIDDEN]],
    },
];
