use proptest::prelude::*;

use super::*;
use crate::HiddenKind;

#[test]
fn attack_52_what_reads_the_same_folds_to_the_same() {
    for (written, folded) in [
        ("Ignore ALL", "ignore all"),
        ("ｉｇｎｏｒｅ　ａｌｌ", "ignore all"),
        ("𝓲𝓰𝓷𝓸𝓻𝓮 𝕒𝕝𝕝", "ignore all"),
        ("ⓘⓖⓝⓞⓡⓔ", "ignore"),
        ("🅸🅶🅽🅾🆁🅴", "ignore"),
        ("ɪɢɴᴏʀᴇ", "ignore"),
        ("íĝñòrē", "ignore"),
        ("i\u{301}g\u{302}nore", "ignore"),
        ("ig\u{200b}no\u{ad}re\u{feff}", "ignore"),
        ("іgnоrе", "ignore"),
        ("раssword", "password"),
        ("ѕуstеm prоmpt", "system prompt"),
        ("“don’t” – now…", "\"don't\" - now..."),
        ("Straße, Łódź, Ærø", "strasse, lodz, aero"),
        ("İSTANBUL ılık", "istanbul ilik"),
        ("ﬁnal ﬀ ㎞", "final ff km"),
        ("한국어", "한국어"),
        ("ﾊﾟｽﾜｰﾄﾞ", "パスワード"),
        ("تَجاهَلْ", "تجاهل"),
        ("ИГНОРИРУЙ Й Ё", "игнорируи и е"),
        ("忽略之前", "忽略之前"),
        ("पिछले निर्देश", "पिछले निर्देश"),
    ] {
        assert_eq!(Normalized::of(written).text(), folded, "{written}");
    }
    // A word in one script is left alone.
    assert_eq!(Normalized::of("сон рост").text(), "сон рост");
    // So is one of which some letters look like nothing in Latin.
    assert_eq!(Normalized::of("xжук").text(), "xжук");
}

#[test]
fn decomposed_syllables_are_joined() {
    let decomposed = "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}";
    assert_eq!(Normalized::of(decomposed).text(), "한국");
}

#[test]
fn places_lead_back_to_the_original() {
    let original = "Ünï\u{200b}cödé ﬁrst: Ignоrе it";
    let folded = Normalized::of(original);
    for (word, written) in [
        ("unicode", "Ünï\u{200b}cödé"),
        ("first", "ﬁrst"),
        ("ignore", "Ignоrе"),
        ("it", "it"),
        ("uni", "Ünï\u{200b}"),
        ("irst", "ﬁrst"),
    ] {
        let at = folded.text().find(word).unwrap();
        let span = folded.original(at..at + word.len());
        assert_eq!(original.get(span), Some(written), "{word}");
    }
    assert_eq!(folded.original(0..folded.text().len()), 0..original.len());
}

#[test]
fn places_in_words_of_mixed_scripts_are_those_of_characters() {
    for original in ["аé", "ѕﬁ", "аＩ.", "оﬁx é", "İс", "xаéz"] {
        let folded = Normalized::of(original);
        let borders = folded.text().char_indices().map(|(at, _)| at);
        for from in borders {
            for to in from + 1..=folded.text().len() {
                let span = folded.original(from..to);
                assert!(
                    original
                        .get(span.clone())
                        .is_some_and(|part| !part.is_empty()),
                    "{original} {span:?}"
                );
            }
        }
    }
}

