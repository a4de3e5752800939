//! The sandboxed engine: an allow-list of filters, tests and functions, limits, and no way out.

use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value};
use minijinja::{filters as standard, functions, tests as conditions};

use super::budget::{self, OUTPUT_BYTES, charge};
use super::files::TemplateFiles;
use super::filters;
use crate::error::EvalError;

/// The name of the template that is rendered; no file can have it.
pub(super) const MAIN: &str = "\0main";

/// The functions.
pub(super) const FUNCTIONS: &[&str] = &["dict", "lookup", "namespace", "range", "uuid"];

/// Guards of operands, inserted while compiling: not to be written by hand.
pub(super) const TERM: &str = "ztag_term";
/// See [`TERM`].
pub(super) const FACTOR: &str = "ztag_factor";
/// See [`TERM`].
pub(super) const FIELD: &str = "ztag_field";

/// See [`TERM`].
pub(super) const FILE: &str = "ztag_file";

/// The filters, sorted.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "b64decode",
    "b64encode",
    "b64urlencode",
    "basename",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sha256",
    "sort",
    "split",
    "string",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
];

/// The tests, sorted.
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
];

/// Delimiters and white space as in every Jinja; the last newline is kept, as the files already
/// lost theirs.
pub(super) fn syntax() -> SyntaxConfig {
    static SYNTAX: OnceLock<SyntaxConfig> = OnceLock::new();
    let build = || {
        let built = SyntaxConfig::builder().keep_trailing_newline(true).build();
        built.unwrap_or_default()
    };
    SYNTAX.get_or_init(build).clone()
}

/// An engine that knows the templates of `sources` by name, and nothing else.
pub(super) fn engine(
    sources: Vec<(String, String)>,
    files: &TemplateFiles,
) -> Result<Environment<'static>, Error> {
    static BASE: OnceLock<Environment<'static>> = OnceLock::new();
    let mut engine = BASE.get_or_init(base).clone();
    let files = files.clone();
    // A name that leaves the folder becomes one that no template has.
    engine.set_path_join_callback(move |name, _| files.name_of(name).unwrap_or_default().into());
    if sources.len() > 1 {
        // Plain text is written without asking the budget: each include pays for the largest file.
        let largest = sources.iter().map(|(_, text)| text.len()).max();
        let cost = largest.unwrap_or_default();
        engine.add_filter(FILE, move |state: &mut State<'_, '_>, name: &Value| {
            charge(state, cost).map(|()| name.clone())
        });
    }
    for (name, source) in sources {
        engine.add_template_owned(name, source)?;
    }
    Ok(engine)
}

/// Renders the main template over `root`.
pub(super) fn render(engine: &Environment<'static>, root: Value) -> Result<String, EvalError> {
    let mut out = filters::Bounded {
        bytes: Vec::new(),
        left: OUTPUT_BYTES,
    };
    let main = engine.get_template(MAIN).map_err(|error| explain(&error))?;
    // The operations known to panic are refused at load. Should another be found, a client gets
    // an error like any other, and not a connection cut before its decision is on record.
    let rendered = panic::catch_unwind(AssertUnwindSafe(|| {
        main.render_captured_to(root, &mut out).map(drop)
    }));
    let rendered = rendered.map_err(|_| EvalError::new("the template engine failed"))?;
    rendered.map_err(|error| explain(&error))?;
    String::from_utf8(out.bytes)
        .map_err(|_| EvalError::new("a template made text that is not UTF-8"))
}

/// What went wrong, told by kind and place only: details may hold values and source text.
pub(super) fn explain(error: &Error) -> EvalError {
    let what = match error.kind() {
        ErrorKind::OutOfFuel | ErrorKind::WriteFailure => {
            "does more than it may: too long a loop or too much text"
        }
        ErrorKind::TemplateNotFound => "names a template file that does not exist",
        ErrorKind::BadInclude => "cannot render an included file",
        ErrorKind::MissingArgument | ErrorKind::TooManyArguments => {
            "calls a function with the wrong number of arguments"
        }
        ErrorKind::BadSerialization => "puts a value into JSON that JSON cannot hold",
        ErrorKind::CannotUnpack => "unpacks a value of another length",
        ErrorKind::UnknownMethod | ErrorKind::UnknownFunction => {
            "calls something that cannot be called"
        }
        _ => "applies an operation to a value of the wrong type",
    };
    match (error.name(), error.line()) {
        (Some(MAIN), Some(line)) => EvalError::new(format!("template line {line} {what}")),
        (Some(file), Some(line)) => EvalError::new(format!("template `{file}` line {line} {what}")),
        _ => EvalError::new(format!("template {what}")),
    }
}

fn base() -> Environment<'static> {
    let mut engine = Environment::empty();
    engine.set_syntax(syntax());
    engine.set_undefined_behavior(UndefinedBehavior::Chainable);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_fuel(Some(budget::FUEL));
    engine.set_recursion_limit(budget::RECURSION);
    engine.set_formatter(print);
    add_text_filters(&mut engine);
    add_standard_filters(&mut engine);
    add_tests(&mut engine);
    engine.add_function("range", functions::range);
    engine.add_function("namespace", filters::namespace);
    engine.add_function("dict", filters::dict);
    engine.add_function("lookup", filters::lookup);
    engine.add_function("uuid", filters::uuid);
    engine
}

