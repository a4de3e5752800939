//! Letters of other scripts that look like Latin ones.

/// Words longer than this are not looked at: nobody writes them, and the cost stays bounded.
pub(super) const LONGEST_WORD: usize = 64;

/// Shorter words are signs of formulas and units.
const SHORTEST_IMITATION: usize = 4;

/// The Latin letter that `c`, already folded or not, looks like. Cyrillic, Greek, Armenian and a
/// few phonetic letters.
pub(super) const fn latin(c: char) -> Option<char> {
    Some(match c {
        'а' | 'А' | 'α' | 'Α' => 'a',
        'Ь' | 'ь' | 'Β' | 'В' => 'b',
        'с' | 'С' | 'ϲ' => 'c',
        'ԁ' | 'Ԁ' => 'd',
        'е' | 'Е' | 'ε' | 'Ε' | 'є' => 'e',
        'һ' | 'Н' | 'Η' | 'հ' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ӏ' | 'Ӏ' => 'i',
        'ј' | 'Ј' | 'ϳ' => 'j',
        'к' | 'К' | 'κ' | 'Κ' => 'k',
        'М' | 'м' | 'Μ' => 'm',
        'п' | 'ո' | 'Ν' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' | 'σ' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ԛ' | 'Ԛ' => 'q',
        'г' => 'r',
        'ѕ' | 'Ѕ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'Ԝ' | 'ω' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'у' | 'У' | 'γ' | 'Υ' => 'y',
        _ => return None,
    })
}

/// Whether `word` has both letters of ours and such that only look like them, and nothing else.
pub(super) fn is_imitation(word: &str) -> bool {
    let mut has_latin = false;
    for c in word.chars() {
        if c.is_ascii_alphabetic() {
            has_latin = true;
        } else if c.is_alphabetic() && latin(c).is_none() {
            return false;
        }
    }
    has_latin
}

/// Whether the imitation in `word` is meant to deceive: a letter that only looks like ours has one of
/// ours behind it. Formulas and endings put to a foreign word (`sinα`, `SMSка`) have none.
pub(super) fn hides(word: &str) -> bool {
    let alike = word.find(|c| latin(c).is_some());
    let behind = alike.and_then(|at| word.get(at..)).unwrap_or_default();
    word.chars().count() >= SHORTEST_IMITATION && behind.contains(|c: char| c.is_ascii_alphabetic())
}
