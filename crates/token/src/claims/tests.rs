//! What is read, what is refused, and that nothing is lost.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Claims, Refusal> {
    Claims::parse(text.as_bytes().to_vec())
}

#[test]
fn claims_are_read_where_they_stand() {
    let claims = parse(
        r#" {"sub" : "ada", "exp":17.9, "n":-5,"big":18446744073709551615, "aud":["a","b"],
             "esc":"a\/b", "n\u0061me":"x", "act":{"sub":"bot"}, "t":true, "z":null, "e":""} "#,
    )
    .unwrap();
    assert_eq!(claims.text("sub"), Ok(Some("ada")));
    assert_eq!(claims.text("esc"), Ok(Some("a/b")));
    assert_eq!(claims.text("name"), Ok(Some("x")));
    assert_eq!(claims.text("e"), Ok(Some("")));
    assert_eq!(claims.text("none"), Ok(None));
    assert_eq!(claims.text("exp"), Err(Refusal::ClaimType));
    assert_eq!(claims.date("exp"), Ok(Some(17)));
    assert!(matches!(claims.claim("n"), Some(View::Int(-5))));
    assert!(matches!(claims.claim("big"), Some(View::Uint(u64::MAX))));
    assert_eq!(claims.holds("aud", |own| own == "b"), Ok(true));
    assert_eq!(claims.holds("sub", |own| own == "b"), Ok(false));
    assert!(claims.map("act").unwrap().unwrap().get("sub").is_some());
    assert_eq!(claims.names().len(), 11);
    assert!(!format!("{claims:?}").contains("ada"));
}

#[test]
fn attack_27_claims_that_two_readers_read_differently_are_refused() {
    for bad in [
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"sub":"a","s\u0075b":"b"}"#,
        r#"{"act":{"sub":"a","sub":"b"}}"#,
        r#"{"aud":[{"a":1,"a":1}]}"#,
        r#"{"exp":1e400}"#,
        r#"{"sub":"\ud800"}"#,
        r#"{"sub":"a"}{"sub":"b"}"#,
        r#"{"sub":"a"} x"#,
        r#"{"sub":'a'}"#,
        r#"{"sub":"a",}"#,
        r#"["sub"]"#,
        "\"sub\"",
        "",
        "\u{feff}{}",
        "{\"sub\":\"a\u{1}\"}",
    ] {
        assert_eq!(parse(bad).err(), Some(Refusal::ClaimsInvalid), "{bad}");
    }
    assert!(Claims::parse(b"{\"sub\":\"\xc0\xaf\"}".to_vec()).is_err());
    assert!(Claims::parse(b"\xff\xfe{\0}\0".to_vec()).is_err());
}

