//! What may be listened on.

use std::net::SocketAddr;

use shared::serve::settings::{self, Exposed, Openness};

use super::{Config, Conflict};

impl Config {
    /// The TCP addresses to listen on, each with whether it is encrypted.
    pub fn endpoints(&self) -> Vec<(SocketAddr, bool)> {
        settings::endpoints(self.listen, self.tls.as_ref())
    }

    /// Whether a socket that was passed to us, bound to `address`, is to be encrypted.
    pub fn is_passed_for_tls(&self, address: SocketAddr) -> bool {
        settings::is_passed_for_tls(address, self.tls.as_ref())
    }

    const fn openness(&self) -> Openness {
        Openness {
            has_credentials: self.has_credentials(),
            no_auth: self.no_auth,
            insecure_http: self.insecure_http,
        }
    }

    /// Whether `address` may be listened on: loopback always, any other with credentials and TLS, or when it was said
    /// that less is meant.
    ///
    /// # Errors
    /// It may not; the error says what to do.
    pub fn may_listen(&self, address: SocketAddr, tls: bool) -> Result<(), Conflict> {
        self.openness()
            .may_listen(address, tls)
            .map_err(|exposed| match exposed {
                Exposed::OpenByAccident => Conflict::OpenByAccident(address),
                Exposed::InTheClear => Conflict::InTheClear(address),
            })
    }

    /// What everybody on the network can do or read at `address` because it was said to be meant; `None` when nothing.
    pub fn exposure(&self, address: SocketAddr, tls: bool) -> Option<&'static str> {
        Some(match self.openness().exposure(address, tls)? {
            Exposed::OpenByAccident => {
                "everybody who can reach this address can change the ACLs of this machine (--no-auth)"
            }
            Exposed::InTheClear => {
                "everybody on the way to this address can read tokens and use them, for they are not encrypted \
                 (insecure_http)"
            }
        })
    }
}
