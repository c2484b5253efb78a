//! Writes JSON piece by piece: nothing but the value at hand is kept in memory.

use std::fmt::Display;
use std::io::{self, Write};

use super::shown::Shown;
use crate::sflow::Value;

/// Writes JSON piece by piece.
pub(super) struct Json<'w> {
    out: &'w mut dyn Write,
    /// Goes before the names of an element of a discarded packet.
    pub(super) prefix: &'static str,
    /// Nothing stands in the innermost object or list yet.
    first: bool,
}

impl<'w> Json<'w> {
    pub(super) fn new(out: &'w mut dyn Write) -> Self {
        Self {
            out,
            prefix: "",
            first: true,
        }
    }

    pub(super) fn begin(&mut self, bracket: &[u8]) -> io::Result<()> {
        self.first = true;
        self.out.write_all(bracket)
    }

    pub(super) fn end(&mut self, bracket: &[u8]) -> io::Result<()> {
        self.first = false;
        self.out.write_all(bracket)
    }

    /// The comma before everything but the first.
    pub(super) fn next(&mut self) -> io::Result<()> {
        if !self.first {
            self.out.write_all(b",")?;
        }
        self.first = false;
        Ok(())
    }

    pub(super) fn string(&mut self, text: &str) -> io::Result<()> {
        serde_json::to_writer(&mut *self.out, text).map_err(io::Error::from)
    }

    pub(super) fn name(&mut self, prefix: &str, name: &str) -> io::Result<()> {
        self.next()?;
        match (self.prefix, prefix) {
            ("", "") => self.string(name)?,
            (outer, inner) => self.string(&format!("{outer}{inner}{name}"))?,
        }
        self.out.write_all(b":")
    }

    /// A member of the innermost object.
    pub(super) fn text(&mut self, name: &str, value: impl Display) -> io::Result<()> {
        self.prefixed("", name, value)
    }

    pub(super) fn prefixed(&mut self, prefix: &str, name: &str, value: impl Display) -> io::Result<()> {
        self.name(prefix, name)?;
        self.string(&value.to_string())
    }

    pub(super) fn list(&mut self, name: &str) -> io::Result<()> {
        self.name("", name)?;
        self.begin(b"[")
    }

    pub(super) fn element(&mut self) -> io::Result<()> {
        self.next()?;
        self.begin(b"{")
    }

    /// A field of a record, which may be a list of more.
    pub(super) fn value(&mut self, prefix: &str, name: &str, value: &Value<'_>) -> io::Result<()> {
        match value {
            Value::Adapters(adapters) => {
                self.list(name)?;
                for adapter in adapters.iter() {
                    self.element()?;
                    self.text("ifIndex", adapter.if_index)?;
                    self.text("MACs", adapter.macs().len())?;
                    self.list("mac_list")?;
                    for mac in adapter.macs() {
                        self.next()?;
                        self.string(&Shown(&Value::Mac(mac)).to_string())?;
                    }
                    self.end(b"]")?;
                    self.end(b"}")?;
                }
                self.end(b"]")
            }
            Value::Lanes(lanes) => {
                self.text("sfp_module_active_lanes", lanes.len())?;
                self.list(name)?;
                for lane in lanes.iter() {
                    self.element()?;
                    for (name, value) in lane.fields() {
                        self.text(name, value)?;
                    }
                    self.end(b"}")?;
                }
                self.end(b"]")
            }
            value => self.prefixed(prefix, name, Shown(value)),
        }
    }
}
