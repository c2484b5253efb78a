//! Operations of applications.

use crate::sflow::structure::structure;

structure! {
    /// An operation of any application (proposed, `transaction`).
    Transaction = "transaction" {
        direction Gauge32 "transaction_direction" "1 seen by the client, 2 by the server";
        wait_us Gauge32 "transaction_wait_uS" "microseconds in the queue";
        duration_us Gauge32 "transaction_duration_uS" "microseconds of work";
        status Gauge32 "transaction_status" "0 succeeded, 1 failed, 2 out of memory, 3 timeout, 4 not permitted";
        bytes_in Gauge64 "transaction_bytes_received" "bytes";
        bytes_out Gauge64 "transaction_bytes_sent" "bytes";
    }
}

structure! {
    /// An operation of NFS (proposed, `extended_nfs_storage_transaction`; RFC 3530).
    NfsTransaction<'a> = "NFS transaction" {
        path Text "nfs_path" "file or directory";
        operation Gauge32 "nfs_operation" "which";
        status Gauge32 "nfs_status" "nfsstat4";
    }
}

structure! {
    /// An operation of SCSI (proposed, `extended_scsi_storage_transaction`).
    ScsiTransaction = "SCSI transaction" {
        lun Gauge32 "scsi_lun" "logical unit";
        operation Gauge32 "scsi_operation" "which; all ones when unknown";
        status Gauge32 "scsi_status" "its result";
    }
}

structure! {
    /// An HTTP request (proposed, `extended_http_transaction`).
    HttpTransaction<'a> = "HTTP transaction" {
        url Text "http_transaction_url" "the request line";
        host Text "http_transaction_host" "the field of the request";
        referrer Text "http_transaction_referer" "the field of the request";
        user_agent Text "http_transaction_useragent" "the field of the request";
        user Text "http_transaction_user" "who was authenticated";
        status Gauge32 "http_transaction_status" "of the answer";
    }
}

structure! {
    /// An operation of memcached (sFlow Memcache Structures, `memcache_operation`).
    MemcacheOperation<'a> = "memcache operation" {
        protocol Gauge32 "memcache_op_protocol" "1 ASCII, 2 binary";
        command Gauge32 "memcache_op_cmd" "which";
        key Text "memcache_op_key" "of the value";
        keys Gauge32 "memcache_op_nkeys" "keys in the request";
        value_bytes Gauge32 "memcache_op_value_bytes" "bytes";
        duration_us Gauge32 "memcache_op_duration_uS" "microseconds";
        status Gauge32 "memcache_op_status" "its result";
    }
}

structure! {
    /// An HTTP request, the old form (format 2201, deprecated).
    HttpOld<'a> = "old HTTP request" {
        method Gauge32 "http_method" "2 GET, 3 HEAD, 4 POST, 5 PUT, 6 DELETE";
        protocol Gauge32 "http_protocol" "1001 is HTTP/1.1";
        uri Text "http_uri" "as the client sent it";
        host Text "http_host" "the field of the request";
        referrer Text "http_referrer" "the field of the request";
        user_agent Text "http_useragent" "the field of the request";
        user Text "http_authuser" "RFC 1413 identity";
        mime_type Text "http_mimetype" "of the answer";
        response_bytes Gauge64 "http_bytes" "bytes";
        duration_us Gauge32 "http_duration_uS" "microseconds";
        status Gauge32 "http_status" "of the answer";
    }
}

structure! {
    /// An HTTP request (sFlow HTTP Structures, `http_request`).
    HttpRequest<'a> = "HTTP request" {
        method Gauge32 "http_method" "2 GET, 3 HEAD, 4 POST, 5 PUT, 6 DELETE";
        protocol Gauge32 "http_protocol" "1001 is HTTP/1.1";
        uri Text "http_uri" "as the client sent it";
        host Text "http_host" "the field of the request";
        referrer Text "http_referrer" "the field of the request";
        user_agent Text "http_useragent" "the field of the request";
        forwarded_for Text "http_xff" "the field of the request";
        user Text "http_authuser" "RFC 1413 identity";
        mime_type Text "http_mimetype" "of the answer";
        request_bytes Gauge64 "http_request_bytes" "bytes";
        response_bytes Gauge64 "http_bytes" "bytes";
        duration_us Gauge32 "http_duration_uS" "microseconds";
        status Gauge32 "http_status" "of the answer";
    }
}

