//! Component definitions: one TOML file a component.
//!
//! `accepts` names extensions (`pdf`) or groups of the catalogue (`documents`); sizes are `"15 MB"` or `"25 GB"`
//! (2²⁰ and 2³⁰ bytes). `naming` is the pattern of many files' names, `aliases` are further words for the component or a
//! section in them. A definition that contradicts itself is refused with the line.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use toml::Spanned;

use super::problem::Problems;
use super::text::{Lines, one_line};
use crate::bulk::{Template, sameness};
use crate::component::{Component, ComponentId, SampleMode, Section, SubmitBy, ZipAdvice};
use crate::evidence::{FileKind, Group, LINK_EXTENSIONS, SUPPORTING, SectionCode, catalogue};

/// What stands as the section code of the rules for supporting material, which has no section of its own.
const SUPPORTING_CODE: &str = "SupportingMaterial";
/// Characters of an alias.
const LONGEST_ALIAS: usize = 80;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    id: Spanned<String>,
    #[serde(deserialize_with = "one_line")]
    title: String,
    sample_mode: SampleMode,
    #[serde(default)]
    submit_by: SubmitBy,
    #[serde(default)]
    early_upload: bool,
    #[serde(default)]
    other_means: bool,
    #[serde(default, rename = "section")]
    sections: Vec<Slot>,
    #[serde(default, rename = "document")]
    documents: Vec<Slot>,
    supporting: Option<Supporting>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    naming: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slot {
    code: Spanned<String>,
    #[serde(deserialize_with = "one_line")]
    title: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    min: u32,
    max: Spanned<u32>,
    max_size: Option<Spanned<String>>,
    accepts: Vec<Spanned<String>>,
    zip: Option<Spanned<ZipAdvice>>,
    #[serde(default)]
    naming_assessed: bool,
    #[serde(default)]
    allow_unscannable: bool,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Supporting {
    max: Spanned<u32>,
    max_size: Option<Spanned<String>>,
    accepts: Vec<Spanned<String>>,
    #[serde(default)]
    allow_unscannable: bool,
}

impl From<Supporting> for Slot {
    fn from(rules: Supporting) -> Self {
        Self {
            code: Spanned::new(rules.max.span(), SUPPORTING_CODE.into()),
            title: "Supporting material".into(),
            required: false,
            min: 0,
            max: rules.max,
            max_size: rules.max_size,
            accepts: rules.accepts,
            zip: None,
            naming_assessed: false,
            allow_unscannable: rules.allow_unscannable,
            aliases: Vec::new(),
        }
    }
}

/// Reads a component's definition. `None` when it is unusable, and then `problems` says why.
pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Option<Component> {
    let mut reader = Reader { file, lines: Lines(text), problems };
    let definition: Definition = super::text::from_toml(file, text, reader.problems)?;
    reader.unique(definition.sections.iter().chain(&definition.documents));
    reader.told_apart(&definition.sections);
    if !definition.sections.iter().any(|slot| slot.required) {
        reader.problem(&definition.id, "no section is required; mark at least one with required = true");
    }
    let id: Option<ComponentId> = reader.keep(&definition.id, definition.id.get_ref().parse());
    let naming = definition.naming.as_ref().map(|text| reader.keep(text, text.get_ref().parse()));
    let aliases = reader.aliases(&definition.aliases);
    let sections = reader.slots(definition.sections);
    let documents = reader.slots(definition.documents);
    let supporting = definition.supporting.map(|rules| reader.slot(rules.into()));
    Some(Component {
        id: id?,
        title: definition.title,
        sample_mode: definition.sample_mode,
        submit_by: definition.submit_by,
        early_upload: definition.early_upload,
        other_means: definition.other_means,
        sections: sections?,
        documents: documents?,
        supporting: match supporting {
            None => None,
            Some(rules) => Some(rules?),
        },
        aliases: aliases?,
        naming: match naming {
            None => Template::default(),
            Some(naming) => naming?,
        },
    })
}

struct Reader<'a> {
    file: &'a str,
    lines: Lines<'a>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn problem<T>(&mut self, at: &Spanned<T>, text: impl std::fmt::Display) {
        self.problems.add(self.file, self.lines.of(at.span().start), text);
    }

    fn keep<T, R, E: std::fmt::Display>(&mut self, at: &Spanned<T>, read: Result<R, E>) -> Option<R> {
        let line = self.lines.of(at.span().start);
        self.problems.keep(self.file, line, read)
    }

    /// Codes are told apart whatever their case, as folders and bulk file names are.
    fn unique<'s>(&mut self, slots: impl Iterator<Item = &'s Slot>) {
        let mut seen = HashSet::new();
        for slot in slots {
            if !seen.insert(slot.code.get_ref().to_ascii_lowercase()) {
                self.problem(
                    &slot.code,
                    format!("code {:?} is used twice; give it another", slot.code.get_ref()),
                );
            }
        }
    }

    /// What one section is called besides its code, no other is: names of files would not say which.
    fn told_apart(&mut self, slots: &[Slot]) {
        let mut seen: HashMap<String, &str> =
            slots.iter().map(|slot| (sameness(slot.code.get_ref()), slot.code.get_ref().as_str())).collect();
        seen.insert(sameness(SUPPORTING), SUPPORTING);
        for slot in slots {
            let code = slot.code.get_ref();
            for alias in &slot.aliases {
                let other = seen.insert(sameness(alias.get_ref()), code);
                if let Some(other) = other.filter(|other| other != code) {
                    self.problem(alias, format!("alias {:?} is a word for {other} as well", alias.get_ref()));
                }
            }
        }
    }

    /// Words that may stand in a file's name.
    fn aliases(&mut self, words: &[Spanned<String>]) -> Option<Vec<String>> {
        let mut good = true;
        for word in words {
            let text = word.get_ref();
            let fits = (1..=LONGEST_ALIAS).contains(&text.chars().count())
                && text.chars().any(char::is_alphanumeric)
                && !text.chars().any(char::is_control);
            if !fits {
                good = false;
                self.problem(word, format!("alias {text:?} must be 1 to {LONGEST_ALIAS} letters or digits"));
            }
        }
        good.then(|| words.iter().map(|word| word.get_ref().trim().to_owned()).collect())
    }

    fn slots(&mut self, slots: Vec<Slot>) -> Option<Vec<Section>> {
        let read: Vec<_> = slots.into_iter().map(|slot| self.slot(slot)).collect();
        read.into_iter().collect()
    }

    fn slot(&mut self, slot: Slot) -> Option<Section> {
        let code: Option<SectionCode> = self.keep(&slot.code, slot.code.get_ref().parse());
        let max = *slot.max.get_ref();
        if max == 0 || slot.min > max {
            self.problem(
                &slot.max,
                format!("max is {max}; it must be at least 1 and at least min ({})", slot.min),
            );
        }
        let largest = catalogue().map(|kind| kind.max_bytes).max().unwrap_or(0);
        let max_bytes = match &slot.max_size {
            None => Some(largest),
            Some(size) => self.keep(size, bytes(size.get_ref(), largest)),
        };
        let accepts = self.accepts(&slot.accepts);
        if slot.accepts.is_empty() {
            self.problem(&slot.code, "accepts is empty; name extensions or groups");
        }
        let aliases = self.aliases(&slot.aliases);
        let zip = slot.zip.as_ref().map(|zip| *zip.get_ref()).unwrap_or_default();
        if zip != ZipAdvice::None && accepts.as_ref().is_some_and(|list| !list.iter().any(|e| e == "zip")) {
            let at = slot.zip.as_ref().map_or(0..0, Spanned::span);
            let line = self.lines.of(at.start);
            self.problems.add(self.file, line, "zip is asked for but not accepted; add \"zip\" to accepts");
        }
        Some(Section {
            code: code?,
            title: slot.title,
            required: slot.required,
            min: slot.min,
            max,
            max_bytes: max_bytes?,
            accepts: accepts?,
            zip,
            naming_assessed: slot.naming_assessed,
            allow_unscannable: slot.allow_unscannable,
            aliases: aliases?,
        })
    }

    /// Extensions, groups written out, each once and in the order given.
    fn accepts(&mut self, words: &[Spanned<String>]) -> Option<Vec<String>> {
        let mut extensions: Vec<String> = Vec::new();
        let mut good = true;
        for word in words {
            match extensions_of(word.get_ref()) {
                Ok(list) => {
                    for extension in list {
                        if !extensions.iter().any(|known| known == extension) {
                            extensions.push(extension.to_owned());
                        }
                    }
                }
                Err(text) => {
                    good = false;
                    self.problem(word, text);
                }
            }
        }
        good.then_some(extensions)
    }
}

