use proptest::prelude::*;
use ztag_types::Value;

use super::{evaluate, over, vocabulary};
use crate::Expression;

#[test]
fn attack_58_cost_bombs_end_in_an_error() {
    let long = Value::from(vec![Value::Int(1); 400]);
    let text = Value::text("a".repeat(200_000));
    for (source, x) in [
        ("x.all(a, x.all(b, x.all(c, a + b + c == 3)))", &long),
        ("x.map(a, x.map(b, x.map(c, c))).size() > 0", &long),
        ("x.exists(a, x.exists(b, x.exists(c, a == 2)))", &long),
        ("x.all(a, x.all(b, x.all(c, true))) || true", &long),
        ("x.map(a, x + x).flatten() == x", &long),
        ("x.replace('a', x).size() > 0", &text),
        ("x.replace('', x).size() > 0", &text),
        ("[x, x, x, x, x, x, x, x, x, x].join(x).size() > 0", &text),
        (
            "'%s%s%s%s%s%s%s%s%s%s'.format([x, x, x, x, x, x, x, x, x, x]).size() > 0",
            &text,
        ),
        (
            "cel.bind(y, x + x + x + x, cel.bind(z, y + y + y, z + z)).size() > 0",
            &text,
        ),
        (
            "lists.range(10000).all(i, lists.range(10000).all(j, true))",
            &long,
        ),
        (
            "lists.range(400).all(a, 'a'.matches('(' + string(a) + 'b{9}){9}') || true)",
            &long,
        ),
        ("sets.contains(lists.range(5000), lists.range(5000))", &long),
        ("lists.range(9999).distinct().size() > 0", &long),
    ] {
        assert_eq!(
            over(source, x),
            Err("cost limit exceeded".to_owned()),
            "{source}"
        );
    }
    assert!(evaluate("lists.range(1000000000)").is_err());
}

/// A pattern and a text from the same client make the longest search.
#[test]
fn attack_58_a_pattern_from_the_request_is_smaller_than_one_from_the_configuration() {
    let text = Value::text("ab".repeat(30_000));
    let bomb = "[ab]*a[ab]{2000}c";
    let late = format!("x.matches('{bomb}' + '')");
    assert_eq!(
        over(&late, &text),
        Err("a pattern does not compile".to_owned())
    );
    assert_eq!(over("x.matches('^(ab' + ')+$')", &text), Ok(true.into()));
}

/// Pseudo-random numbers, the same every time.
fn noise() -> impl Iterator<Item = i64> {
    std::iter::successors(Some(1_u64), |seed| {
        Some(seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1))
    })
    .map(|seed| i64::try_from(seed >> 40).unwrap())
}

/// The standard library panics where an order contradicts itself.
#[test]
fn attack_58_no_list_makes_sorting_panic() {
    let mixed = |k: i64| match k % 3 {
        0 => Value::text(k.to_string()),
        1 => Value::Bool(k % 2 == 0),
        _ => Value::Int(k),
    };
    let not_numbers = |k: i64| match k % 3 {
        0 => Value::Double(f64::NAN),
        _ => Value::Int(k % 100),
    };
    for of in [mixed, not_numbers] {
        let items: Vec<Value> = noise().skip(1).take(2_000).map(of).collect();
        assert!(over("x.sort().size()", &Value::from(items)).is_err());
    }
    // Around 2^53, integers that differ equal the same float.
    let close = |k: i64| match k % 2 {
        0 => Value::Double(9_007_199_254_740_992.0),
        _ => Value::Int(9_007_199_254_740_992 + k % 5),
    };
    let items: Vec<Value> = noise().take(2_000).map(close).collect();
    assert_eq!(
        over("x.sort().size()", &Value::from(items)),
        Ok(Value::Int(2_000))
    );
}

#[test]
fn ordinary_work_is_within_the_budget() {
    let items: Vec<Value> = (0..2_000).map(Value::Int).collect();
    let items = Value::from(items);
    assert_eq!(
        over("x.exists(i, i == 1999)", &items),
        Ok(Value::Bool(true))
    );
    assert_eq!(over("1999 in x", &items), Ok(Value::Bool(true)));
    assert_eq!(
        over("x.map(i, string(i)).join(',').size()", &items),
        Ok(Value::Int(8_889))
    );
}

#[test]
fn attack_58_the_deepest_accepted_source_fits_a_small_stack() {
    let sources = [
        format!("1{}", "+1".repeat(150)),
        format!("{}x{}", "(1+".repeat(75), ")".repeat(75)),
        format!("x{}", ".a".repeat(150)),
        format!("{}true", "!-".repeat(70)),
        format!("{}1{}", "[".repeat(90), "]".repeat(90)),
        format!("{}x", "x ? 1 : ".repeat(150)),
        format!("{}1{}", "size([".repeat(45), "])".repeat(45)),
        format!("{}x{}", "[1].map(a,".repeat(45), ")".repeat(45)),
        format!("cel.block([{}1], 1)", "1,".repeat(62)),
    ];
    let run = move || {
        for source in &sources {
            let _ = over(source, &Value::Null);
        }
    };
    let small = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    small.spawn(run).unwrap().join().unwrap();
}

/// Pieces that make likely expressions.
fn soup() -> impl Strategy<Value = String> {
    const PIECES: &str = "x request .path ['a'] [0] ( ) [ ] { } 'a' \" ' 1 2u 1.5 - ! + * / % == < && || ? : , . .? [? in has( \
        .all(i, .map(i, .exists(i,j, size( .matches( b'\\xff' r'\\' `a-b` null true é // optional.of( cel.bind(a, timestamp( \
        math.greatest( 9223372036854775808 0x 1e lookup( '%s'.format( dyn( A{b:";
    let pieces = prop::sample::select(PIECES.split_whitespace().collect::<Vec<_>>());
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_panics(source in "\\PC{0,60}") {
        let _ = Expression::compile(&source, &vocabulary());
        let _ = over(&source, &Value::Int(1));
    }

    #[test]
    fn no_soup_panics(source in soup()) {
        let _ = Expression::compile(&source, &vocabulary());
        let _ = over(&source, &Value::text("a"));
    }
}
