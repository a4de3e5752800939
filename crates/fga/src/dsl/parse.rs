//! Text to syntax.

use crate::dsl::finding::{Finding, FindingKind};
use crate::dsl::scan::Scanner;
use crate::dsl::syntax::{
    ConditionNode, Document, Header, Operator, RelationNode, RestrictionNode, RewriteNode,
    TypeNode, Word,
};
use crate::spec::{ParameterSpec, TypeName};

/// Brackets inside each other at the most.
const MAX_NESTING: usize = 32;

/// Parses `text`. After a mistake in a relation, reading goes on with the next line.
pub(super) fn document(text: &str) -> Result<Document, Vec<Finding>> {
    let mut parser = Parser {
        scanner: Scanner::new(text),
        findings: Vec::new(),
        nesting: 0,
    };
    match parser.document() {
        Ok(document) if parser.findings.is_empty() => Ok(document),
        Ok(_) => Err(parser.findings),
        Err(finding) => {
            parser.findings.push(finding);
            Err(parser.findings)
        }
    }
}

struct Parser {
    scanner: Scanner,
    findings: Vec<Finding>,
    nesting: usize,
}

impl Parser {
    fn document(&mut self) -> Result<Document, Finding> {
        let mut document = Document {
            header: self.header()?,
            types: Vec::new(),
            conditions: Vec::new(),
        };
        loop {
            let is_new_line = self.scanner.lines();
            if self.scanner.is_at_end() {
                return Ok(document);
            }
            if !is_new_line {
                return Err(self.scanner.unexpected("expected the end of the line"));
            }
            if self.scanner.take_word("condition") {
                document.conditions.push(self.condition()?);
            } else {
                let node = self.type_node(&document)?;
                document.types.push(node);
            }
        }
    }

    fn header(&mut self) -> Result<Header, Finding> {
        self.scanner.lines();
        if self.scanner.take_word("module") {
            if !self.scanner.spaces() {
                return Err(self.scanner.unexpected("expected the name of the module"));
            }
            return Ok(Header::Module(self.scanner.name("the name of the module")?));
        }
        if !self.scanner.take_word("model") {
            return Err(self.scanner.unexpected("expected `model` or `module`"));
        }
        self.scanner.lines();
        if !self.scanner.take_word("schema") {
            return Err(self.scanner.unexpected("expected `schema`"));
        }
        self.scanner.spaces();
        let version = self.scanner.peek_word();
        let is_version = |word: &Word| {
            let rest = word.text.strip_prefix("1.");
            rest.is_some_and(|minor| minor.len() == 1 && minor.chars().all(|c| c.is_ascii_digit()))
        };
        match version.filter(is_version) {
            Some(version) => {
                self.scanner.take_word(&version.text);
                Ok(Header::Model(version))
            }
            None => Err(self
                .scanner
                .unexpected("expected a schema version such as 1.1")),
        }
    }

    fn type_node(&mut self, document: &Document) -> Result<TypeNode, Finding> {
        let extends = self.scanner.take_word("extend");
        if extends {
            self.scanner.spaces();
        }
        if !self.scanner.take_word("type") || !self.scanner.spaces() {
            return Err(self.scanner.unexpected("expected `type` or `condition`"));
        }
        let name = self.scanner.name("the name of a type")?;
        if extends {
            self.check_extension(document, &name);
        }
        let mark = self.scanner.mark();
        let has_relations = self.scanner.lines() && self.scanner.take_word("relations");
        if !has_relations {
            self.scanner.reset(mark);
        }
        let relations = if has_relations {
            self.relations()?
        } else {
            Vec::new()
        };
        Ok(TypeNode {
            name,
            extends,
            relations,
        })
    }

    fn check_extension(&mut self, document: &Document, name: &Word) {
        let is_extended = |node: &TypeNode| node.extends && node.name.text == name.text;
        let message = if matches!(document.header, Header::Model(_)) {
            "extend can only be used in a modular model".into()
        } else if document.types.iter().any(is_extended) {
            format!("'{}' is already extended in file.", name.text)
        } else {
            return;
        };
        self.findings
            .push(name.at.finding(FindingKind::Syntax, message));
    }

