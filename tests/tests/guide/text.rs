//! What the guide says to type, block by block.

use std::fs;
use std::path::Path;

/// How a block is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Once, and it succeeds.
    Once,
    /// Again until it succeeds: "within half a minute".
    Until,
    /// It runs on: "in a second terminal".
    Beside,
}

/// What is typed at once.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// The line of the guide where it begins.
    pub(super) line: usize,
    pub(super) machines: Vec<&'static str>,
    /// The kinds of switches that it is for; all, when there are none.
    pub(super) kinds: Vec<String>,
    pub(super) how: How,
    /// Word for word.
    pub(super) text: String,
}

impl Block {
    /// Whether it fetches packages of the distribution: done once for all runs.
    pub(super) fn prepares(&self) -> bool {
        self.text.contains("apt update")
    }

    pub(super) fn is_for(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|name| name == kind)
    }
}

/// The guide's blocks of commands, in order.
pub(super) fn blocks() -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/GUIDE.md");
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().zip(1..);
    let mut blocks = Vec::new();
    while let Some((line, number)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let inside: Vec<_> = lines
            .by_ref()
            .map(|(line, _)| line)
            .take_while(|line| *line != "```")
            .collect();
        match language {
            "sh" => blocks.push(block(number, &inside)),
            // For other machines, or for hardware.
            "text" => assert!(!inside[0].starts_with("# on the"), "line {number}"),
            _ => panic!("line {number}: {language}"),
        }
    }
    assert!(blocks.len() > 20, "{blocks:?}");
    blocks
}

/// Its first line says where it is typed: `# on the switch (Open vSwitch, Linux); within half a minute`.
fn block(line: usize, inside: &[&str]) -> Block {
    let said = inside[0];
    let ends = [
        ("; within half a minute", How::Until),
        (", in a second terminal", How::Beside),
        ("", How::Once),
    ];
    let (rest, how) = ends
        .iter()
        .find_map(|(end, how)| Some((said.strip_suffix(end)?, *how)))
        .unwrap();
    let (machine, kinds) = match rest.strip_suffix(')').and_then(|rest| rest.split_once(" (")) {
        Some((machine, kinds)) => (machine, kinds.split(", ").map(str::to_owned).collect()),
        None => (rest, Vec::new()),
    };
    let machines = match machine {
        "# on the switch" => vec!["switch"],
        "# on the collector" => vec!["collector"],
        "# on the sender" => vec!["sender"],
        "# on the receiver" => vec!["receiver"],
        "# on both hosts" => vec!["sender", "receiver"],
        _ => panic!("line {line} of the guide does not say where it is typed: {said:?}"),
    };
    Block {
        line,
        machines,
        kinds,
        how,
        text: inside.join("\n"),
    }
}
