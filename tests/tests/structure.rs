//! The shape of the workspace, as its maps promise it: `lib.rs` lists modules so that each imports only what is listed
//! below it, no modules at any depth import each other in a circle, the two daemons do not know each other, and no file
//! has grown out of sight.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which fail by panics"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates, from top to bottom: each may depend only on those after it; the daemons on neither of each other.
const CRATES: [(&str, &[&str]); 4] = [
    ("tests", &["acl-server", "flow-marker", "shared"]),
    ("acl-server", &["shared"]),
    ("flow-marker", &["shared"]),
    ("shared", &[]),
];

/// A file that passes this is asking to be two; its tests are not counted.
const LINES: usize = 450;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

/// All files below `directory`, but for what builds and tools leave there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !path.is_symlink() {
            if !["target", ".git"].contains(&name) {
                found.extend(files(&path));
            }
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Rust without comments, and without the tests at a file's end, which may import what they like.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let inline_tests = |next: &&str| next.starts_with("mod ") && next.ends_with('{');
        if line == "#[cfg(test)]" && lines.peek().is_some_and(inline_tests) {
            break;
        }
        if !line.trim_start().starts_with("//") {
            code.push_str(line);
        }
        code.push('\n');
    }
    code
}

/// The modules that a file declares, in its order.
fn declared(code: &str) -> Vec<String> {
    let names = code.lines().filter_map(|line| {
        let line = line.trim();
        let line = line
            .strip_prefix("pub ")
            .or_else(|| Some(line.strip_prefix("pub(")?.split_once(") ")?.1))
            .unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    names.map(str::to_owned).collect()
}

/// A module by its path from the crate's root, which is empty for the root itself.
type Module = Vec<String>;

/// One file of a crate's library.
struct Source {
    path: PathBuf,
    code: String,
    /// Its modules, in the order of the list.
    children: Vec<String>,
    /// Names that it takes from its modules and gives away as its own: `pub use name::AclName`.
    given: BTreeMap<String, String>,
}

impl Source {
    fn new(path: PathBuf, code: String) -> Self {
        let children = declared(&code);
        let given = paths(&code, "use ")
            .into_iter()
            .filter(|path| path.len() > 1 && children.contains(&path[0]));
        let given = given
            .map(|path| (path.last().unwrap().clone(), path[0].clone()))
            .collect();
        Self {
            path,
            code,
            children,
            given,
        }
    }
}

/// The library of a crate. Programs (`main.rs`, `bin/`) are above everything; test modules import what they like.
fn library(name: &str) -> BTreeMap<Module, Source> {
    let src = root().join(name).join("src");
    let mut library = BTreeMap::new();
    for path in files(&src) {
        let inside = path.strip_prefix(&src).unwrap().with_extension("");
        let mut module: Module = inside
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        if !is_rust || module[0] == "bin" || module[0] == "main" || module.iter().any(|part| part == "tests")
        {
            continue;
        }
        if ["lib", "mod"].contains(&module.last().unwrap().as_str()) {
            module.pop();
        }
        let code = code(&read(&path));
        library.insert(module, Source::new(path, code));
    }
    library
}

/// The paths after each `start` in `code`: one for `a::B`, two for `a::{B, c::D}`.
fn paths(code: &str, start: &str) -> Vec<Module> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(start) {
        let before = code[..at].chars().next_back();
        // `$crate::` is somebody else's crate, `subcrate::` another word, `super::super::` is taken from its beginning.
        if before.is_none_or(|before| !before.is_alphanumeric() && !"_$:".contains(before)) {
            expand(&code[at + start.len()..], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads a path or a group of paths at the start of `text`; returns what follows it.
fn expand<'a>(text: &'a str, before: &mut Module, found: &mut Vec<Module>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let depth = before.len();
            let after = expand(rest, before, found);
            before.truncate(depth);
            if after.len() == rest.len() {
                return rest; // Not a group of paths after all.
            }
            rest = after;
        }
    }
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if !word.is_empty() {
        before.push(word.to_owned());
    }
    if let Some(next) = rest.strip_prefix("::").filter(|_| !word.is_empty()) {
        return expand(next, before, found);
    }
    if !before.is_empty() {
        found.push(before.clone());
    }
    rest.trim_start_matches('*')
}

/// What a file refers to, as paths from the crate's root.
fn references(module: &Module, code: &str) -> Vec<Module> {
    let mut references = paths(code, "crate::");
    for path in paths(code, "super::") {
        let ups = 1 + path.iter().take_while(|part| *part == "super").count();
        let base = &module[..module.len().saturating_sub(ups)];
        references.push([base, &path[ups - 1..]].concat());
    }
    references
}

/// Two modules side by side, of which the first imports the second, and the module that both are in. None for a
/// reference to the file's own module, to what is inside it, or to an item of a module around it.
fn siblings(
    library: &BTreeMap<Module, Source>,
    module: &Module,
    target: &Module,
) -> Option<(Module, String, String)> {
    let common = module.iter().zip(target).take_while(|(a, b)| a == b).count();
    let (own, other) = (module.get(common)?, target.get(common)?);
    let parent = library.get(&module[..common])?;
    let other = parent.given.get(other).unwrap_or(other);
    let listed = |name| parent.children.contains(name);
    (own != other && listed(own) && listed(other))
        .then(|| (module[..common].to_vec(), own.clone(), other.clone()))
}

/// Every import between two modules of the crate's map whose list says the opposite.
fn upward(library: &BTreeMap<Module, Source>) -> Vec<String> {
    let map = &library[&Module::new()].children;
    let position = |name: &str| map.iter().position(|child| child == name);
    let mut wrong = Vec::new();
    for (module, source) in library {
        for target in references(module, &source.code) {
            let Some((parent, own, other)) = siblings(library, module, &target) else {
                continue;
            };
            if parent.is_empty() && position(&other) < position(&own) {
                let (file, target) = (source.path.display(), target.join("::"));
                wrong.push(format!("{file}: {target}: {other} is listed above {own}"));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

/// Every import that is part of a circle of modules side by side.
fn circles(library: &BTreeMap<Module, Source>) -> Vec<String> {
    let mut imports: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, source) in library {
        for target in references(module, &source.code) {
            if let Some((parent, own, other)) = siblings(library, module, &target) {
                let [own, other] = [own, other].map(|name| [&parent[..], &[name]].concat());
                imports.entry(own).or_default().insert(other);
            }
        }
    }
    let leads_to = |start: &Module, end: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(module) = next.pop() {
            next.extend(
                imports
                    .get(module)
                    .into_iter()
                    .flatten()
                    .filter(|other| seen.insert(*other)),
            );
        }
        seen.contains(end)
    };
    let edges = imports
        .iter()
        .flat_map(|(own, others)| others.iter().map(move |other| (own, other)));
    let back = edges.filter(|(own, other)| leads_to(other, own));
    back.map(|(own, other)| format!("{} imports {}, in a circle", own.join("::"), other.join("::")))
        .collect()
}

#[test]
fn imports_go_down_and_never_in_circles() {
    let mut wrong = Vec::new();
    for (name, _) in CRATES {
        let library = library(name);
        assert!(!library[&Module::new()].children.is_empty(), "{name} has no map");
        wrong.extend(upward(&library));
        wrong.extend(circles(&library).iter().map(|module| format!("{name}: {module}")));
    }
    assert!(wrong.is_empty(), "imports that go up:\n{}", wrong.join("\n"));
}

/// A library whose files hold this; the first is `lib.rs`.
fn made_of(files: &[(&str, &str)]) -> BTreeMap<Module, Source> {
    let source = |(name, code): &(&str, &str)| {
        let module = name
            .split("::")
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        (module, Source::new(PathBuf::from(name), code.to_string()))
    };
    files.iter().map(source).collect()
}

#[test]
fn an_upward_import_would_be_found() {
    let map = "pub mod high;\n#[cfg(feature = \"x\")]\npub(crate) mod middle;\nmod low;\npub use high::High;\npub use low::{deep::Low, self};";
    for (module, code, expected) in [
        ("middle", "use crate::low::Thing;", 0),
        ("middle", "use crate::high::Thing;", 1),
        ("middle", "use crate::{low, high::{self, Thing}};", 2),
        ("middle", "crate::high::call(); $crate::high::call();", 1),
        ("middle", "use crate::{High, Low};", 1),
        ("low", "use crate::middle::lower;", 1),
        ("low::deep", "use super::super::{high, low};", 1),
        ("low::deep", "use super::*;", 0),
    ] {
        let library = made_of(&[("", map), (module, code)]);
        assert_eq!(
            upward(&library).len(),
            expected,
            "{module}: {code}: {:?}",
            upward(&library)
        );
    }
}

#[test]
fn a_circle_would_be_found() {
    for (c, expected) in [
        ("use super::Item;", 0),
        ("use super::d::Item;", 0),
        ("use super::a;", 3),
        ("use crate::m::{a, d};", 3),
    ] {
        let library = made_of(&[
            ("", "pub mod m;"),
            ("m", "mod a;\nmod b;\nmod c;\nmod d;\n"),
            ("m::a", "use super::b::Thing;"),
            ("m::b::inner", "use super::super::c;"),
            ("m::c", c),
        ]);
        assert_eq!(circles(&library).len(), expected, "{c}: {:?}", circles(&library));
    }
}

#[test]
fn comments_and_tests_at_the_end_do_not_count() {
    let text = "//! crate::high\nuse crate::low;\n    // crate::high\n#[cfg(test)]\nmod tests {\n use crate::high;\n}\n";
    assert_eq!(paths(&code(text), "crate::"), [["low"]]);
}

#[test]
fn crates_depend_downward_only() {
    for (name, below) in CRATES {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        for (other, _) in CRATES {
            let depends = manifest.lines().any(|line| {
                let key = line.split(['.', '=', ' ']).next().unwrap_or_default();
                key == other && !line.starts_with("name")
            });
            assert!(!depends || below.contains(&other), "{name} depends on {other}");
        }
    }
}

#[test]
fn files_are_of_a_size_to_be_read() {
    let mut long = Vec::new();
    for (name, _) in CRATES {
        for path in files(&root().join(name).join("src")) {
            let is_test = path.ends_with("tests.rs") || path.parent().unwrap().ends_with("tests");
            let lines = code(&read(&path)).lines().count();
            if lines > LINES && !is_test {
                long.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(
        long.is_empty(),
        "split by meaning, {LINES} lines are enough:\n{}",
        long.join("\n")
    );
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // In two halves, so that this file does not name them.
    let paths = [
        concat!("/wo", "rk/"),
        concat!("/fa", "rm/"),
        concat!("/tmp/tar", "get"),
    ];
    let mut found = Vec::new();
    for file in files(&root()) {
        let text = read(&file);
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| paths.iter().any(|path| line.contains(path)));
        found.extend(lines.map(|(at, line)| format!("{}:{}: {line}", file.display(), at + 1)));
    }
    assert!(found.is_empty(), "paths of one machine:\n{}", found.join("\n"));
}
