//! The expressions of a template: names, fields, filters, tests and functions are checked here.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{BinOp, BinOpKind, Call, CallArg, Expr, Filter, Spanned, Test};
use ztag_types::{Code, ReadPath};

use super::path::{Path, literal};
use super::{Loose, Survey};
use crate::error::CompileError;
use crate::shape::Shape;
use crate::template::engine::{FACTOR, FIELD, FILE, FILTERS, FUNCTIONS, TERM, TESTS};
use crate::template::guard::guards;

/// Filters whose result cannot end a JSON string or add to a JSON text.
const HARMLESS: &[&str] = &[
    "tojson",
    "b64encode",
    "b64urlencode",
    "sha256",
    "urlencode",
    "int",
    "float",
    "bool",
    "length",
    "count",
];

/// Whether printing `expression` inside JSON cannot change the structure of the JSON.
pub(super) fn is_harmless_in_json(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Filter(filter) => HARMLESS.contains(&filter.name),
        Expr::Const(_) | Expr::Test(_) | Expr::Compare(_) => true,
        Expr::IfExpr(choice) => {
            is_harmless_in_json(&choice.true_expr)
                && choice.false_expr.as_ref().is_none_or(is_harmless_in_json)
        }
        Expr::Call(call) => matches!(&call.expr, Expr::Var(var) if var.id == "uuid"),
        _ => false,
    }
}

