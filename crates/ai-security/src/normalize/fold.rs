//! One character, folded.

use unicode_normalization::char::{compose, decompose_compatible};

/// Appends what `c`, which is not in ASCII, folds to.
pub(super) fn fold(c: char, into: &mut String) {
    match c {
        // Scripts without letter case, marks or compatibility forms, and plain Cyrillic.
        '\u{430}'..='\u{438}'
        | '\u{43a}'..='\u{44f}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{3041}'..='\u{3096}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{ac00}'..='\u{d7a3}' => into.push(c),
        '\u{1161}'..='\u{1175}' | '\u{11a8}'..='\u{11c2}' | '\u{3099}' | '\u{309a}' => {
            join(c, into);
        }
        _ => match letter(c) {
            Some(plain) => into.push_str(plain),
            None => decompose_compatible(c, |part| push_part(part, into)),
        },
    }
}

fn push_part(part: char, into: &mut String) {
    if is_mark(part) {
        return;
    }
    match part {
        '\u{1161}'..='\u{1175}' | '\u{11a8}'..='\u{11c2}' | '\u{3099}' | '\u{309a}' => {
            join(part, into);
        }
        _ if part.is_ascii() => into.push(part.to_ascii_lowercase()),
        _ => match letter(part) {
            Some(plain) => into.push_str(plain),
            None => into.extend(part.to_lowercase().filter(|part| !is_mark(*part))),
        },
    }
}

/// Joins a Korean vowel, a final consonant or a Japanese voicing mark with what stands before it.
fn join(c: char, into: &mut String) {
    let whole = into
        .chars()
        .next_back()
        .and_then(|before| compose(before, c));
    if let Some(whole) = whole {
        into.pop();
        into.push(whole);
    } else {
        into.push(c);
    }
}

/// Marks over and under letters, and vowel signs that writers of Arabic and Hebrew leave out.
const fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}'
            | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
    )
}

/// Letters and signs that Unicode does not decompose but readers take for others.
const fn letter(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' | 'ẞ' => "ss",
        'ł' | 'Ł' | 'ʟ' | 'ⱡ' => "l",
        'ø' | 'Ø' | 'ᴏ' => "o",
        'đ' | 'Đ' | 'ð' | 'Ð' | 'ᴅ' => "d",
        'ı' | 'ɪ' | 'ɩ' => "i",
        'æ' | 'Æ' | 'ᴁ' => "ae",
        'œ' | 'Œ' | 'ɶ' => "oe",
        'þ' | 'Þ' => "th",
        'ħ' | 'Ħ' | 'ʜ' => "h",
        'ŧ' | 'Ŧ' | 'ᴛ' => "t",
        'ᴀ' | 'ɑ' => "a",
        'ʙ' | 'ƀ' => "b",
        'ᴄ' => "c",
        'ᴇ' | 'ǝ' | 'ɛ' => "e",
        'ꜰ' | 'ƒ' => "f",
        'ɢ' | 'ɡ' => "g",
        'ᴊ' => "j",
        'ᴋ' => "k",
        'ᴍ' => "m",
        'ɴ' => "n",
        'ᴘ' => "p",
        'ʀ' => "r",
        'ꜱ' => "s",
        'ᴜ' => "u",
        'ᴠ' => "v",
        'ᴡ' => "w",
        'ʏ' => "y",
        'ᴢ' => "z",
        '‘' | '’' | '‚' | '‛' | '′' | 'ʼ' | '´' | '＇' => "'",
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' => "\"",
        '‐'..='―' | '−' => "-",
        '\u{2028}' | '\u{2029}' | '\u{85}' => "\n",
        'ي' | 'ى' | 'ی' => "ي",
        'ك' | 'ک' => "ك",
        'أ' | 'إ' | 'آ' | 'ٱ' => "ا",
        '\u{1f150}'..='\u{1f169}' => return boxed(c as u32 - 0x1f150),
        '\u{1f170}'..='\u{1f189}' => return boxed(c as u32 - 0x1f170),
        '\u{1f1e6}'..='\u{1f1ff}' => return boxed(c as u32 - 0x1f1e6),
        _ => return None,
    })
}

/// Letter number `index` of the alphabet, which a sign shows in a box or a circle.
const fn boxed(index: u32) -> Option<&'static str> {
    let Some((_, from)) = "abcdefghijklmnopqrstuvwxyz".split_at_checked(index as usize) else {
        return None;
    };
    match from.split_at_checked(1) {
        Some((letter, _)) => Some(letter),
        None => None,
    }
}
