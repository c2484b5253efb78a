//! The page is whole: what its files ask for is there, and nothing is asked of anybody else.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

fn text(asset: &Asset) -> &'static str {
    std::str::from_utf8(asset.bytes).unwrap()
}

/// What stands between quotes after each `start`.
fn quoted<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let after = text.split(start).skip(1);
    let found = after.filter_map(|rest| {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|quote| "\"'".contains(*quote))?;
        rest.get(1..)?.split(quote).next()
    });
    found.collect()
}

/// A path that is written in the file at `from`, as one below `/assets/`.
fn resolved(from: &str, to: &str) -> String {
    if let Some(absolute) = to.strip_prefix("/assets/") {
        return absolute.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "." => {}
            ".." => assert!(parts.pop().is_some(), "{from}: {to} leaves the page"),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn the_table_is_the_directory() {
    fn files(directory: &Path, inside: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{inside}{}", path.file_name().unwrap().to_str().unwrap());
            match path.is_dir() {
                true => files(&path, &format!("{name}/"), found),
                false => drop(found.insert(name)),
            }
        }
    }
    let mut there = BTreeSet::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/assets");
    files(&directory, "", &mut there);
    let table: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(table, there);
}

#[test]
fn what_files_ask_for_is_there() {
    let mut asked = BTreeSet::from(["index.html".to_owned()]);
    for asset in &*ASSETS {
        let text = text(asset);
        let named: Vec<&str> = match asset.path.rsplit('.').next() {
            Some("html") => [quoted(text, "src="), quoted(text, "href=")].concat(),
            Some("js") => [
                quoted(text, " from "),
                quoted(text, "import("),
                quoted(text, "import "),
            ]
            .concat(),
            _ => Vec::new(),
        };
        // A place on the page itself is no file.
        for path in named.iter().filter(|path| !path.starts_with('#')) {
            let path = resolved(asset.path, path);
            assert!(find(&path).is_some(), "{} asks for {path}", asset.path);
            asked.insert(path);
        }
    }
    let there: BTreeSet<String> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
    assert_eq!(asked, there, "every file is asked for by another one");
}

#[test]
fn nothing_is_asked_of_others_and_nothing_written_as_markup() {
    /// The names of the language of pictures, which nobody connects to.
    const NAMES: &str = "http://www.w3.org/2000/svg";
    for asset in &*ASSETS {
        // A pattern is a place on the page itself.
        let text = text(asset).replace(NAMES, "").replace("url(#", "");
        for outside in [
            "http://", "https://", "ws://", "wss://", "\"//", "'//", "`//", "url(", "@import",
        ] {
            assert!(!text.contains(outside), "{}: {outside}", asset.path);
        }
        // What comes from the network must never become markup or code, whatever the policy of the page says besides.
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ] {
            assert!(!text.contains(way), "{}: {way}", asset.path);
        }
        if asset.path.ends_with(".html") {
            for inline in ["<style", " style=", " onclick=", " onload=", "<script>"] {
                assert!(!text.contains(inline), "{}: {inline}", asset.path);
            }
        }
    }
}

#[test]
fn files_are_of_a_size_to_be_read() {
    for asset in &*ASSETS {
        let lines = text(asset).lines().count();
        assert!(lines <= 400, "{}: {lines} lines", asset.path);
    }
}

#[test]
fn tags_tell_contents_apart() {
    let tags: BTreeSet<&str> = ASSETS.iter().map(|asset| asset.etag.as_str()).collect();
    assert_eq!(tags.len(), ASSETS.len());
    assert!(
        tags.iter()
            .all(|tag| tag.len() == 2 * TAG + 2 && tag.starts_with('"'))
    );
    assert!(find("../mod.rs").is_none() && find("").is_none());
}

/// The words of a list in a file, from `start` to the next bracket.
fn words<'a>(path: &str, start: &str) -> BTreeSet<&'a str> {
    let text = text(find(path).unwrap());
    let list = text.split(start).nth(1).unwrap().split(']').next().unwrap();
    list.split('\'').skip(1).step_by(2).collect()
}

#[test]
fn the_page_knows_every_kind_of_decision() {
    let all = crate::control::desired::What::ALL.iter().map(|what| what.word());
    let known = words("views/decision.js", "export const KINDS = [");
    assert_eq!(known, all.collect());
    let grave = words("views/decision.js", "const GRAVE = new Set([");
    assert!(grave.is_subset(&known), "{grave:?}");
}