impl Survey<'_> {
    pub(super) fn optional(&mut self, expression: Option<&Expr<'_>>) -> Result<(), CompileError> {
        expression.map_or(Ok(()), |one| self.expression(one))
    }

    fn all(&mut self, expressions: &[Expr<'_>]) -> Result<(), CompileError> {
        expressions.iter().try_for_each(|one| self.expression(one))
    }

    pub(super) fn expression(&mut self, expression: &Expr<'_>) -> Result<(), CompileError> {
        if let Some(path) = Path::of(expression) {
            return self.path(&path);
        }
        match expression {
            Expr::Var(_) | Expr::Const(_) => Ok(()),
            Expr::GetAttr(step) => self.expression(&step.expr),
            Expr::GetItem(step) => {
                self.expression(&step.expr)?;
                self.expression(&step.subscript_expr)
            }
            Expr::Slice(slice) => {
                self.expression(&slice.expr)?;
                self.optional(slice.start.as_ref())?;
                self.optional(slice.stop.as_ref())?;
                self.step(slice.step.as_ref())
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => self.operation(operation),
            Expr::Compare(compare) => {
                self.expression(&compare.expr)?;
                compare
                    .ops
                    .iter()
                    .try_for_each(|op| self.expression(&op.expr))
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr)?;
                self.expression(&choice.true_expr)?;
                self.optional(choice.false_expr.as_ref())
            }
            Expr::Filter(filter) => self.filter(filter),
            Expr::Test(test) => self.test(test),
            Expr::Call(call) => self.call(call, call.span()),
            Expr::List(list) => self.gathering(|own| own.all(&list.items)),
            Expr::Tuple(tuple) => self.gathering(|own| own.all(&tuple.items)),
            Expr::Map(map) => self.gathering(|own| {
                own.all(&map.keys)?;
                own.all(&map.values)
            }),
        }
    }

    /// A slice goes forward by a number written out: the engine panics over other steps, and the
    /// text sliced may be the client's.
    fn step(&self, step: Option<&Expr<'_>>) -> Result<(), CompileError> {
        let Some(step) = step else { return Ok(()) };
        let forward = matches!(step, Expr::Const(own) if own.value.as_i64().is_some_and(|by| (1..=1_000).contains(&by)));
        if forward {
            return Ok(());
        }
        let message = "the step of a slice is a whole number above 0, written out";
        let error = self.error(Code::RefusedFeature, step.span(), message);
        Err(error.hint("use the filter `reverse` to go backwards"))
    }

    fn gathering(
        &mut self,
        walk: impl FnOnce(&mut Self) -> Result<(), CompileError>,
    ) -> Result<(), CompileError> {
        self.gathering += 1;
        let done = walk(self);
        self.gathering -= 1;
        done
    }

    fn path(&mut self, path: &Path<'_>) -> Result<(), CompileError> {
        let Some((_, shape)) = self.vocabulary.find(path.root) else {
            self.loose(path.root, path.root_span);
            return Ok(());
        };
        self.check_fields(shape, path)?;
        let keys = path.keys.iter().map(|(key, _)| key.as_str());
        self.reads
            .insert(ReadPath::new([path.root].into_iter().chain(keys)));
        Ok(())
    }

    fn check_fields(&self, shape: &Shape, path: &Path<'_>) -> Result<(), CompileError> {
        let mut shape = shape;
        let mut above = path.root;
        for (key, span) in &path.keys {
            shape = match (shape.field(key), shape) {
                (Some(below), _) => below,
                (None, Shape::Record(fields)) => {
                    let message = format!("`{above}` has no field `{key}`");
                    let error = self.error(Code::UnknownName, *span, &message);
                    return Err(error.suggest(key, fields.keys().map(AsRef::as_ref)));
                }
                (None, _) => &Shape::Any,
            };
            above = key;
        }
        Ok(())
    }

    /// Notes a name that is no root: it may be assigned later, or in another file.
    fn loose(&mut self, name: &str, span: Span) {
        if self.gathering > 0 {
            self.gathered = self.gathered.saturating_add(1);
        }
        let message = format!("unknown name `{name}`");
        let error = self.error(Code::UnknownName, span, &message);
        self.loose.push(Loose {
            name: name.to_owned(),
            error: error.suggest(name, self.vocabulary.names()),
        });
    }

    fn operation(&mut self, operation: &Spanned<BinOp<'_>>) -> Result<(), CompileError> {
        self.guards
            .extend(guards(operation, &self.marks, self.counting));
        self.expression(&operation.left)?;
        let before = self.loose.len();
        self.expression(&operation.right)?;
        if matches!(operation.op, BinOpKind::Sub) {
            self.hint_at_hyphen(operation, before);
        }
        Ok(())
    }

    /// `request.headers.x-a` is a subtraction: says so where `a` is unknown.
    fn hint_at_hyphen(&mut self, operation: &BinOp<'_>, before: usize) {
        let left = Path::of(&operation.left).filter(|path| !path.keys.is_empty());
        let Some((mut left, Expr::Var(right))) = left.map(|left| (left, &operation.right)) else {
            return;
        };
        let Some((last, _)) = left.keys.pop() else {
            return;
        };
        let mut path = left.root.to_owned();
        for (key, _) in &left.keys {
            path = format!("{path}.{key}");
        }
        let meant = format!("{path}['{last}-{}']", right.id);
        for loose in self.loose.iter_mut().skip(before) {
            loose.error.hint = Some(format!("`-` subtracts: write `{meant}`"));
        }
    }

    fn filter(&mut self, filter: &Spanned<Filter<'_>>) -> Result<(), CompileError> {
        let guard = self.guarded && [TERM, FACTOR, FIELD, FILE].contains(&filter.name);
        if !guard && !FILTERS.contains(&filter.name) {
            return Err(self.unknown("filter", filter.name, filter.span(), FILTERS));
        }
        match filter.name {
            "map" => self.named(filter, 0, "filter", FILTERS)?,
            "select" | "reject" => self.named(filter, 0, "test", TESTS)?,
            "selectattr" | "rejectattr" => self.named(filter, 1, "test", TESTS)?,
            _ => {}
        }
        self.optional(filter.expr.as_ref())?;
        self.arguments(&filter.args)
    }

    /// Filters that take the name of a filter or test: it must be written out, and exist.
    fn named(
        &self,
        filter: &Spanned<Filter<'_>>,
        position: usize,
        what: &str,
        known: &[&str],
    ) -> Result<(), CompileError> {
        let given = filter.args.iter().filter_map(|arg| match arg {
            CallArg::Pos(expression) => Some(expression),
            _ => None,
        });
        let Some(given) = given.skip(position).take(1).next() else {
            return Ok(());
        };
        match literal(given) {
            Some(name) if known.contains(&name.as_str()) => Ok(()),
            Some(name) => Err(self.unknown(what, &name, given.span(), known)),
            None => {
                let message = format!("`{}` needs the {what} as a literal text", filter.name);
                Err(self.error(Code::RefusedFeature, given.span(), &message))
            }
        }
    }

    fn test(&mut self, test: &Spanned<Test<'_>>) -> Result<(), CompileError> {
        if !TESTS.contains(&test.name) {
            return Err(self.unknown("test", test.name, test.span(), TESTS));
        }
        self.expression(&test.expr)?;
        self.arguments(&test.args)
    }

    pub(super) fn call(&mut self, call: &Call<'_>, span: Span) -> Result<(), CompileError> {
        match &call.expr {
            Expr::Var(function) if FUNCTIONS.contains(&function.id) => {
                if function.id == "uuid" {
                    self.reads.mark_volatile();
                }
                if function.id == "lookup" && self.exact_lookup(call)? {
                    return Ok(());
                }
            }
            Expr::Var(own) => {
                self.check_no_recursion(own.id, own.span())?;
                // A macro, unless no template defines it.
                let message = format!("unknown function `{}`", own.id);
                let error = self.error(Code::UnknownFunction, own.span(), &message);
                self.loose.push(Loose {
                    name: own.id.to_owned(),
                    error: error.suggest(own.id, FUNCTIONS.iter().copied()),
                });
            }
            Expr::GetAttr(method) => self.method(&method.expr, method.name, span)?,
            other => self.expression(other)?,
        }
        // `dict(a=x)` is a literal as well.
        self.gathering(|own| own.arguments(&call.args))
    }

    /// A macro calls only what is defined above it, so that calls come to an end.
    fn check_no_recursion(&self, called: &str, span: Span) -> Result<(), CompileError> {
        let known = called == "caller" || self.macros.contains(called);
        if self.in_macro == 0 || known {
            return Ok(());
        }
        let message = format!("`{called}` is not defined above this macro");
        let error = self.error(Code::RefusedFeature, span, &message);
        Err(error.hint("a macro may call macros defined above it, and never itself"))
    }

    /// `lookup(a.b, 'c')` reads `a.b.c` only.
    fn exact_lookup(&mut self, call: &Call<'_>) -> Result<bool, CompileError> {
        let [CallArg::Pos(map), CallArg::Pos(key)] = call.args.as_slice() else {
            return Ok(false);
        };
        let (Some(mut path), Some(name)) = (Path::of(map), literal(key)) else {
            return Ok(false);
        };
        path.keys.push((name, key.span()));
        self.path(&path).map(|()| true)
    }

    /// Values have no methods; imported modules, `loop` and `self`, all assigned names, do.
    fn method(&mut self, on: &Expr<'_>, name: &str, span: Span) -> Result<(), CompileError> {
        if let Some(path) = Path::of(on).filter(|path| self.vocabulary.find(path.root).is_none()) {
            return self.path(&path);
        }
        let message = format!("values have no method `{name}`");
        let error = self.error(Code::UnknownFunction, span, &message);
        Err(error.suggest(name, FILTERS.iter().copied()))
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) -> Result<(), CompileError> {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value)
            | CallArg::Kwarg(_, value)
            | CallArg::PosSplat(value)
            | CallArg::KwargSplat(value) => self.expression(value),
        })
    }

    fn unknown(&self, what: &str, name: &str, span: Span, known: &[&str]) -> CompileError {
        let message = format!("unknown {what} `{name}`");
        let error = self.error(Code::UnknownFunction, span, &message);
        error.suggest(name, known.iter().copied())
    }
}
