//! Rule files → rules of the kernel. Pure.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::origin::{Origin, PolicyFile};
use super::police::bucket;

use crate::rules::{Chain, Cos, Family, Interface, Policy, Rule, Table, Target};

/// One rule as iptables-restore takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KernelRule {
    /// Everything after `-A CHAIN `.
    pub(super) text: String,
    /// Digest of the rule and its file: 16 hexadecimal digits, unique in a family, the same as long as the rule is.
    pub(super) id: String,
    pub(super) origin: Rc<Origin>,
}

/// The rules of one family.
pub(super) type Chains = BTreeMap<(Table, Chain), Vec<KernelRule>>;

/// The rules of both families.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) v4: Chains,
    pub(super) v6: Chains,
    /// What is not exactly as it was asked for.
    pub(super) warnings: Vec<String>,
}

/// Entries that one line may expand to: 48 × 48 interfaces and some.
const MAX_ENTRIES: u64 = 4096;

/// Rules that one family may have: a second or so of `iptables-restore`.
const MAX_RULES: usize = 65_536;

/// Compiles the files, in their order.
///
/// Fails with every rule that the kernel cannot express, at most one a file.
pub(super) fn compile(files: &[(&PolicyFile, Policy)]) -> Result<Compiled, Vec<Failure>> {
    let mut compiler = Compiler::default();
    let mut failures = Vec::new();
    for (file, policy) in files {
        if let Err((line, message)) = compiler.file(file, policy) {
            failures.push(Failure::rule(file, line, &message));
        }
    }
    if failures.is_empty() {
        Ok(compiler.compiled)
    } else {
        Err(failures)
    }
}

#[derive(Default)]
struct Compiler {
    compiled: Compiled,
    /// How often the same rule of the same file has come: such twins are told apart.
    twins: HashMap<String, u32>,
    rules: [usize; 2],
}

impl Compiler {
    fn file(&mut self, file: &PolicyFile, policy: &Policy) -> Result<(), (u32, String)> {
        if let Some((line, _)) = policy.eb_rules().next() {
            return Err((
                line,
                "[ebtables] rules cannot be installed by acltool: it drives iptables and ip6tables only"
                    .to_owned(),
            ));
        }
        policy
            .rules()
            .try_for_each(|(line, rule)| self.rule(file, line, rule).map_err(|message| (line, message)))
    }

    fn rule(&mut self, file: &PolicyFile, line: u32, rule: &Rule) -> Result<(), String> {
        if rule.entries() > MAX_ENTRIES {
            return Err(format!(
                "the rule is {} entries after expansion; expected at most {MAX_ENTRIES}",
                rule.entries()
            ));
        }
        let origin = Rc::new(file.origin(line));
        for chain in &rule.chains {
            let (actions, warning) = actions(rule, *chain)?;
            if let Some(warning) = warning {
                self.compiled
                    .warnings
                    .push(format!("{}:{line}: {warning}", file.name));
            }
            for condition in conditions(rule) {
                for action in &actions {
                    self.push(file, &origin, rule, *chain, &condition, action)?;
                }
            }
        }
        Ok(())
    }

    fn push(
        &mut self,
        file: &PolicyFile,
        origin: &Rc<Origin>,
        rule: &Rule,
        chain: Chain,
        condition: &str,
        action: &Action,
    ) -> Result<(), String> {
        let v6 = rule.family == Family::V6;
        let count = if v6 {
            &mut self.rules[1]
        } else {
            &mut self.rules[0]
        };
        *count += 1;
        if *count > MAX_RULES {
            return Err(format!(
                "with this rule there are more than {MAX_RULES} after expansion"
            ));
        }
        let Action { options, target } = action;
        let place = (rule.table, chain);
        let key = format!("{v6} {place:?} {} {condition} {options} {target}", file.name);
        let twin = self.twins.entry(key.clone()).or_default();
        let id = digest(&format!("{key} {twin}"));
        *twin += 1;
        let mut text = condition.to_owned();
        let _ = write!(
            text,
            " -m comment --comment \"{}:{} #{id}\"",
            file.name, origin.line
        );
        if !options.is_empty() {
            // The name is new whenever the limit is: a bucket keeps the limit with which it was made.
            let _ = write!(
                text,
                " -m hashlimit {options} --hashlimit-name {}",
                bucket_name(&id)
            );
        }
        let _ = write!(text, " -j {target}");
        let text = text.trim_start().to_owned();
        let chains = if v6 {
            &mut self.compiled.v6
        } else {
            &mut self.compiled.v4
        };
        chains.entry(place).or_default().push(KernelRule {
            text,
            id,
            origin: Rc::clone(origin),
        });
        Ok(())
    }
}

