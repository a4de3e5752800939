//! Values that stand where a secret would, and are none.
//!
//! Every entry hides something, so entries are whole words or marks that a generated secret does not
//! have, and the tests say of each what it does not hide.

use super::check::entropy;

/// Marks of a text that is to be replaced or was replaced. None of these can stand in a key.
const MARKS: &[&[u8]] = &[
    b"${",
    b"$(",
    b"{{",
    b"}}",
    b"<%",
    b"%(",
    b"***",
    b"...",
    b"\xE2\x80\xA6",
    b"\xE2\x80\xA2",
];

/// Words that manuals write into sample values. Longer than what appears by chance.
const SAMPLE_WORDS: &[&[u8]] = &[
    b"example",
    b"changeme",
    b"change_me",
    b"change-me",
    b"placeholder",
    b"redacted",
    b"your_",
    b"your-",
    b"yourkey",
    b"yourtoken",
    b"yoursecret",
    b"yourpass",
    b"your_api",
    b"yourapi",
    b"insert_",
    b"insert-",
    b"replace_",
    b"replace-",
    b"replaceme",
    b"goeshere",
    b"goes_here",
    b"goes-here",
    b"notasecret",
    b"not_a_secret",
    b"dummy",
    b"xxxxx",
    b"abcdefgh",
    b"12345678",
    b"deadbeef",
];

/// Values of passwords that say what belongs there. Compared whole.
const NO_PASSWORDS: &[&[u8]] = &[
    b"password",
    b"passwort",
    b"passwd",
    b"passphrase",
    b"secret",
    b"string",
    b"required",
    b"optional",
    b"null",
    b"none",
    b"nil",
    b"true",
    b"false",
    b"undefined",
    b"hidden",
    b"empty",
    b"unknown",
    b"default",
    b"changeme",
    b"change_me",
    b"change-me",
    b"redacted",
    b"placeholder",
    b"example",
    b"sample",
    b"yourpassword",
    b"your_password",
    b"your-password",
    b"mypassword",
    b"my_password",
    b"my-password",
    b"newpassword",
    b"new_password",
    b"oldpassword",
    b"old_password",
    b"currentpassword",
    b"confirmpassword",
    b"plaintext",
    b"encrypted",
    b"hashed",
    b"hunter2",
];

/// Whether a key or token is a sample of a manual or a gap to fill.
pub(crate) fn is_sample(value: &[u8]) -> bool {
    has_mark(value) || SAMPLE_WORDS.iter().any(|word| contains(value, word)) || is_monotone(value)
}

/// Whether a value is a gap to fill.
pub(crate) fn has_mark(value: &[u8]) -> bool {
    MARKS
        .iter()
        .any(|mark| value.windows(mark.len()).any(|part| part == *mark))
        || (value.first() == Some(&b'<') && value.last() == Some(&b'>'))
        || (value.first() == Some(&b'[') && value.last() == Some(&b']'))
        || (value.first() == Some(&b'{') && value.last() == Some(&b'}'))
        || (value.first() == Some(&b'%') && value.last() == Some(&b'%'))
}

/// Whether somebody may have chosen or been given this as a password: at least two sorts of letters,
/// digits and signs, and neither a word that says what belongs there nor a piece of a program.
pub(crate) fn is_likely_password(value: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| usize::from(value.iter().any(test));
    let signs =
        has(|byte| byte.is_ascii_punctuation() && !matches!(byte, b'_' | b'-' | b'.' | b'/'));
    let digits = has(u8::is_ascii_digit);
    let cases = has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase);
    let varied = digits + cases + signs;
    value.len() >= 6
        && varied >= 2
        && (digits == 1 || signs == 1 || is_scrambled(value))
        && entropy(value) >= 2.0
        && !has_mark(value)
        && !NO_PASSWORDS
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word))
        && !is_program(value)
}

/// Whether letters and digits, or small letters and capitals in no order, make it up.
pub(crate) fn is_mixed(value: &[u8]) -> bool {
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    letters && (value.iter().any(u8::is_ascii_digit) || is_scrambled(value))
}

/// Whether it is words or numbers with signs between them: `generate_token_for_user_2`.
pub(crate) fn is_words(value: &[u8]) -> bool {
    let parts = || {
        value
            .split(|byte| !byte.is_ascii_alphanumeric())
            .filter(|part| !part.is_empty())
    };
    let word = |part: &[u8]| {
        let letters = part
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let digits = part
            .iter()
            .skip(letters)
            .filter(|byte| byte.is_ascii_digit())
            .count();
        let (head, _) = part.split_at_checked(letters).unwrap_or((part, &[]));
        letters + digits == part.len() && digits <= 4 && letters <= 16 && !is_scrambled(head)
    };
    parts().count() >= 2 && parts().all(word)
}

