//! From spec to filter.

use std::collections::BTreeSet;

use ztag_types::{Code, ConfigPath, Diagnostic, Findings, SmolStr};

use super::candidate::Finder;
use super::keyword::{Gated, Keywords, LONGEST_KEYWORD};
use super::numbers::{NumberReader, Numbers};
use super::pack::{FILES, Pack};
use super::pattern::{Pattern, Tests};
use super::rule::{CERTAIN, CHECKED, Family, Rule, SHAPE};
use super::spec::{Action, FilterSpec, TokenSpec, WordListSpec};
use super::words::{LONGEST_WORD, WordLists, fold_word};
use super::{Filter, address, card, iban, jwt, key, login, mail, person, phone};
use crate::output;

/// Most words of all lists together.
const MOST_WORDS: usize = 20_000;
/// Most token shapes of the operator's.
const MOST_TOKENS: usize = 256;

impl Filter {
    /// Compiles `spec`, which stands at `at`. `None` exactly when an error is among the findings.
    pub fn compile(spec: &FilterSpec, at: &ConfigPath, findings: &mut Findings) -> Option<Self> {
        let before = findings.errors();
        let mut building = Building {
            spec,
            rules: Vec::new(),
            finders: Vec::new(),
            gated: Vec::new(),
        };
        building.packs(findings);
        building.secrets();
        building.people();
        building.tokens(at, findings);
        building.words(at, findings);
        let system = building.output(at, findings);
        building.check_kinds(at, findings);
        building.keywords(at, findings);
        let allow = spec.allow.iter().map(|value| value.as_bytes().into());
        let filter = Self {
            allow: allow.collect(),
            rules: building.rules,
            finders: building.finders,
            system,
        };
        (findings.errors() == before).then_some(filter)
    }
}

pub(crate) struct Building<'a> {
    spec: &'a FilterSpec,
    rules: Vec<Rule>,
    finders: Vec<Box<dyn Finder>>,
    gated: Vec<Gated>,
}

