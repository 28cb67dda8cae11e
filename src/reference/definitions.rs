//! How two definitions of a component differ, in words.

use super::report::FieldChange;
use crate::component::{Component, SampleMode, Section, SubmitBy, ZipAdvice};

/// What is otherwise in `now` than in `before`: field by field, section by section.
pub fn differences(before: &Component, now: &Component) -> Vec<FieldChange> {
    let mut found = Vec::new();
    let told = |component: &Component| {
        [
            ("title", component.title.clone()),
            ("sample", mode(component.sample_mode).to_owned()),
            ("who submits", submitter(component.submit_by).to_owned()),
            ("upload outside the sample", yes(component.early_upload)),
            ("work by other means", yes(component.other_means)),
            ("also called", component.aliases.join(", ")),
            ("names of files", component.naming.to_string()),
        ]
    };
    push(&mut found, "", told(before), told(now));
    slots(&mut found, "section", &before.sections, &now.sections);
    slots(&mut found, "document", &before.documents, &now.documents);
    let supporting = |component: &Component| component.supporting.iter().cloned().collect::<Vec<_>>();
    slots(&mut found, "", &supporting(before), &supporting(now));
    let order = |component: &Component| {
        let codes: Vec<_> = component.sections.iter().map(|section| section.code.to_string()).collect();
        codes.join(", ")
    };
    let same = before.sections.len() == now.sections.len()
        && before.sections.iter().all(|section| now.section(&section.code).is_some());
    if same && order(before) != order(now) {
        found.push(FieldChange::new("order of sections", order(before), order(now)));
    }
    found
}

fn push<const N: usize>(
    found: &mut Vec<FieldChange>,
    of: &str,
    before: [(&str, String); N],
    now: [(&str, String); N],
) {
    for ((name, from), (_, to)) in before.into_iter().zip(now) {
        if from != to {
            found.push(FieldChange::new(format!("{of}{name}"), from, to));
        }
    }
}

fn slots(found: &mut Vec<FieldChange>, what: &str, before: &[Section], now: &[Section]) {
    let name = |slot: &Section| match what {
        "" => slot.title.to_lowercase(),
        what => format!("{what} {}", slot.code),
    };
    let twin = |slot: &Section, of: &[Section]| of.iter().find(|other| other.code == slot.code).cloned();
    for slot in before {
        match twin(slot, now) {
            Some(other) => push(found, &format!("{}: ", name(slot)), rules(slot), rules(&other)),
            None => found.push(FieldChange::new(name(slot), in_short(slot), "")),
        }
    }
    for slot in now.iter().filter(|slot| twin(slot, before).is_none()) {
        found.push(FieldChange::new(name(slot), "", in_short(slot)));
    }
}

fn rules(slot: &Section) -> [(&'static str, String); 10] {
    [
        ("title", slot.title.clone()),
        ("required", yes(slot.required)),
        ("least files", slot.min.to_string()),
        ("most files", slot.max.to_string()),
        ("largest file", size(slot.max_bytes)),
        ("takes", slot.accepts.join(", ")),
        ("zip", zip(slot.zip).to_owned()),
        ("names are assessed", yes(slot.naming_assessed)),
        ("takes what cannot be virus checked", yes(slot.allow_unscannable)),
        ("also called", slot.aliases.join(", ")),
    ]
}

fn in_short(slot: &Section) -> String {
    let need = if slot.required { "required" } else { "optional" };
    format!("{}, {need}, {} to {} files", slot.title, slot.min, slot.max)
}

fn yes(word: bool) -> String {
    if word { "yes" } else { "no" }.to_owned()
}

fn mode(mode: SampleMode) -> &'static str {
    match mode {
        SampleMode::All => "all candidates",
        SampleMode::SixRule => "six of each centre",
        SampleMode::SizeTable => "by the size of the entry",
        SampleMode::List => "a list",
    }
}

fn submitter(who: SubmitBy) -> &'static str {
    match who {
        SubmitBy::Officer => "the exams officer",
        SubmitBy::Teacher => "a teacher or the exams officer",
    }
}

fn zip(advice: ZipAdvice) -> &'static str {
    match advice {
        ZipAdvice::None => "not mentioned",
        ZipAdvice::Allowed => "suggested for folders",
        ZipAdvice::Required => "asked for",
    }
}

/// As a definition writes it.
fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes % (1 << 30) == 0 => format!("{} GB", bytes >> 30),
        bytes if bytes % (1 << 20) == 0 => format!("{} MB", bytes >> 20),
        bytes => format!("{} KB", bytes >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{Problems, parse_component};

    const BEFORE: &str = r#"
id = "R085"
title = "Websites"
sample_mode = "six_rule"
[[section]]
code = "URS"
title = "Recording sheet"
required = true
max = 1
max_size = "15 MB"
accepts = ["pdf"]
[[section]]
code = "Work"
title = "The work"
max = 5
accepts = ["pdf"]
"#;

    fn between(text: &str) -> Vec<String> {
        let mut problems = Problems::default();
        let mut parse = |text: &str| parse_component("c.toml", text, &mut problems).unwrap();
        let found = differences(&parse(BEFORE), &parse(text));
        assert!(problems.is_empty(), "{problems}");
        found.into_iter().map(|one| format!("{}: {} > {}", one.name, one.from, one.to)).collect()
    }

    #[test]
    fn every_difference_is_told_by_section_and_field() {
        assert!(between(BEFORE).is_empty());
        for (from, to, expected) in [
            ("Websites", "Sites", "title: Websites > Sites"),
            ("six_rule", "all", "sample: six of each centre > all candidates"),
            ("15 MB", "1 GB", "section URS: largest file: 15 MB > 1 GB"),
            ("max = 5", "max = 6\nmin = 2", "section Work: least files: 0 > 2"),
            (
                "required = true",
                "required = true\naliases = [\"sheet\"]",
                "section URS: also called:  > sheet",
            ),
            ("\"Work\"", "\"Game\"", "section Work: The work, optional, 0 to 5 files > "),
            ("\"Work\"", "\"Game\"", "section Game:  > The work, optional, 0 to 5 files"),
            (
                "id =",
                "naming = \"{candidate}_{section}\"\nid =",
                "names of files: {centre}_{candidate}_{component}_{section}[_{rest}].{ext} > {candidate}_{section}",
            ),
        ] {
            let found = between(&BEFORE.replace(from, to));
            assert!(found.iter().any(|one| one == expected), "{expected}: {found:?}");
        }
    }
}