    fn relations(&mut self) -> Result<Vec<RelationNode>, Finding> {
        let mut relations = Vec::new();
        let mut tried = 0;
        loop {
            let mark = self.scanner.mark();
            let is_define = self.scanner.lines() && self.scanner.take_word("define");
            if !is_define {
                if tried == 0 {
                    return Err(self.scanner.unexpected("expected `define`"));
                }
                self.scanner.reset(mark);
                return Ok(relations);
            }
            tried += 1;
            match self.relation() {
                Ok(relation) => relations.push(relation),
                Err(finding) => {
                    self.findings.push(finding);
                    self.scanner.rest_of_line();
                }
            }
        }
    }

    fn relation(&mut self) -> Result<RelationNode, Finding> {
        if !self.scanner.spaces() {
            return Err(self.scanner.unexpected("expected the name of a relation"));
        }
        let name = self.scanner.name("the name of a relation")?;
        self.scanner.spaces();
        self.scanner.expect(':')?;
        self.scanner.spaces();
        self.nesting = 0;
        let rewrite = self.rewrite(true)?;
        if self.scanner.is_line_end() {
            return Ok(RelationNode { name, rewrite });
        }
        let message = "expected the end of the line; operators are mixed with brackets only";
        Err(self.scanner.unexpected(message))
    }

    /// A rewrite. Restrictions can only stand in its first operand, and there only if `first`.
    fn rewrite(&mut self, first: bool) -> Result<RewriteNode, Finding> {
        let operand = self.operand(first)?;
        if self.between(Scanner::take_but_not) {
            let subtract = self.operand(false)?;
            return Ok(RewriteNode::ButNot(Box::new([operand, subtract])));
        }
        for (operator, word) in [(Operator::Or, "or"), (Operator::And, "and")] {
            if self.between(|scanner| scanner.take_word(word)) {
                let mut operands = vec![operand, self.operand(false)?];
                while self.between(|scanner| scanner.take_word(word)) {
                    operands.push(self.operand(false)?);
                }
                return Ok(RewriteNode::Group(operator, operands));
            }
        }
        Ok(operand)
    }

    /// Takes an operator and the spaces around it, or nothing.
    fn between(&mut self, take: impl Fn(&mut Scanner) -> bool) -> bool {
        let mark = self.scanner.mark();
        let found = self.scanner.spaces() && take(&mut self.scanner);
        if found {
            self.scanner.spaces();
        } else {
            self.scanner.reset(mark);
        }
        found
    }

    fn operand(&mut self, first: bool) -> Result<RewriteNode, Finding> {
        match self.scanner.peek() {
            Some('[') if first => self.restrictions(),
            Some('(') => self.bracketed(first),
            _ => self.reference(),
        }
    }

    fn bracketed(&mut self, first: bool) -> Result<RewriteNode, Finding> {
        if self.nesting == MAX_NESTING {
            return Err(self.scanner.unexpected("brackets are nested too deeply"));
        }
        self.nesting += 1;
        self.scanner.expect('(')?;
        self.scanner.lines();
        let rewrite = self.rewrite(first)?;
        self.scanner.lines();
        self.scanner.expect(')')?;
        self.nesting -= 1;
        Ok(rewrite)
    }

    fn reference(&mut self) -> Result<RewriteNode, Finding> {
        let computed = self.scanner.name("a relation")?;
        let mark = self.scanner.mark();
        if self.scanner.spaces() && self.scanner.take_word("from") {
            self.scanner.spaces();
            let tupleset = self.scanner.name("a relation")?;
            return Ok(RewriteNode::From { computed, tupleset });
        }
        self.scanner.reset(mark);
        Ok(RewriteNode::Computed(computed))
    }

    fn restrictions(&mut self) -> Result<RewriteNode, Finding> {
        self.scanner.expect('[')?;
        let mut restrictions = Vec::new();
        loop {
            self.scanner.lines();
            restrictions.push(self.restriction()?);
            self.scanner.lines();
            if !self.scanner.take(',') {
                break;
            }
        }
        self.scanner.expect(']')?;
        Ok(RewriteNode::Direct(restrictions))
    }