impl Building<'_> {
    /// The rules that come with the filter.
    fn packs(&mut self, findings: &mut Findings) {
        for (name, text) in FILES {
            let broken = |message: String| {
                let message = format!("the rules `{name}` of the filter: {message}");
                Diagnostic::error(Code::Pattern, &ConfigPath::root(), message)
            };
            let pack = toml::from_str::<Pack>(text).map_err(|e| broken(e.to_string()));
            let Some(pack) = findings.keep(pack) else {
                continue;
            };
            for text in &pack.rule {
                let action = self.action(&text.kind, pack.personal);
                let rule = self.rules.len();
                self.rules.push(text.rule(pack.personal, action));
                if action == Action::Ignore {
                    continue;
                }
                let gated = text.gated(pack.personal, rule);
                let gated = gated.map_err(|e| broken(format!("`{}`: {e}", text.id)));
                self.gated.extend(findings.keep(gated));
            }
        }
    }

    /// Secrets with readers of their own.
    fn secrets(&mut self) {
        if let Some(rule) = self.shape("key.private", "PRIVATE_KEY", Family::Secret, CERTAIN) {
            self.finders.push(Box::new(key::PrivateKeys { rule }));
        }
        if let Some(rule) = self.shape("key.encoded", "PRIVATE_KEY", Family::Secret, CERTAIN) {
            self.finders.push(Box::new(key::EncodedKeys { rule }));
        }
        if let Some(rule) = self.shape("token.jwt", "JWT", Family::Secret, CHECKED) {
            self.finders.push(Box::new(jwt::WebTokens { rule }));
        }
        if let Some(rule) = self.shape("login.url", "URL_PASSWORD", Family::Secret, SHAPE - 1) {
            self.finders.push(Box::new(login::Logins { rule }));
        }
    }

    /// Personal data with readers of their own. Those that are made of digits are read together.
    fn people(&mut self) {
        if let Some(rule) = self.shape("mail.address", "EMAIL", Family::Personal, 160) {
            self.finders.push(Box::new(mail::Addresses { rule }));
        }
        let mut readers: Vec<Box<dyn NumberReader>> = Vec::new();
        if let Some(rule) = self.shape("bank.iban", "IBAN", Family::Personal, 155) {
            readers.push(Box::new(iban::Ibans { rule }));
        }
        if let Some(rule) = self.shape("card.number", "CREDIT_CARD", Family::Personal, 154) {
            readers.push(Box::new(card::Cards { rule }));
        }
        if let Some(rule) = self.shape("person.us-ssn", "US_SSN", Family::Personal, 153) {
            readers.push(Box::new(person::SocialSecurity { rule }));
        }
        if let Some(rule) = self.shape("person.uk-nino", "UK_NINO", Family::Personal, 152) {
            readers.push(Box::new(person::NationalInsurance { rule }));
        }
        if let Some(rule) = self.shape("net.address", "IP_ADDRESS", Family::Personal, SHAPE) {
            readers.push(Box::new(address::HostsV4 { rule }));
            self.finders.push(Box::new(address::HostsV6 { rule }));
        }
        // Everything else says more about its digits.
        if let Some(rule) = self.shape("phone.number", "PHONE", Family::Personal, 10) {
            readers.push(Box::new(phone::Phones { rule }));
        }
        if !readers.is_empty() {
            self.finders.push(Box::new(Numbers { readers }));
        }
    }

    /// Adds the rule of a shape and returns its place, unless its kind is ignored.
    fn shape(
        &mut self,
        id: &'static str,
        kind: &'static str,
        family: Family,
        specificity: u8,
    ) -> Option<usize> {
        let action = self.action(kind, family == Family::Personal);
        self.rules.push(Rule {
            id: SmolStr::new_static(id),
            kind: SmolStr::new_static(kind),
            family,
            action,
            specificity,
        });
        (action != Action::Ignore).then(|| self.rules.len() - 1)
    }

    fn action(&self, kind: &str, personal: bool) -> Action {
        let group = if personal {
            self.spec.personal_data
        } else {
            self.spec.secrets
        };
        self.spec.kinds.get(kind).copied().unwrap_or(group)
    }

    /// Token shapes of the operator's.
    fn tokens(&mut self, at: &ConfigPath, findings: &mut Findings) {
        let at = at.key("tokens");
        if self.spec.tokens.len() > MOST_TOKENS {
            let message = format!("more than {MOST_TOKENS} tokens");
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
            return;
        }
        for (index, token) in self.spec.tokens.iter().enumerate() {
            let at = at.index(index);
            check_name(&token.kind, &at.key("kind"), findings);
            let rule = self.rules.len();
            self.rules.push(Rule {
                id: SmolStr::new(format!("own.{}", token.kind)),
                kind: SmolStr::new(&token.kind),
                family: Family::Secret,
                action: token.action,
                specificity: CHECKED,
            });
            let gated = gate(token, rule, &at, findings);
            if token.action != Action::Ignore {
                self.gated.extend(gated);
            }
        }
    }

    /// Word lists of the operator's.
    fn words(&mut self, at: &ConfigPath, findings: &mut Findings) {
        let at = at.key("words");
        let mut words = Vec::new();
        for (index, list) in self.spec.words.iter().enumerate() {
            let at = at.index(index);
            check_name(&list.name, &at.key("name"), findings);
            let rule = self.rules.len();
            self.rules.push(Rule {
                id: SmolStr::new(format!("words.{}", list.name)),
                kind: SmolStr::new(&list.name),
                family: Family::Words,
                action: list.action,
                specificity: SHAPE,
            });
            if list.action != Action::Ignore {
                collect_words(list, rule, &at, &mut words, findings);
            }
        }
        if words.len() > MOST_WORDS {
            let message = format!("more than {MOST_WORDS} words");
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        } else if !words.is_empty() {
            let lists = WordLists::new(&words);
            let lists = lists.map_err(|e| Diagnostic::error(Code::Pattern, &at, e.to_string()));
            if let Some(lists) = findings.keep(lists) {
                self.finders.push(Box::new(lists));
            }
        }
    }

    /// What answers must not carry. Returns the rule of overlaps with the system text.
    fn output(&mut self, at: &ConfigPath, findings: &mut Findings) -> Option<usize> {
        let parts = output::compile(&self.spec.output, &at.key("output"), findings);
        for part in parts.finders {
            let rule = self.output_rule(part.id, part.kind, part.action);
            self.finders.push((part.finder)(rule));
        }
        for canary in parts.canaries {
            let rule = self.output_rule("output.canary", "SYSTEM_PROMPT", Action::Block);
            self.gated.push(Gated {
                rule,
                keywords: vec![canary.keyword],
                lead: None,
                pattern: canary.pattern,
            });
        }
        let action = self.spec.output.system_prompt;
        (action != Action::Ignore)
            .then(|| self.output_rule("output.system-prompt", "SYSTEM_PROMPT", action))
    }

    fn output_rule(&mut self, id: &'static str, kind: &'static str, action: Action) -> usize {
        self.rules.push(Rule {
            id: SmolStr::new_static(id),
            kind: SmolStr::new_static(kind),
            family: Family::Output,
            action,
            specificity: SHAPE,
        });
        self.rules.len() - 1
    }

    /// Complains of kinds that do not exist.
    fn check_kinds(&self, at: &ConfigPath, findings: &mut Findings) {
        let known: BTreeSet<&str> = self.rules.iter().map(|rule| rule.kind.as_str()).collect();
        for kind in self.spec.kinds.keys() {
            if known.contains(kind.as_str()) {
                continue;
            }
            let message = format!("there is no kind `{kind}`");
            let mut diagnostic =
                Diagnostic::error(Code::UnknownDefinition, &at.key("kinds").key(kind), message);
            if let Some(near) = Diagnostic::nearest(kind, known.iter().copied()) {
                diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
            }
            findings.push(diagnostic);
        }
    }

    fn keywords(&mut self, at: &ConfigPath, findings: &mut Findings) {
        let gated = std::mem::take(&mut self.gated);
        if gated.is_empty() {
            return;
        }
        let keywords = Keywords::new(gated);
        let keywords = keywords.map_err(|e| Diagnostic::error(Code::Pattern, at, e.to_string()));
        if let Some(keywords) = findings.keep(keywords) {
            self.finders.push(Box::new(keywords));
        }
    }
}

