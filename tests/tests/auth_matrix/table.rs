//! The table: every operation, and what each kind of caller gets.

/// Kinds of callers: the columns of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Without credentials, on this machine, where none are configured.
    Open,
    /// Without credentials where some are needed.
    Nobody,
    /// With wrong credentials.
    Wrong,
    /// `read`.
    Reader,
    /// `read` and `write`, for names that start with `ab_`.
    Other,
    /// `read` and `write`, for `fm_`, and rules that mark.
    Marker,
    /// `write` without `read`, for `fm_`.
    Blind,
    /// `read` and `write`, for `fm_`.
    Writer,
    /// Everything.
    Admin,
}

/// What is there before each request: ACLs with a lease of 3,000 s each.
pub(super) const LEASE: u64 = 3000;
pub(super) const MARK: &str = r#"["[iptables]","-t mangle -A FORWARD -i swp1 -j SETQOS --set-dscp 10"]"#;
pub(super) const MARK_MORE: &str = r#"["[iptables]","-t mangle -A FORWARD -i swp2 -j SETQOS --set-dscp 12"]"#;
pub(super) const DROP: &str = r#"["[iptables]","-A FORWARD -i swp3 -j DROP"]"#;
const DROP_MORE: &str = r#"["[iptables]","-A FORWARD -i swp4 -j DROP"]"#;
const COPY: &str = r#"["[iptables]","-A FORWARD -i swp5 -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2"]"#;
const PERMIT: &str = r#"["[iptables]","-A FORWARD -i swp6 -j ACCEPT"]"#;
/// Cuts off a protected interface.
const CUT: &str = r#"["[iptables]","-A INPUT -i eth0 -p tcp --dport 22 -j DROP"]"#;

/// A request, and the status that each kind of caller gets.
pub(super) struct Row {
    pub(super) method: &'static str,
    /// As in the description of the API.
    pub(super) path: &'static str,
    /// What is asked for; `ID` is a change that waits for a confirmation, or else one that was made.
    pub(super) target: &'static str,
    pub(super) body: Body,
    /// For Open, Nobody, Wrong, Reader, Other, Marker, Blind, Writer, Admin.
    pub(super) status: [u16; 9],
}