structure! {
    /// What a proxy asked for instead (sFlow HTTP Structures, `extended_proxy_request`).
    ProxyRequest<'a> = "proxy request" {
        uri Text "proxy_request_uri" "in the request to the server";
        host Text "proxy_request_host" "in the request to the server";
    }
}

structure! {
    /// An operation of an application (sFlow Application Structures, `app_operation`).
    AppOperation<'a> = "application operation" {
        application Text "application" "its name, such as `db.oracle`";
        operation Text "operation" "such as `get.customer.name`";
        attributes Text "attributes" "name=value, joined by &";
        status_text Text "status_descr" "why it failed";
        request_bytes Gauge64 "request_bytes" "bytes";
        response_bytes Gauge64 "response_bytes" "bytes";
        duration_us Gauge32 "duration_uS" "microseconds";
        status AppStatus "status" "how it ended";
    }
}

structure! {
    /// The operation in whose service this one is (sFlow Application Structures, `app_parent_context`).
    AppParent<'a> = "application parent" {
        application Text "server_context_application" "its name";
        operation Text "server_context_operation" "such as `get.customer.name`";
        attributes Text "server_context_attributes" "name=value, joined by &";
    }
}

structure! {
    /// Who asked for an operation (sFlow Application Structures, `app_initiator`).
    AppInitiator<'a> = "application initiator" {
        actor Text "actor_initiator" "such as a customer";
    }
}

structure! {
    /// Whom an operation is about (sFlow Application Structures, `app_target`).
    AppTarget<'a> = "application target" {
        actor Text "actor_target" "such as a customer";
    }
}

structure! {
    /// How a page was loaded: milliseconds from the first of these moments, which is 1 (sFlow HTTP Structures,
    /// `extended_nav_timing`; W3C Navigation Timing). 0: it has not come.
    NavigationTiming = "navigation timing" {
        kind Gauge32 "nav_timing_type";
        redirect_count Gauge32 "nav_timing_redirectCount";
        navigation_start Gauge32 "nav_timing_navigationStart";
        unload_event_start Gauge32 "nav_timing_unloadEventStart";
        unload_event_end Gauge32 "nav_timing_unloadEventEnd";
        redirect_start Gauge32 "nav_timing_redirectStart";
        redirect_end Gauge32 "nav_timing_redirectEnd";
        fetch_start Gauge32 "nav_timing_fetchStart";
        domain_lookup_start Gauge32 "nav_timing_domainLookupStart";
        domain_lookup_end Gauge32 "nav_timing_domainLookupEnd";
        connect_start Gauge32 "nav_timing_connectStart";
        connect_end Gauge32 "nav_timing_connectEnd";
        secure_connection_start Gauge32 "nav_timing_secureConnectionStart";
        request_start Gauge32 "nav_timing_requestStart";
        response_start Gauge32 "nav_timing_responseStart";
        response_end Gauge32 "nav_timing_responseEnd";
        dom_loading Gauge32 "nav_timing_domLoading";
        dom_interactive Gauge32 "nav_timing_domInteractive";
        dom_content_loaded_event_start Gauge32 "nav_timing_domContentLoadedEventStart";
        dom_content_loaded_event_end Gauge32 "nav_timing_domContentLoadedEventEnd";
        dom_complete Gauge32 "nav_timing_domComplete";
        load_event_start Gauge32 "nav_timing_loadEventStart";
        load_event_end Gauge32 "nav_timing_loadEventEnd";
    }
}