/// Names are what placeholders are made of: capitals, digits and `_`.
fn check_name(name: &str, at: &ConfigPath, findings: &mut Findings) {
    let capitals = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
    if !starts || name.len() > 40 || !name.bytes().all(capitals) {
        let message = format!("`{name}` is not a name in capitals");
        let hint = "use `A` to `Z`, `0` to `9` and `_`, at most 40 of them";
        findings.push(Diagnostic::error(Code::InvalidName, at, message).hint(hint));
    }
}

fn gate(token: &TokenSpec, rule: usize, at: &ConfigPath, findings: &mut Findings) -> Option<Gated> {
    let tests = Tests {
        entropy: token.entropy,
        no_samples: true,
        word: true,
        ..Tests::default()
    };
    let keyed = at.key("keywords");
    for (index, keyword) in token.keywords.iter().enumerate() {
        if !(3..=LONGEST_KEYWORD).contains(&keyword.len()) {
            let message = format!("`{keyword}` does not have 3 to {LONGEST_KEYWORD} bytes");
            let at = keyed.index(index);
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        }
    }
    if token.keywords.is_empty() {
        let message = "a token needs a keyword that it begins with";
        findings.push(Diagnostic::error(Code::MissingKey, &keyed, message));
    }
    let pattern = Pattern::compile(&token.pattern, tests).map_err(|e| {
        let message = format!("the pattern `{}` {e}", token.pattern);
        Diagnostic::error(Code::Pattern, &at.key("pattern"), message)
    });
    Some(Gated {
        rule,
        keywords: token.keywords.clone(),
        lead: None,
        pattern: findings.keep(pattern)?,
    })
}

fn collect_words(
    list: &WordListSpec,
    rule: usize,
    at: &ConfigPath,
    words: &mut Vec<(SmolStr, usize)>,
    findings: &mut Findings,
) {
    for (index, word) in list.words.iter().enumerate() {
        let length = fold_word(word).len();
        if (2..=LONGEST_WORD).contains(&length) {
            words.push((SmolStr::new(word), rule));
        } else {
            let message = format!("`{word}` does not have 2 to {LONGEST_WORD} bytes");
            let at = at.key("words").index(index);
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        }
    }
}
