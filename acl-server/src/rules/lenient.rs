//! What only lenient rules have: the opposite of a condition, and conditions that are not known here.

use super::draft::{Draft, Group};
use super::error::Fault;
use super::line::Word;
use super::matches::Match;
use super::opaque;
use super::words::{Words, refusal};

impl Draft {
    /// Reads what is no condition that is known.
    pub(super) fn unknown(&mut self, word: &Word<'_>, words: &mut Words<'_, '_>) -> Result<(), Fault> {
        if word.text == "!" {
            return self.negated(word, words);
        }
        let mut text = opaque::option(word, words)?;
        if std::mem::take(&mut self.group.negated) {
            text.insert(0, "!".to_owned());
        }
        let known = self.group.module.as_deref();
        if let Some(module) = self
            .modules
            .iter_mut()
            .rev()
            .find(|module| Some(module.name) == known)
        {
            module.options += 1;
        }
        let group = self.group.at.and_then(|at| self.rule.matches.get_mut(at));
        if let Some(Match::Opaque(group)) = group {
            group.extend(text);
        } else {
            let load = self
                .group
                .module
                .iter()
                .flat_map(|name| ["-m".to_owned(), name.clone()]);
            let group = Match::Opaque(load.chain(text).collect());
            self.group.at = Some(self.rule.matches.len());
            self.rule.matches.push(group);
        }
        Ok(())
    }

    /// Reads the name of a match that is not known.
    pub(super) fn load_unknown(&mut self, name: &Word<'_>) -> Result<(), Fault> {
        opaque::module(name)?;
        self.group = Group {
            at: Some(self.rule.matches.len()),
            ..Group::of(&name.text)
        };
        let load = Match::Opaque(vec!["-m".to_owned(), name.text.clone().into_owned()]);
        self.rule.matches.push(load);
        Ok(())
    }

    /// Reads the condition after a `!`, as if it stood alone, and keeps its opposite.
    fn negated(&mut self, bang: &Word<'_>, words: &mut Words<'_, '_>) -> Result<(), Fault> {
        let option = words.value(bang, "a condition")?;
        let condition = option.text.starts_with('-')
            && !matches!(&*option.text, "-m" | "--match" | "-j" | "--jump" | "--comment");
        if !condition {
            return Err(refusal(&option.text).filter(|_| option.text != "!").map_or_else(
                || option.expected("a condition after !"),
                |reason| option.fault(reason),
            ));
        }
        // A line may hold hundreds of these, so what is there is not copied but counted.
        let rule = &self.rule;
        let (source, destination, protocol, fragment) =
            (rule.source, rule.destination, rule.protocol, rule.fragment);
        let (inputs, outputs) = (rule.in_interfaces.len(), rule.out_interfaces.len());
        let conditions = rule.matches.len();
        let rest = words.rest();
        self.group.negated = true;
        self.option(option, words)?;
        if !std::mem::take(&mut self.group.negated) {
            return Ok(()); // It was not known, and has taken the negation with it.
        }
        let text = match self.rule.matches.get(conditions) {
            Some(one) => opposite(&one.to_string()),
            None => {
                let name = self.seen.last().map_or("", |(name, _)| name);
                let values = rest.iter().take(rest.len().saturating_sub(words.rest().len()));
                values.fold(format!("! {name}"), |text, value| {
                    format!("{text} {}", value.text)
                })
            }
        };
        let rule = &mut self.rule;
        (rule.source, rule.destination, rule.protocol, rule.fragment) =
            (source, destination, protocol, fragment);
        rule.in_interfaces.truncate(inputs);
        rule.out_interfaces.truncate(outputs);
        rule.matches.truncate(conditions);
        rule.matches.push(Match::Not(text));
        Ok(())
    }
}

/// `-m dscp --dscp 46` → `-m dscp ! --dscp 46`; without `-m` the `!` comes first.
fn opposite(condition: &str) -> String {
    let split = condition
        .strip_prefix("-m ")
        .and_then(|rest| rest.split_once(' '));
    match split {
        Some((module, options)) => format!("-m {module} ! {options}"),
        None => format!("! {condition}"),
    }
}