#[test]
fn attack_26_dates_of_other_types_are_refused() {
    for bad in [
        "\"9999999999\"",
        "-1",
        "9007199254740993",
        "1e300",
        "null",
        "[1]",
        "{}",
        "true",
    ] {
        let claims = parse(&format!(r#"{{"exp":{bad}}}"#)).unwrap();
        assert_eq!(claims.date("exp"), Err(Refusal::ClaimType), "{bad}");
    }
    for (fine, seconds) in [("0", 0), ("1.5", 1), ("1e3", 1_000), ("-0.0", 0)] {
        let claims = parse(&format!(r#"{{"exp":{fine}}}"#)).unwrap();
        assert_eq!(claims.date("exp"), Ok(Some(seconds)), "{fine}");
    }
}

#[test]
fn attack_25_ten_thousand_claims_are_refused() {
    let many: Vec<_> = (0..10_000).map(|n| format!("\"{n}\":1")).collect();
    assert!(parse(&format!("{{{}}}", many.join(","))).is_err());
    assert!(parse(&format!("{{{}}}", many[..512].join(","))).is_ok());
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>()
            .prop_filter("finite", |f| f.is_finite())
            .prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Names of which some are of values that are one token's own.
fn name() -> impl Strategy<Value = String> {
    let own = prop::sample::select(vec!["sub", "jti", "iat", "exp", "nbf", "name", "email"]);
    prop_oneof![own.prop_map(str::to_owned), ".{0,6}"]
}

/// JSON as it may be written: white space, escapes where none are needed, all forms of numbers.
fn odd_json() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", " ", "\n\t", "\r\n"]);
    let name = prop_oneof![
        4 => prop::sample::select(vec!["sub", "jti", "iat", "exp", "s", "u", "sub sub", "\u{e9}"]),
        1 => prop::sample::select(vec![r"s\u0075b", r"\/", r"e\u0078p", r#"\""#]),
    ];
    let value = prop_oneof![
        "[a-c\"\\\\/ \u{e9}]{0,5}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        any::<i64>().prop_map(|number| number.to_string()),
        prop::sample::select(vec![
            "\"\"",
            "\"sub\"",
            "0",
            "-0",
            "1.0",
            "1e3",
            "-5",
            "18446744073709551615",
            "null",
            "true",
            r#""a\/b""#,
            r#""\n""#,
            "[]",
            "{}",
            r#"["a","a"]"#,
            r#"{"sub":"a","jti":{"x":[1]}}"#,
        ])
        .prop_map(str::to_owned),
    ];
    let member = (space(), name, space(), space(), value, space())
        .prop_map(|(a, name, b, c, value, d)| format!("{a}\"{name}\"{b}:{c}{value}{d}"));
    let members = prop::collection::vec(member, 0..8);
    (space(), members, space()).prop_map(|(a, all, b)| format!("{a}{{{}}}{b}", all.join(",")))
}

/// The same claims in the mould that was cast for `others`, if it is that of `claims`.
fn poured(claims: &Claims, others: &Claims) -> Option<Claims> {
    let mould = Arc::new(Mould::clone(&others.mould));
    (*claims.mould == *mould).then(|| claims.clone().shared(|_| Cast::Shared(mould)))
}

#[test]
fn tokens_that_differ_in_what_is_their_own_have_one_mould() {
    let one = parse(r#"{"iss":"i","sub":"ada","jti":"1","exp":17,"aud":["a"]}"#).unwrap();
    for same in [
        r#"{"iss":"i","sub":"bob","jti":"2","exp":18,"aud":["a"]}"#,
        r#"{"iss":"i","sub":"","jti":"","exp":-1,"aud":["a"]}"#,
        r#"{"iss":"i","sub":"ada1","jti":"","exp":7,"aud":["a"]}"#,
    ] {
        let own = parse(same).unwrap();
        let poured = poured(&own, &one).unwrap();
        assert_eq!(poured.to_json(), same);
        for name in one.names() {
            let [own, poured] = [&own, &poured].map(|claims| claims.claim(name).unwrap());
            assert!(own.to_value() == poured.to_value(), "{same} {name}");
        }
        assert!(poured.size_behind() < own.size_behind());
    }
    for other in [
        r#"{"iss":"j","sub":"ada","jti":"1","exp":17,"aud":["a"]}"#,
        r#"{"iss":"i","sub":"ada","jti":"1","exp":"17","aud":["a"]}"#,
        r#"{"iss":"i","sub":"ada","jti":1,"exp":17,"aud":["a"]}"#,
        r#"{"iss":"i","sub":"ada","jti":"1","exp":17.0,"aud":["a"]}"#,
        r#"{"iss":"i","sub":"a\/","jti":"1","exp":17,"aud":["a"]}"#,
        r#"{"iss":"i","sub":null,"jti":"1","exp":17,"aud":["a"]}"#,
        r#"{"iss":"i","sub":"ada","jti":"1","exp":17,"aud":["b"]}"#,
        r#"{"iss":"i","jti":"1","sub":"ada","exp":17,"aud":["a"]}"#,
        r#"{"iss":"i","sub":"ada","jti":"1","exp": 17,"aud":["a"]}"#,
    ] {
        assert!(poured(&parse(other).unwrap(), &one).is_none(), "{other}");
    }
}

#[test]
fn attack_37_values_shifted_from_one_claim_to_the_next_are_others() {
    let claims = |sub: &str, jti: &str, exp: &str| {
        parse(&format!(r#"{{"sub":"{sub}","jti":"{jti}","exp":{exp}}}"#)).unwrap()
    };
    let all = [
        claims("ab", "c", "12"),
        claims("a", "bc", "12"),
        claims("abc", "", "12"),
        claims("", "abc", "12"),
        claims("ab", "c1", "2"),
    ];
    for (at, one) in all.iter().enumerate() {
        for (other_at, other) in all.iter().enumerate() {
            let poured = poured(one, other).unwrap();
            assert_eq!(poured.to_json(), one.to_json());
            assert_eq!(poured.to_json() == other.to_json(), at == other_at);
        }
    }
}

proptest! {
    #[test]
    fn every_claim_is_what_a_plain_reader_reads(map in prop::collection::btree_map(name(), json(), 0..8), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&map) } else { serde_json::to_string(&map) };
        let text = text.unwrap();
        let claims = parse(&text).unwrap();
        prop_assert_eq!(claims.to_json(), text);
        prop_assert_eq!(claims.names().len(), map.len());
        for (name, value) in map {
            let read = claims.claim(&name).unwrap();
            let expected = Value::from(value);
            prop_assert!(read.to_value() == expected, "{}", name);
        }
    }

    #[test]
    fn no_letter_is_lost(text in odd_json()) {
        // Some of these have two members with one name.
        if let Ok(claims) = parse(&text) {
            prop_assert_eq!(claims.to_json(), text);
        }
    }

    #[test]
    fn what_is_poured_into_the_mould_of_another_stays_what_it_is(one in odd_json(), other in odd_json()) {
        if let (Ok(one), Ok(other)) = (parse(&one), parse(&other)) {
            // The text tells all the rest.
            prop_assert_eq!(one.mould.text() == other.mould.text(), *one.mould == *other.mould);
            if let Some(poured) = poured(&one, &other) {
                prop_assert_eq!(poured.to_json(), one.to_json());
            }
        }
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..64), text in r#"[{}\[\]",:0-9a\\u]{0,40}"#) {
        let _ = Claims::parse(bytes);
        let _ = parse(&text);
    }
}