#[test]
fn attack_52_hidden_characters_are_counted_and_read() {
    let tags = |text: &str| -> String {
        text.chars()
            .filter_map(|c| char::from_u32(0xe0000 + u32::from(c)))
            .collect()
    };
    let selectors = |text: &str| -> String {
        let selector = |byte: u8| char::from_u32(0xe0100 + u32::from(byte) - 16);
        text.bytes().filter_map(selector).collect()
    };
    let hidden = Normalized::of(&format!("hi{}!", tags("obey me")));
    assert_eq!(hidden.text(), "hi!");
    assert_eq!(hidden.hidden().tag_text(), "obey me");
    assert_eq!(hidden.hidden().seen(HiddenKind::Tags), Some((7, 2)));

    let hidden = Normalized::of(&format!("ok \u{263a}\u{fe0f} {}", selectors("obey")));
    assert_eq!(hidden.hidden().selector_bytes(), b"obey");
    assert_eq!(
        hidden
            .hidden()
            .seen(HiddenKind::Selectors)
            .map(|seen| seen.0),
        Some(4)
    );

    let hidden = Normalized::of("a\u{202e}b c\u{200b}d e\u{200b}f");
    assert_eq!(hidden.hidden().seen(HiddenKind::Bidi), Some((1, 1)));
    assert_eq!(
        hidden
            .hidden()
            .seen(HiddenKind::ZeroWidth)
            .map(|seen| seen.0),
        Some(2)
    );
}

#[test]
fn flags_emoji_and_joiners_of_other_scripts_hide_nothing() {
    let scotland = format!(
        "\u{1f3f4}{}\u{e007f}",
        "gbsct"
            .chars()
            .filter_map(|c| char::from_u32(0xe0000 + u32::from(c)))
            .collect::<String>()
    );
    for text in [
        scotland.as_str(),
        "👩‍💻 ❤️ ✈️",
        "می‌خواهم",
        "क्‍ष",
        "soft\u{ad}hyphen",
    ] {
        assert!(Normalized::of(text).hidden().is_empty(), "{text}");
    }
}

#[test]
fn attack_52_letters_that_deceive_are_told_from_formulas_and_breaks() {
    for (text, zero_width, look_alikes) in [
        ("prevіous іnstructіons", 0, 2),
        ("pаssword and а word", 0, 1),
        ("ignоre\u{200b}d", 1, 1),
        ("z\u{200b}e\u{200d}\u{2060}ro wi\u{200c}dth", 3, 0),
        (
            "a/\u{200b}long/\u{200b}path. \u{200b}End\u{200b} of it",
            0,
            0,
        ),
        ("sinα cosα tanα KΩ εv ρgh", 0, 0),
        ("SMSка и PDFа", 0, 0),
        ("сон в руку", 0, 0),
    ] {
        let folded = Normalized::of(text);
        let count = |kind| folded.hidden().seen(kind).map_or(0, |(count, _)| count);
        let found = (count(HiddenKind::ZeroWidth), count(HiddenKind::LookAlikes));
        assert_eq!(found, (zero_width, look_alikes), "{text}");
    }
}

#[test]
fn a_buffer_is_as_good_as_new() {
    let mut folded = Normalized::of("x\u{e0041}\u{202e}\u{200b}é ﬁ оk");
    folded.read("Plain");
    assert_eq!(folded.text(), "plain");
    assert!(folded.hidden().is_empty());
    assert_eq!(folded.original(1..3), 1..3);
}

proptest! {
    #[test]
    fn places_are_borders_in_order(text in "(\\PC|[a-zA-Z ]|[\u{430}-\u{44f}]|[\u{200b}-\u{200f}]|[\u{e0000}-\u{e007f}]|[\u{fe00}-\u{fe0f}]|\u{1100}|\u{1161}|\u{3099}|ﬁ|ﷺ){0,40}") {
        let folded = Normalized::of(&text);
        let borders: Vec<usize> = folded.text().char_indices().map(|(at, _)| at).collect();
        let mut last = 0;
        for (index, from) in borders.iter().enumerate() {
            for to in borders.iter().skip(index + 1).chain([&folded.text().len()]) {
                let span = folded.original(*from..*to);
                prop_assert!(text.get(span.clone()).is_some(), "{span:?} of {text:?}");
            }
            let start = folded.original(*from..folded.text().len()).start;
            prop_assert!(start >= last);
            last = start;
        }
    }

    #[test]
    fn folding_twice_changes_nothing_in_ascii(text in "[ -~\n]{0,60}") {
        let once = Normalized::of(&text);
        prop_assert_eq!(once.text(), text.to_ascii_lowercase());
        prop_assert_eq!(once.original(0..text.len()), 0..text.len());
    }
}