/// Capitals inside, as in `qvtXnCRI`, but not as in `getPassword`: a capital that follows no small
/// letter or precedes none.
fn is_scrambled(value: &[u8]) -> bool {
    let changes = value
        .windows(2)
        .filter(|pair| {
            pair.first().is_some_and(u8::is_ascii_uppercase)
                != pair.last().is_some_and(u8::is_ascii_uppercase)
        })
        .count();
    value.len() >= 8 && changes * 2 > value.len() && entropy(value) > 2.5
}

/// A call, a path, an access to a field, a variable.
fn is_program(value: &[u8]) -> bool {
    let call = value
        .windows(2)
        .any(|pair| matches!(pair, b"()" | b"::" | b"->" | b"=>" | b"];" | b");"));
    let word = |part: &[u8]| {
        part.first()
            .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
            && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    };
    let opened = value.iter().position(|byte| matches!(byte, b'(' | b'['));
    let access = opened.is_some_and(|at| {
        at >= 3
            && value
                .get(..at)
                .is_some_and(|head| head.split(|b| *b == b'.').all(word))
    });
    let fields = value.split(|byte| *byte == b'.');
    let dotted = fields.clone().count() > 1
        && fields.clone().all(|part| {
            part.len() >= 2 && part.iter().all(|b| b.is_ascii_lowercase() || *b == b'_')
        });
    let variable = value.first() == Some(&b'$')
        && value.get(1..).is_some_and(|name| {
            name.iter()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
        });
    let path = value.starts_with(b"/") || value.starts_with(b"./") || value.starts_with(b"http");
    let tag = value.starts_with(b"</") || value.starts_with(b"\\");
    let bracket = matches!(value.first(), Some(b'[' | b'(' | b'{'));
    let attribute = value.strip_suffix(b"=").is_some_and(word);
    bracket || attribute || call || access || dotted || variable || path || tag
}

/// One byte again and again, or bytes in a row: `00000000`, `123456789`.
fn is_monotone(value: &[u8]) -> bool {
    let mut longest = 0;
    let mut run = 0;
    let mut previous = None;
    for byte in value {
        run = if previous == Some(*byte) { run + 1 } else { 0 };
        longest = longest.max(run);
        previous = Some(*byte);
    }
    longest * 2 >= value.len().max(12)
}

fn contains(value: &[u8], word: &[u8]) -> bool {
    value
        .windows(word.len())
        .any(|part| part.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_manuals_are_no_secrets() {
        for value in [
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "sk-your-api-key-here-please",
            "${STRIPE_KEY}",
            "{{ vault.token }}",
            "<your token goes here>",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "00000000000000000000",
        ] {
            assert!(is_sample(value.as_bytes()), "{value}");
        }
    }

    /// One real-shaped value for each entry that is near to it.
    #[test]
    fn no_entry_hides_what_only_resembles_it() {
        for value in [
            "AKIAIOSFODNN7EXAMPQR",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPmKEY",
            "ghp_xxxx8kQ2vT7mWn4LcR9sHb1ZyGd5FpJu3AeX",
            "sk-yourT3bN8qLw2VxKz",
            "k{9v}Q$x",
            "0000000000007f3a9c51d2e8",
            "chang3meNow8vKx",
            "placeh0lder7vKxT",
            "redact3d9vKxT2",
            "dumm7vKxT2mQ9",
            "deadbee7vKxT2mQ9",
            "abcdefg7vKxT2mQ9",
            "1234567vKxT2mQ9b",
            "insertvKxT2mQ9b1",
            "replacevKxT2mQ9b1",
            "goesherfvKxT2mQ9",
            "notasecrftvKxT2mQ9",
        ] {
            assert!(!is_sample(value.as_bytes()), "{value}");
        }
        for word in NO_PASSWORDS {
            let longer = [word, &b"7!x"[..]].concat();
            assert!(
                is_likely_password(&longer),
                "{}",
                String::from_utf8_lossy(&longer)
            );
        }
    }

    #[test]
    fn passwords_are_told_from_words_and_programs() {
        for (value, expected) in [
            ("hXVj2O!lvo", true),
            ("qv74q3ncRI", true),
            ("-bvuSQ#YBh&*_", true),
            ("correct-horse-9", true),
            ("UzjQjJhRd", true),
            ("strength", false),
            ("get_password()", false),
            ("os.environ", false),
            ("config.database.pass", false),
            ("args[0]", false),
            ("$DB_PASS", false),
            ("${DB_PASS}", false),
            ("<password>", false),
            ("********", false),
            ("String", false),
            ("/etc/passwd1", false),
            ("getPassword", false),
        ] {
            assert_eq!(is_likely_password(value.as_bytes()), expected, "{value}");
        }
    }
}
