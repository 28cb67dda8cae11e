//! How words are compared: by what they have in common however they are typed.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case without accents; apostrophes go. What only looks like a digit or a letter stays what it is.
pub(super) fn fold(text: &str) -> String {
    let plain = text.nfd().filter(|c| !is_combining_mark(*c) && !matches!(c, '\'' | '’' | '`'));
    plain.flat_map(char::to_lowercase).collect()
}

/// What a word of the roll is compared by: two with the same cannot be told apart in a name.
pub fn sameness(word: &str) -> String {
    fold(word).chars().map(|c| if is_separator(c) { ' ' } else { c }).collect()
}

pub(super) fn is_separator(c: char) -> bool {
    matches!(c, '_' | '-' | ' ' | '.' | '/')
}