pub(super) enum Body {
    None,
    Is(&'static str),
    /// No body, and before it an admin changes that ACL to those lines, to be confirmed.
    Unconfirmed(&'static str, &'static str),
}

use Body::{Is, None as No, Unconfirmed};

const fn row(
    method: &'static str,
    path: &'static str,
    target: &'static str,
    body: Body,
    status: [u16; 9],
) -> Row {
    Row {
        method,
        path,
        target,
        body,
        status,
    }
}

#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    //                                                                                          open nobody wrong read other mark blind write admin
    row("GET", "/acl/", "/acl/", No,                                                           [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/acl/", "/acl?details=true&prefix=fm_", No,                                    [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("HEAD", "/acl/", "/acl/", No,                                                          [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/acl/{name}", "/acl/fm_mark", No,                                              [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/acl/{name}", "/acl/none", No,                                                 [404, 401, 401, 404, 404, 404, 403, 404, 404]),
    row("GET", "/acl/{name}/counters", "/acl/fm_mark/counters", No,                            [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/acl/lasterror", "/acl/lasterror", No,                                         [204, 401, 401, 204, 204, 204, 403, 204, 204]),
    row("GET", "/capacity", "/capacity", No,                                                   [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/events", "/events", No,                                                       [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/metrics", "/metrics", No,                                                     [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/metrics", "/metrics?rules=true", No,                                          [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/openapi.json", "/openapi.json", No,                                           [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/commit/{id}", "/commit/ID", No,                                               [200, 401, 401, 200, 200, 200, 403, 200, 200]),
    row("GET", "/commit/{id}", "/commit/00000000-1", No,                                       [404, 401, 401, 404, 404, 404, 403, 404, 404]),
    // What tells nothing about ACLs is told to everybody, but not to somebody who takes himself for somebody.
    row("GET", "/healthz", "/healthz", No,                                                     [200, 200, 401, 200, 200, 200, 200, 200, 200]),
    row("GET", "/readyz", "/readyz", No,                                                       [200, 200, 401, 200, 200, 200, 200, 200, 200]),
    row("GET", "/version", "/version", No,                                                     [200, 200, 401, 200, 200, 200, 200, 200, 200]),
    // Names, and what the new rules do.
    row("PUT", "/acl/{name}", "/acl/fm_new", Is(MARK_MORE),                                    [201, 401, 401, 403, 403, 201, 201, 201, 201]),
    row("PUT", "/acl/{name}", "/acl/fm_new", Is(DROP_MORE),                                    [201, 401, 401, 403, 403, 403, 201, 201, 201]),
    row("PUT", "/acl/{name}", "/acl/fm_new", Is(COPY),                                         [201, 401, 401, 403, 403, 403, 201, 201, 201]),
    row("PUT", "/acl/{name}", "/acl/fm_new", Is(PERMIT),                                       [201, 401, 401, 403, 403, 403, 201, 201, 201]),
    row("PUT", "/acl/{name}", "/acl/fm_new?ttl=60", Is(DROP_MORE),                             [201, 401, 401, 403, 403, 403, 201, 201, 201]),
    row("PUT", "/acl/{name}", "/acl/ab_new", Is(MARK_MORE),                                    [201, 401, 401, 403, 201, 403, 403, 403, 201]),
    row("PUT", "/acl/{name}", "/acl/fm_new?dry_run=true", Is(MARK_MORE),                       [200, 401, 401, 403, 403, 200, 403, 200, 200]),
    row("PUT", "/acl/{name}", "/acl/fm_new?dry_run=true", Is(DROP_MORE),                       [200, 401, 401, 403, 403, 403, 403, 200, 200]),
    // What the old rules do.
    row("PUT", "/acl/{name}", "/acl/fm_mark", Is(MARK_MORE),                                   [200, 401, 401, 403, 403, 200, 200, 200, 200]),
    row("PUT", "/acl/{name}", "/acl/fm_drop", Is(MARK_MORE),                                   [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("PUT", "/acl/{name}", "/acl/fm_drop?ttl=9000", Is(DROP),                               [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("PUT", "/acl/{name}", "/acl/fm_drop?dry_run=true", Is(MARK_MORE),                      [200, 401, 401, 403, 403, 403, 403, 200, 200]),
    // The guard, and the name that nobody has.
    row("PUT", "/acl/{name}", "/acl/fm_new", Is(CUT),                                          [403, 401, 401, 403, 403, 403, 403, 403, 201]),
    row("PUT", "/acl/{name}", "/acl/lasterror", Is(MARK_MORE),                                 [403, 401, 401, 403, 403, 403, 403, 403, 403]),
    row("DELETE", "/acl/{name}", "/acl/lasterror", No,                                         [403, 401, 401, 403, 403, 403, 403, 403, 403]),
    row("DELETE", "/acl/{name}", "/acl/fm_mark", No,                                           [204, 401, 401, 403, 403, 204, 204, 204, 204]),
    row("DELETE", "/acl/{name}", "/acl/fm_drop", No,                                           [204, 401, 401, 403, 403, 403, 204, 204, 204]),
    row("DELETE", "/acl/{name}", "/acl/fm_none", No,                                           [204, 401, 401, 403, 403, 204, 204, 204, 204]),
    row("DELETE", "/acl/{name}", "/acl/ab_drop", No,                                           [204, 401, 401, 403, 204, 403, 403, 403, 204]),
    // Nothing is silently narrowed.
    row("DELETE", "/acl/", "/acl/", No,                                                        [204, 401, 401, 403, 403, 403, 403, 403, 204]),
    row("DELETE", "/acl/", "/acl", No,                                                         [204, 401, 401, 403, 403, 403, 403, 403, 204]),
    row("DELETE", "/acl/", "/acl/?prefix=f", No,                                               [204, 401, 401, 403, 403, 403, 403, 403, 204]),
    row("DELETE", "/acl/", "/acl/?prefix=fm_", No,                                             [204, 401, 401, 403, 403, 403, 204, 204, 204]),
    row("DELETE", "/acl/", "/acl/?prefix=fm_m", No,                                            [204, 401, 401, 403, 403, 204, 204, 204, 204]),
    row("DELETE", "/acl/", "/acl/?prefix=ab_", No,                                             [204, 401, 401, 403, 204, 403, 403, 403, 204]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_mark":null}"#),                                  [200, 401, 401, 403, 403, 200, 200, 200, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_mark":null,"fm_drop":null}"#),                   [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_mark":null,"ab_drop":null}"#),                   [200, 401, 401, 403, 403, 403, 403, 403, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_mark":null,"fm_new":["[iptables]","-A FORWARD -i swp7 -j DROP"]}"#),
                                                                                               [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_drop":["[iptables]"],"fm_mark":null}"#),         [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"fm_new":["[iptables]","-A INPUT -i eth0 -p tcp -j DROP"]}"#),
                                                                                               [403, 401, 401, 403, 403, 403, 403, 403, 200]),
    row("PATCH", "/acl/", "/acl/", Is(r#"{"lasterror":null}"#),                                [403, 401, 401, 403, 403, 403, 403, 403, 403]),
    row("PATCH", "/acl/", "/acl/?dry_run=true", Is(r#"{"fm_drop":null}"#),                     [200, 401, 401, 403, 403, 403, 403, 200, 200]),
    // Who keeps rules alive, or lets them stay, answers for them as if they were his.
    row("POST", "/acl/renew", "/acl/renew?prefix=fm_m&ttl=9000", No,                           [200, 401, 401, 403, 403, 200, 200, 200, 200]),
    row("POST", "/acl/renew", "/acl/renew?prefix=fm_&ttl=9000", No,                            [200, 401, 401, 403, 403, 403, 200, 200, 200]),
    row("POST", "/acl/renew", "/acl/renew?prefix=f&ttl=9000", No,                              [200, 401, 401, 403, 403, 403, 403, 403, 200]),
    row("POST", "/acl/renew", "/acl/renew?prefix=ab_&ttl=9000", No,                            [200, 401, 401, 403, 200, 403, 403, 403, 200]),
    row("POST", "/acl/renew", "/acl/renew?prefix=&ttl=9000", No,                               [403, 401, 401, 403, 403, 403, 403, 403, 200]),
    row("POST", "/commit/{id}/confirm", "/commit/ID/confirm", Unconfirmed("fm_mark", MARK_MORE), [204, 401, 401, 403, 403, 204, 204, 204, 204]),
    row("POST", "/commit/{id}/confirm", "/commit/ID/confirm", Unconfirmed("fm_mark", DROP_MORE), [204, 401, 401, 403, 403, 403, 204, 204, 204]),
    row("POST", "/commit/{id}/confirm", "/commit/ID/confirm", Unconfirmed("fm_drop", MARK_MORE), [204, 401, 401, 403, 403, 403, 204, 204, 204]),
    row("POST", "/commit/{id}/confirm", "/commit/ID/confirm", Unconfirmed("ab_drop", DROP_MORE), [204, 401, 401, 403, 204, 403, 403, 403, 204]),
    row("POST", "/commit/{id}/confirm", "/commit/00000000-1/confirm", No,                      [404, 401, 401, 403, 404, 404, 404, 404, 404]),
    // Methods and paths that there are not.
    row("POST", "/acl/{name}", "/acl/fm_mark", Is(MARK_MORE),                                  [405, 401, 401, 403, 405, 405, 405, 405, 405]),
    row("OPTIONS", "/acl/", "/acl/", No,                                                       [405, 401, 401, 403, 405, 405, 405, 405, 405]),
    row("GET", "/nothing", "/nothing", No,                                                     [404, 401, 401, 404, 404, 404, 403, 404, 404]),
    row("DELETE", "/healthz", "/healthz", No,                                                  [405, 401, 401, 403, 405, 405, 405, 405, 405]),
];
