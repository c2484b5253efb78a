//! `-L`: what is installed, with counters.

use std::collections::BTreeSet;

use super::cli::Which;
use super::failure::Failure;
use super::netfilter::{Iptables, Netfilter};
use super::state::{State, own_name, without_ids};
use super::terminal::Terminal;
use crate::rules::Family;

const RULE: &str = "-------------------------------";

/// Lists our chains of the families that are named, table by table, as iptables lists them. Counters are exact, nothing
/// is looked up.
pub(super) fn list(which: Which, terminal: &mut Terminal<'_>) -> Result<(), Vec<Failure>> {
    let mut kernel = Iptables::from_environment();
    for family in which.families() {
        header(
            if family == Family::V4 {
                "iptables"
            } else {
                "ip6tables"
            },
            terminal,
        );
        let save = match kernel.save(family) {
            Ok(save) => save,
            Err(error) if which == Which::All && error.is_absent() => {
                terminal.say("does not exist here\n");
                continue;
            }
            Err(error) => return Err(vec![error.into()]),
        };
        let state = State::parse(&save);
        let tables: BTreeSet<_> = state.chains().map(|(table, _)| table).collect();
        for table in tables {
            terminal.say(&format!("TABLE {} :", table.name()));
            for (_, chain) in state.chains().filter(|(of, _)| *of == table) {
                let listed = kernel
                    .list(family, table, &own_name(chain))
                    .map_err(|error| vec![error.into()])?;
                terminal.say(&without_ids(&listed));
            }
        }
    }
    if which == Which::Eb {
        header("ebtables", terminal);
    }
    Ok(())
}

fn header(kind: &str, terminal: &mut Terminal<'_>) {
    terminal.say(&format!("{RULE}\nListing rules of type {kind}:\n{RULE}\n"));
}