/// How `{{ }}` prints: text as it is, none and undefined empty, the rest as JSON.
fn print(
    out: &mut minijinja::Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => {
            charge(state, text.len())?;
            out.write_str(text)?;
        }
        None if value.kind() == ValueKind::Undefined => {}
        None => out.write_str(&filters::text_of(state, value)?)?,
    }
    Ok(())
}

fn add_text_filters(engine: &mut Environment<'static>) {
    engine.add_filter(TERM, filters::term);
    engine.add_filter(FACTOR, filters::factor);
    engine.add_filter(FIELD, filters::field);
    // Replaced where there are files to count.
    engine.add_filter(FILE, Value::clone);
    engine.add_filter("string", filters::string);
    engine.add_filter("lower", filters::lower);
    engine.add_filter("upper", filters::upper);
    engine.add_filter("capitalize", filters::capitalize);
    engine.add_filter("trim", filters::trim);
    engine.add_filter("replace", filters::replace);
    engine.add_filter("split", filters::split);
    engine.add_filter("join", filters::join);
    engine.add_filter("length", filters::length);
    engine.add_filter("count", filters::length);
    engine.add_filter("first", filters::first);
    engine.add_filter("last", filters::last);
    engine.add_filter("tojson", filters::tojson);
    engine.add_filter("b64encode", filters::b64encode);
    engine.add_filter("b64decode", filters::b64decode);
    engine.add_filter("b64urlencode", filters::b64urlencode);
    engine.add_filter("sha256", filters::sha256);
    engine.add_filter("urlencode", filters::urlencode);
    engine.add_filter("basename", filters::basename);
    engine.add_filter("escape", filters::escape);
    engine.add_filter("e", filters::escape);
}

fn add_standard_filters(engine: &mut Environment<'static>) {
    engine.add_filter("abs", standard::abs);
    engine.add_filter("attr", standard::attr);
    engine.add_filter("bool", standard::bool);
    engine.add_filter("d", standard::default);
    engine.add_filter("default", standard::default);
    engine.add_filter("dictsort", standard::dictsort);
    engine.add_filter("float", standard::float);
    engine.add_filter("int", standard::int);
    engine.add_filter("items", standard::items);
    engine.add_filter("list", standard::list);
    engine.add_filter("map", standard::map);
    engine.add_filter("max", standard::max);
    engine.add_filter("min", standard::min);
    engine.add_filter("reject", standard::reject);
    engine.add_filter("rejectattr", standard::rejectattr);
    engine.add_filter("reverse", standard::reverse);
    engine.add_filter("round", standard::round);
    engine.add_filter("select", standard::select);
    engine.add_filter("selectattr", standard::selectattr);
    engine.add_filter("sort", standard::sort);
    engine.add_filter("unique", standard::unique);
}

fn add_tests(engine: &mut Environment<'static>) {
    engine.add_test("boolean", conditions::is_boolean);
    engine.add_test("defined", conditions::is_defined);
    engine.add_test("divisibleby", filters::is_divisibleby);
    engine.add_test("endingwith", filters::is_endingwith);
    engine.add_test("eq", conditions::is_eq);
    engine.add_test("equalto", conditions::is_eq);
    engine.add_test("even", conditions::is_even);
    engine.add_test("false", conditions::is_false);
    engine.add_test("float", conditions::is_float);
    engine.add_test("ge", conditions::is_ge);
    engine.add_test("greaterthan", conditions::is_gt);
    engine.add_test("gt", conditions::is_gt);
    engine.add_test("in", conditions::is_in);
    engine.add_test("int", conditions::is_integer);
    engine.add_test("integer", conditions::is_integer);
    engine.add_test("iterable", conditions::is_iterable);
    engine.add_test("le", conditions::is_le);
    engine.add_test("lessthan", conditions::is_lt);
    engine.add_test("lt", conditions::is_lt);
    engine.add_test("mapping", conditions::is_mapping);
    engine.add_test("ne", conditions::is_ne);
    engine.add_test("none", conditions::is_none);
    engine.add_test("number", conditions::is_number);
    engine.add_test("odd", conditions::is_odd);
    engine.add_test("sequence", conditions::is_sequence);
    engine.add_test("startingwith", filters::is_startingwith);
    engine.add_test("string", conditions::is_string);
    engine.add_test("true", conditions::is_true);
    engine.add_test("undefined", conditions::is_undefined);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_passes_the_check_exists() {
        let engine = base();
        let mut state = engine.empty_state();
        for filter in FILTERS.iter().chain(&[TERM, FACTOR, FIELD, FILE]) {
            let kind = state
                .apply_filter(filter, &[])
                .map_err(|error| error.kind());
            assert_ne!(kind.err(), Some(ErrorKind::UnknownFilter), "{filter}");
        }
        for test in TESTS {
            let kind = state.perform_test(test, &[]).map_err(|error| error.kind());
            assert_ne!(kind.err(), Some(ErrorKind::UnknownTest), "{test}");
        }
        let functions: Vec<_> = engine.globals().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(functions, FUNCTIONS);
        assert!(FILTERS.is_sorted() && TESTS.is_sorted());
    }
}
