//! What the tool's errors are about: the rules, files and lines that they name.
//!
//! The tool names the culprit in some wordings and not in others, and its text holds clients' words. So this only says
//! where to look first; who is to blame is found out by running the tool again.

use shared::AclName;

use crate::tool::FILE_PREFIX;

/// Most errors that are looked at. A tool that stops at the first error has one.
const MAX_ERRORS: usize = 64;

/// Most names, rules or lines of one error.
const MAX_EACH: usize = 16;

/// What stands before a quoted rule.
const QUOTE: &str = "rule '";

/// What the errors of a run name, one [`Mention`] for each line that says `error:` or `failed`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// In the order of the output; those that name nothing are left out.
    pub each: Vec<Mention>,
}

/// What one error names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mention {
    /// ACLs whose files are named.
    pub acls: Vec<AclName>,
    /// Rules that are quoted.
    pub rules: Vec<Quoted>,
    /// Numbers after `line` or `lineno`. Of which file is not always said.
    pub lines: Vec<u32>,
    /// When no file is named: the ACL whose file the tool was reading as far as its words of progress tell. Only a hint,
    /// since the real tool writes errors and progress in varying order.
    pub reading: Option<AclName>,
}

/// A rule that the tool quotes, its words separated by one space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// The text, or its beginning.
    pub text: String,
    /// Whether it is only the beginning: it ended in `...`.
    pub cut: bool,
}

impl Quoted {
    /// Whether this quotes that line of a rule file. Variables are not replaced here.
    pub fn is_of(&self, line: &str) -> bool {
        let line = one_space(line);
        // As acltool quotes it.
        let escaped: String = line.chars().flat_map(char::escape_debug).collect();
        [line, escaped].iter().any(|line| {
            if self.cut {
                line.starts_with(&self.text)
            } else {
                *line == self.text
            }
        })
    }
}

impl Mentions {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// Whether an error names the file of this ACL, or quotes one of its lines.
    pub fn points_at<S: AsRef<str>>(&self, acl: &AclName, lines: &[S]) -> bool {
        self.each.iter().any(|mention| {
            let quotes = |line: &S| mention.rules.iter().any(|rule| rule.is_of(line.as_ref()));
            mention.acls.contains(acl) || lines.iter().any(quotes)
        })
    }
}

/// Reads what the errors among these lines name. Lines that only tell of progress name files too; they are hints.
pub fn mentions<S: AsRef<str>>(lines: &[S]) -> Mentions {
    let (mut each, mut errors, mut reading) = (Vec::new(), 0, None);
    for line in lines.iter().map(AsRef::as_ref) {
        if !is_error(line) {
            reading = read_now(line);
            continue;
        }
        errors += 1;
        if errors > MAX_ERRORS {
            break;
        }
        let mut mention = mention(line);
        if mention.acls.is_empty() {
            mention.reading.clone_from(&reading);
        }
        if mention != Mention::default() {
            each.push(mention);
        }
    }
    Mentions { each }
}

/// The ACL whose file the tool says it reads now.
fn read_now(line: &str) -> Option<AclName> {
    let told = ["Reading rule file ", "Processing rules in file "];
    let path = told.iter().find_map(|told| line.strip_prefix(told))?;
    acl_names(path).next()
}

fn is_error(line: &str) -> bool {
    let mut scanner = super::scanner::Scanner::default();
    scanner.push(line.as_bytes());
    scanner.says_error()
}

fn mention(line: &str) -> Mention {
    let mut mention = Mention::default();
    // Rules first: their words are not the tool's, and may look like the name of somebody else's file.
    let mut rest = line;
    while let Some((before, quoted)) = rest.split_once(QUOTE) {
        mention.plain(before);
        // Up to the last quotation mark before the next rule: a rule may hold such marks too.
        let here = quoted.split_once(QUOTE).map_or(quoted, |(here, _)| here);
        let end = here.rfind('\'').unwrap_or(here.len());
        if let (Some(rule), true) = (quoted.get(..end), mention.rules.len() < MAX_EACH) {
            mention.rules.push(quote(rule));
        }
        rest = quoted.get(end..).unwrap_or_default();
    }
    mention.plain(rest);
    mention
}

impl Mention {
    /// Takes names of files and numbers of lines from text that quotes no rule.
    fn plain(&mut self, text: &str) {
        let room = MAX_EACH.saturating_sub(self.acls.len());
        let found: Vec<_> = acl_names(text).take(room).collect();
        self.acls.extend(found);
        let mut words = text
            .split([' ', '\t', ':', ',', '(', ')'])
            .filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            if matches!(word, "line" | "lineno") && self.lines.len() < MAX_EACH {
                let number = words.clone().next().unwrap_or_default();
                let digits = number.trim_end_matches(['.', ';', '\'']);
                self.lines.extend(digits.parse::<u32>().ok());
            }
        }
    }
}

fn quote(rule: &str) -> Quoted {
    let rule = rule.trim();
    let begun = rule.strip_suffix("...").or_else(|| rule.strip_suffix('…'));
    Quoted {
        text: one_space(begun.unwrap_or(rule)),
        cut: begun.is_some(),
    }
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every `50rest-NAME.rules` that stands as a file name of its own.
fn acl_names(text: &str) -> impl Iterator<Item = AclName> {
    const SUFFIX: &str = ".rules";
    let part_of_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    text.match_indices(FILE_PREFIX).filter_map(move |(at, _)| {
        if text.get(..at)?.ends_with(part_of_name) {
            return None;
        }
        let rest = text.get(at + FILE_PREFIX.len()..)?;
        // One more than a name has, so that a longer one is not cut to a good one.
        let length = rest
            .chars()
            .take(AclName::MAX_LEN + 1)
            .take_while(|c| *c != '.')
            .map(char::len_utf8)
            .sum();
        let (name, after) = rest.split_at_checked(length)?;
        let after = after.strip_prefix(SUFFIX)?;
        // The end of a sentence is no part of a name.
        let after = after.strip_prefix('.').unwrap_or(after);
        let whole = !after.starts_with(part_of_name);
        name.parse().ok().filter(|_| whole)
    })
}
