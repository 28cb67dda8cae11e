//! Whether a file's name speaks of another candidate than the one it is sent for.

use super::build::folded;

/// Names of files that are looked at.
pub const NAMES: usize = 50;
/// Surnames shorter than this stand in too many words, letters of the Latin alphabet.
const SHORTEST: usize = 3;

/// What a candidate is found by.
#[derive(Clone, Debug)]
pub struct Signs {
    number: String,
    /// The words of the surname, folded; empty when it is too short to be told.
    surname: Vec<String>,
}

impl Signs {
    pub fn of(number: &str, name: &str) -> Self {
        let words = words(&surname(name));
        let letters: usize = words.iter().map(|word| word.chars().count()).sum();
        let short = words.iter().all(|word| word.is_ascii()) && letters < SHORTEST;
        Self { number: number.to_owned(), surname: if short { Vec::new() } else { words } }
    }

    fn stands_in(&self, words: &[String]) -> bool {
        let together = self.surname.concat();
        words.contains(&self.number)
            || !self.surname.is_empty()
                && (words.windows(self.surname.len()).any(|some| some == self.surname)
                    || words.contains(&together))
    }
}

/// The family name: what stands before a comma, or in capitals, or last.
pub fn surname(name: &str) -> String {
    if let Some((family, _)) = name.split_once(',') {
        return family.to_owned();
    }
    let capital = |word: &&str| word.chars().count() > 1 && !word.chars().any(char::is_lowercase);
    let all: Vec<&str> = name.split_whitespace().collect();
    let capitals: Vec<&str> =
        all.iter().copied().filter(|word| capital(word) && word.chars().any(char::is_uppercase)).collect();
    match capitals.len() {
        0 => all.last().copied().unwrap_or_default().to_owned(),
        // A name all in capitals says nothing by them.
        number if number == all.len() => all.last().copied().unwrap_or_default().to_owned(),
        _ => capitals.join(" "),
    }
}

/// Runs of letters and runs of digits, folded. An apostrophe joins.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for letter in folded(text).chars().filter(|letter| !matches!(letter, '\'' | '’')) {
        let kind = (letter.is_alphabetic() || letter.is_numeric()).then(|| letter.is_numeric());
        match (kind, words.last_mut()) {
            (None, _) => {}
            (Some(_), Some(word)) if last == kind => word.push(letter),
            (Some(_), _) => words.push(letter.into()),
        }
        last = kind;
    }
    words
}

/// Which of `others` the name of a file speaks of; nobody, when it speaks of its own candidate.
pub fn mentioned(file: &str, own: &Signs, others: &[Signs]) -> Vec<usize> {
    let words = words(file);
    if own.stands_in(&words) {
        return Vec::new();
    }
    (0..others.len()).filter(|&at| others[at].stands_in(&words)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_what_stands_before_a_comma_in_capitals_or_last() {
        for (name, told) in [
            ("Siân O'Neill", "O'Neill"),
            ("O'Neill, Siân", "O'Neill"),
            ("DE LA BLANCHE Chloé", "DE LA BLANCHE"),
            ("Suharto", "Suharto"),
            ("李 明", "明"),
            ("", ""),
        ] {
            assert_eq!(surname(name), told);
        }
    }

    #[test]
    fn a_name_speaks_of_a_number_or_a_surname_and_of_nobody_by_chance() {
        let own = Signs::of("1005", "Jordan Adeyemi");
        let others = [
            Signs::of("1007", "PATEL, Priya"),
            Signs::of("1003", "Siân O'Neill"),
            Signs::of("1006", "DE LA BLANCHE Chloé"),
            Signs::of("1004", "Łukasz Wójcik"),
            Signs::of("2001", "Li Wu"),
            Signs::of("1008", "李 明"),
            Signs::of("1010", "Zoë Smith-Jones"),
        ];
        let none: &[usize] = &[];
        for (file, expected) in [
            ("film 1007.mp4", &[0][..]),
            ("Patel_film.mp4", &[0]),
            ("priya.mp4", none),
            ("film10070.mp4", none),
            ("oneill.pdf", &[1]),
            ("Siân O’Neill URS.pdf", &[1]),
            ("de la blanche.pdf", &[2]),
            ("la blanche.pdf", none),
            ("WOJCIK.pdf", &[3]),
            ("wu.pdf", none),
            ("smith jones.zip", &[6]),
            ("smith.zip", none),
            ("明.pdf", &[5]),
            ("1005 with 1007.pdf", none),
            ("adeyemi and patel.pdf", none),
            ("1007_1003.pdf", &[0, 1]),
        ] {
            assert_eq!(mentioned(file, &own, &others), expected, "{file}");
        }
    }
}
