//! The shape of a JSON body: where each value stands, no copies.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::literal;

/// Values inside values inside values, at most so deep.
const DEEPEST: usize = 128;
/// Most values of a body.
const MOST: usize = 1 << 20;

/// Why a body is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is longer than the limit.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It is no JSON.
    #[error("the body is no JSON: byte {at} does not fit")]
    Syntax {
        /// The first byte that does not fit.
        at: usize,
    },
    /// Values are nested too deep.
    #[error("the body nests deeper than {DEEPEST} values")]
    TooDeep,
    /// There are too many values.
    #[error("the body has more than {MOST} values")]
    TooMany,
    /// Two members have one name: parsers disagree which one counts.
    #[error("an object of the body names a member twice, at byte {at}")]
    Duplicate {
        /// Where the second stands.
        at: usize,
    },
}

/// A value of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(u32);

impl NodeId {
    /// Its place in the order in which values begin.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Scalar,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    start: usize,
    end: usize,
    /// Inside of the name, if it is a member of an object.
    name: Range<usize>,
    /// One behind the last value inside it: values inside follow each other.
    last: u32,
}

/// The values of a body, each before those inside it.
#[derive(Debug)]
pub(crate) struct Tree<'b> {
    body: &'b [u8],
    nodes: Vec<Node>,
}

impl<'b> Tree<'b> {
    /// Reads `body`.
    pub(crate) fn parse(body: &'b [u8]) -> Result<Self, Refused> {
        let mut parser = Parser {
            tree: Self {
                body,
                nodes: Vec::new(),
            },
            at: 0,
        };
        parser.space();
        parser.value(0..0, 0)?;
        parser.space();
        if parser.at < body.len() {
            return Err(parser.unfit());
        }
        Ok(parser.tree)
    }

    /// What was read.
    pub(crate) const fn body(&self) -> &'b [u8] {
        self.body
    }

    /// How many values there are.
    pub(crate) const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The outermost value.
    pub(crate) const fn root() -> NodeId {
        NodeId(0)
    }

    /// Every value, in the order in which they begin.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(NodeId)
    }

    /// The values directly inside `node`.
    pub(crate) fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let end = self.end_of(node);
        let mut next = node.0 + 1;
        std::iter::from_fn(move || {
            let child = NodeId(next);
            next = (next < end).then(|| self.end_of(child))?;
            Some(child)
        })
    }

    /// `node` and every value inside it.
    pub(crate) fn below(&self, node: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        (node.0..self.end_of(node)).map(NodeId)
    }

    /// The strings among `node` and what is inside it.
    pub(crate) fn strings_below(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.below(node)
            .filter(|node| self.kind(*node) == Some(Kind::String))
    }

    /// What `node` is.
    pub(crate) fn kind(&self, node: NodeId) -> Option<Kind> {
        self.nodes.get(node.index()).map(|node| node.kind)
    }

    /// Where the inside of the string `node` stands.
    pub(crate) fn literal(&self, node: NodeId) -> Option<Range<usize>> {
        let node = self.nodes.get(node.index())?;
        (node.kind == Kind::String).then(|| node.start + 1..node.end - 1)
    }

    /// What the string `node` says.
    pub(crate) fn text(&self, node: NodeId) -> Option<Cow<'b, str>> {
        literal::read(self.body.get(self.literal(node)?)?)
    }

    /// How `node` is written.
    pub(crate) fn raw(&self, node: NodeId) -> Cow<'b, str> {
        let node = self.nodes.get(node.index());
        let raw = node.and_then(|node| self.body.get(node.start..node.end));
        String::from_utf8_lossy(raw.unwrap_or_default())
    }

    /// What the member `node` is called.
    pub(crate) fn name(&self, node: NodeId) -> Option<Cow<'b, str>> {
        let name = self.nodes.get(node.index())?.name.clone();
        literal::read(self.body.get(name)?)
    }

    /// The member `name` of the object `node`, letter case of ASCII ignored as some parsers do.
    pub(crate) fn member(&self, node: NodeId, name: &str) -> Option<NodeId> {
        self.members(node, name).next()
    }

    /// All members `name` of the object `node`, letter case of ASCII ignored.
    pub(crate) fn members(&self, node: NodeId, name: &str) -> impl Iterator<Item = NodeId> {
        let object = self.kind(node) == Some(Kind::Object);
        self.children(node).filter(move |child| {
            object
                && self
                    .name(*child)
                    .is_some_and(|n| n.eq_ignore_ascii_case(name))
        })
    }

    fn end_of(&self, node: NodeId) -> u32 {
        self.nodes
            .get(node.index())
            .map_or(node.0, |node| node.last)
    }
}