/// 64 bits of SHA-256.
fn digest(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    digest.iter().take(8).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// hashlimit takes names of at most 15 bytes.
fn bucket_name(id: &str) -> &str {
    id.get(..15).unwrap_or(id)
}

/// The conditions of a rule, once for each pair of interfaces; each starts with a space or is empty.
fn conditions(rule: &Rule) -> Vec<String> {
    let each = |option: &str, list: &[Interface]| -> Vec<String> {
        if list.is_empty() {
            return vec![String::new()];
        }
        list.iter()
            .map(|interface| format!(" {option} {interface}"))
            .collect()
    };
    let outs = each("-o", &rule.out_interfaces);
    let rest = rule.conditions().to_string();
    let pairs = each("-i", &rule.in_interfaces).into_iter();
    pairs
        .flat_map(|i| outs.iter().map(|o| format!("{i}{o}{rest}")).collect::<Vec<_>>())
        .collect()
}

/// One rule of the kernel: a limit, if any, and what happens.
struct Action {
    /// Options of hashlimit, or nothing.
    options: String,
    target: String,
}

impl Action {
    fn plain(target: impl Into<String>) -> Self {
        Self {
            options: String::new(),
            target: target.into(),
        }
    }
}

/// The kernel's rules for a target, in order, and how they differ from what was asked for.
///
/// None of the marking targets ends the walk through the chain, unlike in hardware: a later rule may mark again, so
/// the last mark counts.
fn actions(rule: &Rule, chain: Chain) -> Result<(Vec<Action>, Option<String>), String> {
    let mut warning = None;
    let actions = match &rule.target {
        Target::Accept => vec![Action::plain("ACCEPT")],
        Target::Drop => vec![Action::plain("DROP")],
        Target::SetQos { dscp, cos } => {
            let mut actions = Vec::new();
            // The class first: once DSCP is rewritten, a condition on DSCP would no longer hold.
            if let Some(cos) = cos {
                actions.push(classify(*cos, chain)?);
            }
            if let Some(dscp) = dscp {
                actions.push(Action::plain(format!("DSCP --set-dscp {}", dscp.get())));
            }
            actions
        }
        Target::Dscp(dscp) => vec![Action::plain(format!("DSCP --set-dscp {}", dscp.get()))],
        Target::SetClass(class) => vec![classify(*class, chain)?],
        Target::Police(police) => {
            let class = police.class.map(|class| classify(class, chain)).transpose()?;
            let bucket = bucket(police)?;
            warning = bucket.warning;
            let limit = Action {
                options: bucket.options,
                target: "DROP".to_owned(),
            };
            class.into_iter().chain([limit]).collect()
        }
        Target::ErSpan { destination, .. } => vec![Action::plain(format!("TEE --gateway {destination}"))],
        Target::Log { prefix: None } => vec![Action::plain("LOG")],
        Target::Log { prefix: Some(prefix) } => vec![Action::plain(format!("LOG --log-prefix {prefix}"))],
        Target::Span(port) => {
            return Err(format!(
                "SPAN to {port} cannot be expressed: the kernel's TEE copies to an address, not to a port"
            ));
        }
        Target::TriColorPolice(_) => {
            return Err(
                "TRICOLORPOLICE cannot be expressed: the kernel's hashlimit has one rate and no colours"
                    .to_owned(),
            );
        }
        Target::Opaque(_) => return Err(format!("{} is not known here", rule.target.name())),
    };
    Ok((actions, warning))
}

/// `CLASSIFY` sets the priority of the packet: what VLAN devices map to 802.1p, and queueing disciplines to a class.
fn classify(class: Cos, chain: Chain) -> Result<Action, String> {
    match chain {
        Chain::Forward | Chain::Output | Chain::Postrouting => {
            Ok(Action::plain(format!("CLASSIFY --set-class 0:{}", class.get())))
        }
        Chain::Prerouting | Chain::Input => Err(format!(
            "a class in {} cannot be expressed: the kernel's CLASSIFY works in FORWARD, OUTPUT and POSTROUTING",
            chain.name()
        )),
    }
}

#[cfg(test)]
mod tests;
