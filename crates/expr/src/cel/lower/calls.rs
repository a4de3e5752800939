//! Calls: operators, macros, then functions by name.

use cel::common::ast::{CallExpr, IdedExpr};
use ztag_types::{Code, Value};

use super::access::segments;
use super::{Lowered, Lowering, Lowers, Mistake};
use crate::cel::functions::{self, Function, Kinds};
use crate::cel::meter::Meter;
use crate::cel::pattern;
use crate::cel::program::{Constant, Op};
use crate::cel::val::Val;
use crate::shape::Shape;

impl Lowering<'_> {
    pub(super) fn call(&mut self, call: &CallExpr) -> Lowers {
        if let Some(lowered) = self.operator(&call.func_name, &call.args) {
            return lowered;
        }
        if let Some(lowered) = self.macro_call(call) {
            return lowered;
        }
        let name = call.func_name.trim_start_matches('.');
        let Some(target) = &call.target else {
            return self.function(name, name, false, &[], &call.args);
        };
        if let Some(qualified) = self.namespaced(target, name) {
            return self.function(&qualified, name, false, &[], &call.args);
        }
        self.function(name, name, true, std::slice::from_ref(target), &call.args)
    }

    /// The full name of a function of a namespace, such as `math.abs`.
    pub(super) fn namespaced(&self, target: &IdedExpr, name: &str) -> Option<String> {
        let segments = segments(&target.expr)?;
        let first = segments.first()?;
        if self.locals.iter().any(|(own, _)| own == first) {
            return None;
        }
        let qualified = format!("{}.{name}", segments.join("."));
        let qualified = qualified.trim_start_matches('.');
        let space = segments.len() == 1
            && functions::is_namespace(first)
            && self.vocabulary.find(first).is_none();
        let known = space || functions::find(qualified, false).is_some();
        known.then(|| qualified.to_owned())
    }

    fn function(
        &mut self,
        name: &str,
        word: &str,
        receiver: bool,
        target: &[Box<IdedExpr>],
        args: &[IdedExpr],
    ) -> Lowers {
        let target = target.iter().map(AsRef::as_ref);
        let lowered = target.chain(args).map(|arg| self.expression(arg));
        let lowered: Vec<Lowered> = lowered.collect::<Result<_, _>>()?;
        let Some(function) = functions::find(name, receiver) else {
            return self.mistake(unknown_function(name, receiver).about(word));
        };
        if !(function.min..=function.max).contains(&lowered.len()) {
            let message = format!(
                "`{name}` does not take {} arguments",
                lowered.len() - usize::from(receiver)
            );
            return self.mistake(Mistake::new(Code::UnknownFunction, message).about(word));
        }
        self.check_arguments(function, &lowered)
            .map_err(|mistake| mistake.about(word))?;
        self.apply(function, lowered)
    }

    fn check_arguments(&self, function: &Function, args: &[Lowered]) -> Result<(), Mistake> {
        for (position, arg) in args.iter().enumerate() {
            let wanted = function
                .params
                .get(position)
                .or_else(|| function.params.last());
            if wanted.is_some_and(|wanted| !wanted.meets(Kinds::of(&arg.shape))) {
                self.type_error(|| {
                    format!(
                        "`{}` does not take a value of type `{}` here",
                        function.name, arg.shape
                    )
                })?;
            }
        }
        Ok(())
    }

    fn apply(&self, function: &'static Function, args: Vec<Lowered>) -> Lowers {
        let ops: Vec<Op> = args.into_iter().map(|arg| arg.op).collect();
        if function.name == "matches" {
            return self.matches(function, ops);
        }
        if let Some(constant) = fold(function, &ops) {
            return Ok(Lowered::new(
                Op::Constant(constant),
                function.result.shape(),
            ));
        }
        Ok(Lowered::new(
            Op::Call(function, ops.into()),
            function.result.shape(),
        ))
    }

    /// A match; a pattern known at load is compiled there.
    fn matches(&self, function: &'static Function, ops: Vec<Op>) -> Lowers {
        let call = match <[Op; 2]>::try_from(ops) {
            Ok([text, Op::Constant(Constant::Value(Value::String(pattern)))]) => {
                match pattern::compile(&pattern) {
                    Ok(regex) => Op::Matches(Box::new(text), regex),
                    Err(error) => {
                        let message = format!("pattern does not compile: {error}");
                        return self.mistake(Mistake::new(Code::Pattern, message).about("matches"));
                    }
                }
            }
            Ok(ops) => Op::Call(function, Box::new(ops)),
            Err(ops) => Op::Call(function, ops.into()),
        };
        Ok(Lowered::new(call, Shape::Bool))
    }
}

fn unknown_function(name: &str, receiver: bool) -> Mistake {
    let message = format!("unknown function `{name}`");
    let mistake = Mistake::new(Code::UnknownFunction, message);
    let other = functions::find(name, !receiver).map(|_| {
        if receiver {
            format!("`{name}` is not called on a value: write `{name}(x)`")
        } else {
            format!("`{name}` is called on a value: write `x.{name}()`")
        }
    });
    match other {
        Some(hint) => mistake.hint(hint),
        None => mistake.suggest(name, functions::names(receiver)),
    }
}

/// The result of a conversion of constants.
fn fold(function: &Function, ops: &[Op]) -> Option<Constant> {
    let constant = |op| match op {
        &Op::Constant(Constant::Value(ref value)) => Val::read(value.view()).ok(),
        _ => None,
    };
    let args: Vec<Val<'_>> = ops.iter().map(constant).collect::<Option<_>>()?;
    match (
        function.name,
        (function.run)(&mut Meter::new(), &args).ok()?,
    ) {
        ("timestamp", Val::Timestamp(at)) => Some(Constant::Value(Value::Timestamp(at))),
        ("duration", Val::Duration(span)) => Some(Constant::Value(Value::Duration(span))),
        ("ip", Val::Ip(address)) => Some(Constant::Ip(address)),
        ("cidr", Val::Cidr(network)) => Some(Constant::Cidr(network)),
        _ => None,
    }
}