fn extensions_of(word: &str) -> Result<Vec<&'static str>, String> {
    let of_group = |kind: &FileKind| kind.group.word() == word && kind.group != Group::Programs;
    let group: Vec<_> = catalogue().filter(of_group).map(|kind| kind.extension).collect();
    if !group.is_empty() {
        return Ok(group);
    }
    if LINK_EXTENSIONS.contains(&word.to_ascii_lowercase().as_str()) {
        return Err(format!("{word:?} files hold no work, only a link to it; no section can accept them"));
    }
    FileKind::of(word).map(|kind| vec![kind.extension]).ok_or_else(|| {
        format!(
            "{word:?} is neither an extension nor a group of the catalogue; write pdf, documents, images, ..."
        )
    })
}

/// `"15 MB"` in bytes, at most `largest`.
fn bytes(text: &str, largest: u64) -> Result<u64, String> {
    let wrong = || format!("size {text:?} must be a whole number and KB, MB or GB, like \"15 MB\"");
    let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let shift = match unit.trim() {
        "KB" => 10,
        "MB" => 20,
        "GB" => 30,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(1 << shift) {
        Some(size) if size > 0 && size <= largest => Ok(size),
        _ => Err(format!("size {text:?} must be more than nothing and at most {} GB", largest >> 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
id = "01_3357_R085_01"
title = "Websites"
sample_mode = "six_rule"

[[section]]
code = "URS"
title = "Unit recording sheet"
required = true
max = 1
max_size = "25 GB"
accepts = ["documents", "pdf", "JPG"]
"#;

    fn problems_of(text: &str) -> Vec<String> {
        let mut problems = Problems::default();
        parse("c.toml", text, &mut problems);
        problems.list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn groups_become_extensions_and_sizes_bytes() {
        let mut problems = Problems::default();
        let component = parse("c.toml", GOOD, &mut problems).unwrap();
        assert!(problems.is_empty());
        let section = &component.sections[0];
        assert_eq!(section.accepts.iter().filter(|word| *word == "pdf").count(), 1);
        assert!(section.accepts.contains(&"docx".to_owned()) && section.accepts.contains(&"jpg".to_owned()));
        assert_eq!(section.max_bytes, 25 << 30);
        assert_eq!(section.limit_for("jpg"), Some(15 << 20));
    }

    #[test]
    fn every_contradiction_is_told_with_its_line() {
        let cases = [
            ("max = 1\n", "max = 0\n", "c.toml:10: max is 0"),
            ("required = true", "required = false", "c.toml:2: no section is required"),
            ("\"URS\"", "\"Supporting\"", "c.toml:7: section code"),
            ("\"JPG\"", "\"rar\"", "c.toml:12: \"rar\" is neither"),
            ("\"JPG\"", "\"url\"", "c.toml:12: \"url\" files hold no work"),
            ("\"JPG\"", "\"programs\"", "c.toml:12: \"programs\" is neither"),
            ("25 GB", "26 GB", "c.toml:11: size"),
            ("25 GB", "25GB", "c.toml:11: size"),
            ("max = 1\n", "max = 1\nzip = \"required\"\n", "c.toml:11: zip is asked for"),
            ("max = 1\n", "max = 1\nmaximum = 2\n", "c.toml:11: unknown field"),
            ("six_rule", "seven_rule", "c.toml:4: "),
            ("id =", "naming = \"{candidate}_{sektion}\"\nid =", "c.toml:2: {sektion} is no field"),
            (
                "id =",
                "naming = \"{candidate}\\u0000\"\nid =",
                "c.toml:2: the pattern holds a control character",
            ),
            ("id =", "aliases = [\"\"]\nid =", "c.toml:2: alias \"\" must be"),
            (
                "max = 1\n",
                "max = 1\naliases = [\"supporting\"]\n",
                "c.toml:11: alias \"supporting\" is a word for",
            ),
            ("sheet\"", "sheet\\u0000\"", "c.toml:8: a text holds a control character"),
        ];
        for (from, to, expected) in cases {
            let mut problems = Problems::default();
            parse("c.toml", &GOOD.replace(from, to), &mut problems);
            let told = problems.to_string();
            assert!(told.contains(expected), "{to}: {told}");
        }
    }

    /// The stack of a test's thread is as large as that of a thread of the service.
    #[test]
    fn what_nests_without_end_is_refused_in_words_and_ends_no_process() {
        let dotted = vec!["a"; 80].join(".");
        for deep in [
            "a={[[a]]\n[a]#]\n,\n[]".repeat(3_000),
            format!("aliases = {}1{}", format!("{{{dotted}=").repeat(80), "}".repeat(80)),
            format!("aliases = {}", "[".repeat(60_000)),
            format!("aliases = {}", "[{a=".repeat(15_000)),
        ] {
            let told = problems_of(&GOOD.replace("id =", &format!("{deep}\nid =")));
            assert!(matches!(told.as_slice(), [one] if one.contains("bracket")), "{told:?}");
        }
        // As deep as is let through, every way at once: it is told what is wrong with it.
        let headers: String = (1..80).map(|parts| format!("[[{}]]\n", vec!["a"; parts].join("."))).collect();
        let value = format!("{{{dotted}=").repeat(4) + "1" + &"}".repeat(4);
        let told = problems_of(&format!("{headers}{dotted} = {value}\n{GOOD}"));
        assert!(!told.is_empty());
    }

    #[test]
    fn a_code_used_twice_is_refused_whatever_its_case() {
        let twice =
            format!("{GOOD}\n[[document]]\ncode = \"urs\"\ntitle = \"x\"\nmax = 1\naccepts = [\"pdf\"]\n");
        assert_eq!(problems_of(&twice), ["c.toml:15: code \"urs\" is used twice; give it another"]);
    }
}