struct Parser<'b> {
    tree: Tree<'b>,
    at: usize,
}

impl Parser<'_> {
    fn value(&mut self, name: Range<usize>, depth: usize) -> Result<(), Refused> {
        if depth > DEEPEST {
            return Err(Refused::TooDeep);
        }
        if self.tree.nodes.len() >= MOST {
            return Err(Refused::TooMany);
        }
        let index = self.tree.nodes.len();
        let kind = match self.peek() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            _ => Kind::Scalar,
        };
        let start = self.at;
        self.tree.nodes.push(Node {
            kind,
            start,
            end: start,
            name,
            last: 0,
        });
        match kind {
            Kind::Object => self.object(depth)?,
            Kind::Array => self.array(depth)?,
            Kind::String => {
                self.string()?;
            }
            Kind::Scalar => self.scalar()?,
        }
        let last = u32::try_from(self.tree.nodes.len()).map_err(|_| Refused::TooMany)?;
        if let Some(node) = self.tree.nodes.get_mut(index) {
            node.end = self.at;
            node.last = last;
        }
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Refused> {
        let mut names = Names::default();
        self.at += 1;
        self.space();
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            let at = self.at;
            let name = self.string()?;
            let text = self.tree.body.get(name.clone()).and_then(literal::read);
            if !names.insert(text.ok_or(Refused::Syntax { at })?) {
                return Err(Refused::Duplicate { at });
            }
            self.space();
            self.expect(b':')?;
            self.space();
            self.value(name, depth + 1)?;
            self.space();
            if !self.eat(b',') {
                return self.expect(b'}');
            }
            self.space();
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Refused> {
        self.at += 1;
        self.space();
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.value(0..0, depth + 1)?;
            self.space();
            if !self.eat(b',') {
                return self.expect(b']');
            }
            self.space();
        }
    }

    /// Reads a string and returns where its inside stands.
    fn string(&mut self) -> Result<Range<usize>, Refused> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(0x20..) => self.at += 1,
                _ => return Err(self.unfit()),
            }
        }
        let inside = start..self.at;
        self.at += 1;
        let raw = self.tree.body.get(inside.clone()).unwrap_or_default();
        match literal::read(raw) {
            Some(_) => Ok(inside),
            None => Err(Refused::Syntax { at: start }),
        }
    }

    /// Reads a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Result<(), Refused> {
        let rest = self.tree.body.get(self.at..).unwrap_or_default();
        let word = [&b"true"[..], b"false", b"null"]
            .into_iter()
            .find(|word| rest.starts_with(word));
        let length = word.map_or_else(|| number(rest), <[u8]>::len);
        if length == 0 {
            return Err(self.unfit());
        }
        self.at += length;
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.tree.body.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Refused> {
        if self.eat(byte) {
            return Ok(());
        }
        Err(self.unfit())
    }

    const fn unfit(&self) -> Refused {
        Refused::Syntax { at: self.at }
    }
}

/// Names of the members of one object.
#[derive(Default)]
struct Names<'b> {
    few: Vec<Cow<'b, str>>,
    many: HashSet<Cow<'b, str>>,
}

impl<'b> Names<'b> {
    /// Up to so many, comparing them is faster than a table.
    const FEW: usize = 16;

    /// Whether `name` is new.
    fn insert(&mut self, name: Cow<'b, str>) -> bool {
        if self.few.len() < Self::FEW {
            let new = !self.few.contains(&name);
            self.few.push(name);
            return new;
        }
        !self.few.contains(&name) && self.many.insert(name)
    }
}

/// Length of the number at the start of `text`; zero if there is none.
fn number(text: &[u8]) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let sign = usize::from(text.first() == Some(&b'-'));
    let whole = digits(sign);
    if whole == 0 || (whole > 1 && text.get(sign) == Some(&b'0')) {
        return 0;
    }
    let mut end = sign + whole;
    if text.get(end) == Some(&b'.') {
        let part = digits(end + 1);
        if part == 0 {
            return 0;
        }
        end += 1 + part;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let part = digits(end + 1 + sign);
        if part == 0 {
            return 0;
        }
        end += 1 + sign + part;
    }
    end
}