    fn restriction(&mut self) -> Result<RestrictionNode, Finding> {
        let name = self.scanner.name("a type")?;
        let from = self.scanner.mark() - name.text.chars().count();
        let mut restriction = RestrictionNode {
            at: name.at,
            name,
            relation: None,
            wildcard: false,
            condition: None,
        };
        if self.scanner.take(':') {
            self.scanner.expect('*')?;
            restriction.wildcard = true;
        } else if self.scanner.take('#') {
            restriction.relation = Some(self.scanner.name("a relation")?);
        }
        restriction.at = self.scanner.place(from, self.scanner.mark());
        let mark = self.scanner.mark();
        if self.scanner.spaces() && self.scanner.take_word("with") {
            self.scanner.spaces();
            restriction.condition = Some(self.scanner.name("a condition")?);
        } else {
            self.scanner.reset(mark);
        }
        Ok(restriction)
    }

    fn condition(&mut self) -> Result<ConditionNode, Finding> {
        self.scanner.spaces();
        let name = self.scanner.name("the name of a condition")?;
        self.scanner.spaces();
        self.scanner.expect('(')?;
        let mut parameters = Vec::new();
        loop {
            self.scanner.lines();
            parameters.push(self.parameter()?);
            self.scanner.lines();
            if !self.scanner.take(',') {
                break;
            }
        }
        self.scanner.expect(')')?;
        self.scanner.lines();
        self.scanner.expect('{')?;
        let expression = self.expression()?;
        Ok(ConditionNode {
            name,
            parameters,
            expression,
        })
    }

    fn parameter(&mut self) -> Result<(Word, ParameterSpec), Finding> {
        let word = self.scanner.peek_word();
        if word.is_some_and(|word| TypeName::from_dsl(&word.text).is_some()) {
            return Err(self.scanner.unexpected("expected the name of a parameter"));
        }
        let name = self.scanner.name("the name of a parameter")?;
        self.scanner.spaces();
        self.scanner.expect(':')?;
        self.scanner.spaces();
        let type_name = self.type_name(true)?;
        let mut spec = ParameterSpec::plain(type_name);
        if matches!(type_name, TypeName::List | TypeName::Map) {
            self.scanner.expect('<')?;
            let inner = self.type_name(false)?;
            spec.generic_types.push(ParameterSpec::plain(inner));
            self.scanner.expect('>')?;
        }
        Ok((name, spec))
    }

    /// A type of a parameter; lists and maps hold no lists and maps.
    fn type_name(&mut self, outer: bool) -> Result<TypeName, Finding> {
        let word = self.scanner.peek_word();
        let found = word.and_then(|word| TypeName::from_dsl(&word.text));
        let is_allowed = |found: &TypeName| match found {
            TypeName::Any => false,
            TypeName::List | TypeName::Map => outer,
            _ => true,
        };
        match found.filter(is_allowed) {
            Some(found) => {
                self.scanner.take_word(found.as_str());
                Ok(found)
            }
            None => Err(self.scanner.unexpected("expected the type of a parameter")),
        }
    }

    /// Text up to the brace that closes the condition; braces in text count for nothing.
    fn expression(&mut self) -> Result<String, Finding> {
        self.scanner.lines();
        let mark = self.scanner.mark();
        let mut depth = 0_usize;
        let mut quote = None;
        while let Some(next) = self.scanner.peek() {
            match (quote, next) {
                (None, '}') if depth == 0 => {
                    let text = self.scanner.since(mark).trim_end().to_owned();
                    self.scanner.take('}');
                    return Ok(text);
                }
                (None, '}') => depth -= 1,
                (None, '{') => depth += 1,
                (None, '"' | '\'') => quote = Some(next),
                (Some(_), '\\') => {
                    self.scanner.take_any();
                }
                (Some(open), _) if open == next || next == '\n' => quote = None,
                _ => {}
            }
            self.scanner.take_any();
        }
        Err(self.scanner.unexpected("expected `}`"))
    }
}
