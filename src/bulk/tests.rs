use std::collections::HashMap;

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::candidate::CandidateNumber;
use crate::component::{Component, Section};
use crate::evidence::{Reason, SUPPORTING};
use crate::ids::FileId;

const DEFAULT: &str = "{centre}_{candidate}_{component}_{section}[_{rest}].{ext}";

fn number_of(text: &str) -> CandidateNumber {
    text.parse().unwrap()
}

fn section(code: &str, title: &str, max: u32, accepts: &[&str]) -> Section {
    serde_json::from_value(serde_json::json!({
        "code": code, "title": title, "required": true, "min": 1, "max": max, "max_bytes": 25u64 << 30,
        "accepts": accepts,
    }))
    .unwrap()
}

fn component() -> Component {
    let mut component: Component = serde_json::from_value(serde_json::json!({
        "id": "01_3357_R085_01", "title": "R085 Websites", "sample_mode": "all", "sections": [],
        "aliases": ["R085", "R085/01"],
    }))
    .unwrap();
    component.sections = vec![
        Section {
            aliases: vec!["coversheet".into()],
            ..section("URS", "Unit recording sheet", 1, &["pdf", "docx"])
        },
        Section {
            aliases: vec!["Design portfolio".into()],
            ..section("Evidence", "Candidate evidence", 10, &["zip", "pdf", "html", "png", "jpg", "mp4"])
        },
        section("Film", "Film", 2, &["mp4"]),
        section("FilmDiary", "Film diary", 2, &["mp4", "pdf"]),
    ];
    component.supporting =
        Some(section("SupportingMaterial", "Supporting material", 20, &["tar.gz", "txt", "pdf"]));
    component
}

const PEOPLE: [(&str, &str); 7] = [
    ("1005", "Seán O'Neill"),
    ("1007", "Patel, Priya"),
    ("0001", "Ana Ward"),
    ("0002", "Bo Li"),
    ("0004", "Zoë De la Blanche"),
    ("2024", "Max Film"),
    ("9999", "王 芳"),
];

fn roll_of(component: &Component) -> Roll {
    let people: Vec<_> = PEOPLE.iter().map(|&(number, name)| (number_of(number), name)).collect();
    let people = people.iter().map(|(number, name)| (number, *name));
    Roll::new(&"98765".parse().unwrap(), component, people)
}

fn roll() -> Roll {
    roll_of(&component())
}

fn template(text: &str) -> Pattern {
    Pattern::Template { template: text.parse().unwrap(), section: None }
}

fn preset(preset: Preset, section: Option<&str>) -> Pattern {
    let naming = Naming { preset, section: section.map(str::to_owned), ..Naming::default() };
    naming.pattern(&component()).unwrap()
}

fn filed(filing: &Filing) -> Option<(String, String)> {
    let Filing::Filed { candidates, target, .. } = filing else { return None };
    let numbers: Vec<&str> = candidates.iter().map(CandidateNumber::as_str).collect();
    Some((numbers.join("+"), target.as_str().to_owned()))
}

fn doubt(filing: Filing) -> Doubt {
    match filing {
        Filing::Unfiled(unfiled) => unfiled.doubt,
        Filing::Filed { .. } => panic!("{filing:?}"),
    }
}

#[test]
fn names_by_the_pattern_are_filed() {
    let (roll, default) = (roll(), template(DEFAULT));
    for (name, number, section) in [
        ("98765_1005_R085_URS.pdf", "1005", "URS"),
        ("98765_001005_R085_URS.pdf", "1005", "URS"),
        ("98765_1005_r085-01_urs.PDF", "1005", "URS"),
        ("98765_1005_01_3357_R085_01_Evidence_final.zip", "1005", "Evidence"),
        ("98765 1007 R085 Film diary.mp4", "1007", "FilmDiary"),
        ("98765_1007_R085_film_take 2.mp4", "1007", "Film"),
        ("98765_0001_R085_Supporting_notes.tar.gz", "0001", "Supporting"),
        ("98765_0001+0004_R085_Film.mp4", "0001+0004", "Film"),
        ("98765_0001-0004_R085_Film.mp4", "0001+0002+0004", "Film"),
        ("98765_1005_R085_URS_O’Neill.pdf", "1005", "URS"),
        ("98765_0004_R085_Design portfolio_Zoe\u{308} Blanche.pdf", "0004", "Evidence"),
        // Somebody is called Film; so is a section.
        ("98765_1005_R085_Film.mp4", "1005", "Film"),
    ] {
        let filing = roll.file(&default, "", name);
        assert_eq!(filed(&filing), Some((number.into(), section.into())), "{name}: {filing:?}");
    }
}

#[test]
fn what_is_not_certain_is_left_to_a_person() {
    let (roll, default) = (roll(), template(DEFAULT));
    let read = |name: &str| doubt(roll.file(&default, "", name));
    let mentions = |other: &str| Doubt::Mentions { number: number_of("1005"), other: number_of(other) };
    assert_eq!(read("scan0001.pdf"), Doubt::MaybeCandidate(number_of("0001")));
    assert_eq!(read("2024_results.pdf"), Doubt::MaybeCandidate(number_of("2024")));
    assert_eq!(read("2023_results.pdf"), Doubt::Pattern);
    assert_eq!(read("scan1_2.pdf"), Doubt::Pattern);
    assert_eq!(read("1005 (1).pdf"), Doubt::MaybeCandidate(number_of("1005")));
    assert_eq!(read("98764_1005_R085_URS.pdf"), Doubt::OtherCentre("98764".into()));
    assert_eq!(read("AB123_1005_R085_URS.pdf"), Doubt::OtherCentre("AB123".into()));
    assert_eq!(read("98765_1006_R085_URS.pdf"), Doubt::UnknownCandidate("1006".into()));
    assert_eq!(read("98765_1005_R086_URS.pdf"), Doubt::NoComponent);
    assert_eq!(read("98765_1005_R085_scan.pdf"), Doubt::NoSection);
    assert_eq!(read("98765_1005_R085.pdf"), Doubt::NoSection);
    assert_eq!(read("98765_1005_R0851_URS.pdf"), Doubt::NoComponent);
    assert_eq!(read("98765_1005_R085_URSfinal.pdf"), Doubt::NoSection);
    assert_eq!(read("98765_1005_R085_URS_Patel.pdf"), mentions("1007"));
    assert_eq!(read("98765_1005_R085_Evidence_and 1007.pdf"), mentions("1007"));
    assert_eq!(read("98765_1005-2024_R085_URS.pdf"), Doubt::NoComponent);
    assert_eq!(doubt(roll.file(&default, "Films/1007 Patel", "98765_1005_R085_URS.pdf")), mentions("1007"));
    for name in ["98765.pdf", "résumé.pdf", "re\u{301}sume\u{301}.pdf", "CON.txt", ".PDF", "", "_", "÷.pdf"]
    {
        assert!(matches!(roll.file(&default, "", name), Filing::Unfiled(_)), "{name:?}");
    }
    let known = roll.file(&default, "", "98765_1005_R085_scan.pdf");
    let Filing::Unfiled(unfiled) = known else { panic!("{known:?}") };
    assert_eq!(unfiled.candidates, [number_of("1005")]);
}

#[test]
fn two_sections_called_alike_are_told_apart_by_nobody() {
    let mut component = component();
    component.sections[2].title = "Diary".into();
    component.sections[3].title = "Diary".into();
    let roll = roll_of(&component);
    let read = |name: &str| roll.file(&template(DEFAULT), "", name);
    assert_eq!(doubt(read("98765_1005_R085_Diary.mp4")), Doubt::Ambiguous);
    assert!(filed(&read("98765_1005_R085_FilmDiary.mp4")).is_some());
}

#[test]
fn what_only_looks_like_a_digit_is_none() {
    let (roll, default) = (roll(), template(DEFAULT));
    for number in ["１００５", "100⁵", "١٠٠٥", "1OO5"] {
        let filing = roll.file(&default, "", &format!("98765_{number}_R085_URS.pdf"));
        assert!(filed(&filing).is_none(), "{number}: {filing:?}");
    }
}

#[test]
fn folders_name_the_candidate_and_in_them_the_section() {
    let roll = roll();
    let read = |folder: &str, name: &str| roll.file(&Pattern::Folders, folder, name);
    for (folder, name, number, section, own) in [
        ("1005 O'Neill/Evidence", "page.html", "1005", "Evidence", ""),
        ("Class 9/1005_Seán/Candidate Evidence/img/2", "a.png", "1005", "Evidence", "img/2"),
        ("Class 9/1005/Evidence/film", "DSC_1007.jpg", "1005", "Evidence", "film"),
        ("2024 Max/Evidence", "x.txt", "2024", "Evidence", ""),
        ("2024/Evidence", "x.txt", "2024", "Evidence", ""),
        ("0001 Ward/supporting", "x.txt", "0001", "Supporting", ""),
        ("2023 June/0001-0004/Film", "take 1.mp4", "0001+0002+0004", "Film", ""),
    ] {
        let filing = read(folder, name);
        assert_eq!(filed(&filing), Some((number.into(), section.into())), "{folder}: {filing:?}");
        let Filing::Filed { folder: kept, .. } = filing else { unreachable!() };
        assert_eq!(kept, own);
    }
    assert_eq!(doubt(read("1005 O'Neill", "x.pdf")), Doubt::NoSection);
    assert_eq!(doubt(read("1005/Week 1", "x.pdf")), Doubt::NoSection);
    assert_eq!(doubt(read("1005/Week 1/URS", "x.pdf")), Doubt::NoSection);
    assert_eq!(doubt(read("1005/1007/Evidence", "x.pdf")), Doubt::Ambiguous);
    assert_eq!(doubt(read("2023 June/1006/Evidence", "x.pdf")), Doubt::UnknownCandidate("1006".into()));
    assert_eq!(doubt(read("Evidence", "1005.pdf")), Doubt::Pattern);
    assert_eq!(doubt(read("", "1005.pdf")), Doubt::Pattern);
    let mentions = Doubt::Mentions { number: number_of("1005"), other: number_of("1007") };
    for (folder, name) in [
        ("1005 Patel/Evidence", "x.pdf"),
        ("1005 and 1007/Evidence", "x.pdf"),
        ("1005/URS", "1007_urs.pdf"),
        ("Patel/1005/Evidence", "x.pdf"),
        ("1005/Evidence/from Patel", "x.pdf"),
        ("1005/Evidence/candidate 1007", "x.pdf"),
    ] {
        assert_eq!(doubt(read(folder, name)), mentions, "{folder}/{name}");
    }
    // A list or a range in another way, or a date.
    for folder in
        ["1005-07", "1005,6,7", "1005 & 7", "1005-1099", "1005 and 9998", "1005 06 12", "1005-06-12 trip"]
    {
        assert_eq!(doubt(read(&format!("{folder}/Evidence"), "x.pdf")), Doubt::Ambiguous, "{folder}");
    }
}

#[test]
fn presets_read_what_boards_ask_for() {
    let roll = roll();
    let first = preset(Preset::CandidatePrefix, Some("URS"));
    assert_eq!(filed(&roll.file(&first, "", "1005_anything.pdf")), Some(("1005".into(), "URS".into())));
    assert_eq!(filed(&roll.file(&first, "", "1005.pdf")), Some(("1005".into(), "URS".into())));
    assert_eq!(filed(&roll.file(&first, "", "1005(1).pdf")), Some(("1005".into(), "URS".into())));
    assert_eq!(doubt(roll.file(&first, "", "10051234.pdf")), Doubt::Pattern);
    assert_eq!(doubt(roll.file(&first, "", "scan0001.pdf")), Doubt::MaybeCandidate(number_of("0001")));
    assert_eq!(doubt(roll.file(&first, "", "1006_x.pdf")), Doubt::UnknownCandidate("1006".into()));
    let mentions = Doubt::Mentions { number: number_of("1005"), other: number_of("2024") };
    assert_eq!(doubt(roll.file(&first, "", "1005-2024 report.pdf")), mentions);
    let name = "98765_R085-01_000004_Design portfolio_1.MP4";
    let aqa = preset(Preset::Aqa, None);
    assert_eq!(filed(&roll.file(&aqa, "", name)), Some(("0004".into(), "Evidence".into())));
    let pearson = preset(Preset::Pearson, None);
    let filing = roll.file(&pearson, "", "98765_1005_R085_film_diary_2.mp4");
    assert_eq!(filed(&filing), Some(("1005".into(), "FilmDiary".into())));
    let cambridge = preset(Preset::Cambridge, Some(SUPPORTING));
    let filing = roll.file(&cambridge, "Week 1", "98765_1005_R085_01.pdf");
    assert_eq!(filed(&filing), Some(("1005".into(), SUPPORTING.into())));
    let own = "01_3357_R085_01_98765_1005_Supporting_14_01_2021_12_14_11.pdf";
    assert_eq!(filed(&roll.file(&Pattern::Unique, "", own)), Some(("1005".into(), SUPPORTING.into())));
    let other = "01_3357_R085_01_98764_1005_URS_14_01_2021_12_14_11.pdf";
    assert_eq!(doubt(roll.file(&Pattern::Unique, "", other)), Doubt::OtherCentre("98764".into()));
    let form = "01_3357_R085_01_98765_Documents_14_01_2021_12_14_11.pdf";
    assert_eq!(doubt(roll.file(&Pattern::Unique, "", form)), Doubt::NoSection);
}

#[test]
fn a_way_to_name_files_is_whole_or_refused() {
    let read = |json: &str| serde_json::from_str::<Naming>(json).unwrap().pattern(&component());
    assert_eq!(read("{}"), Ok(template(DEFAULT)));
    assert_eq!(read(r#"{"preset": "folders"}"#), Ok(Pattern::Folders));
    assert_eq!(read(r#"{"preset": "candidate_prefix"}"#), Err(InvalidNaming::SectionNeeded));
    assert_eq!(read(r#"{"preset": "aqa", "section": "URS"}"#), Err(InvalidNaming::SectionSaid));
    assert_eq!(read(r#"{"preset": "folders", "section": "URS"}"#), Err(InvalidNaming::SectionSaid));
    assert_eq!(
        read(r#"{"preset": "cambridge", "section": "Plan"}"#),
        Err(InvalidNaming::NoSuchSection("Plan".into()))
    );
    assert_eq!(read(r#"{"preset": "aqa", "template": "{candidate}"}"#), Err(InvalidNaming::Both));
    assert!(serde_json::from_str::<Naming>(r#"{"preset": "guess"}"#).is_err());
}

#[test]
fn where_names_are_assessed_only_a_zip_is_filed() {
    let mut component = component();
    component.sections[1].naming_assessed = true;
    let (roll, default) = (roll_of(&component), template(DEFAULT));
    assert!(filed(&roll.file(&default, "", "98765_1005_R085_Evidence.zip")).is_some());
    let filing = roll.file(&default, "", "98765_1005_R085_Evidence_index.html");
    assert_eq!(doubt(filing), Doubt::NamingAssessed);
}

#[test]
fn a_pattern_that_cannot_be_read_says_why() {
    let read = |text: &str| text.parse::<Template>().unwrap_err();
    assert_eq!(read("{candidate}_{sektion}"), InvalidTemplate::UnknownField("sektion".into()));
    assert_eq!(read("{candidate}_{candidate}_{section}"), InvalidTemplate::Twice("candidate".into()));
    assert_eq!(read("{candidate}_{section}]"), InvalidTemplate::Bracket);
    assert_eq!(read("{candidate}_{section}[_{rest}"), InvalidTemplate::Bracket);
    assert_eq!(read("{candidate}_[{section}]"), InvalidTemplate::NotEnough);
    assert_eq!(read("{section}_[{candidate}]"), InvalidTemplate::NotEnough);
    assert_eq!(read("{candidate}{section}"), InvalidTemplate::Adjacent);
    assert_eq!(read(&"x".repeat(201)), InvalidTemplate::TooLong);
    let text = serde_json::to_string(&DEFAULT.parse::<Template>().unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Template>(&text).unwrap(), Template::default());
}

fn check(
    name: &crate::evidence::OriginalName,
    rules: &Section,
) -> Result<crate::evidence::FileKind, (Reason, String)> {
    crate::check::check_name(name, rules).map_err(|refusal| (refusal.reason, refusal.detail))
}

type HeldIn<'a> = (&'a str, &'a str, &'a str, u64, Standing);

fn ground<'a>(component: &'a Component, there: &[HeldIn<'_>]) -> Ground<'a> {
    let person = |&(number, name): &(&str, &str)| Person {
        number: number_of(number),
        name: name.to_owned(),
        obstacle: (number == "9999").then_some(Obstacle::Absent),
        counts: number != "9999",
        files: 0,
    };
    let mut held: HashMap<_, Vec<_>> = HashMap::new();
    for &(number, code, name, size, how) in there {
        let place = (number_of(number), Target::of(component, code).unwrap());
        let file = Held { file: FileId::new(), name: name.to_owned(), size: Some(size), how };
        held.entry(place).or_default().push(file);
    }
    Ground { component, roll: roll_of(component), people: PEOPLE.iter().map(person).collect(), held }
}

fn planned(ground: &Ground<'_>, files: &[(&str, u64, Choice)]) -> Vec<Planned> {
    let items: Vec<Item<'_>> = files
        .iter()
        .map(|(name, size, choice)| Item { name, path: "", size: *size, choice, begun: None })
        .collect();
    plan(ground, &template(DEFAULT), &items, check)
}

fn states(planned: &[Planned]) -> Vec<(&'static str, &'static str)> {
    planned.iter().map(|file| (file.state(), file.why().map_or("", |why| why.code))).collect()
}

fn chosen(number: &str, code: &str) -> Choice {
    let target = (!code.is_empty()).then(|| Target::of(&component(), code).unwrap());
    let candidates = if number.is_empty() { vec![] } else { vec![number_of(number)] };
    Choice { candidates, target, leave_out: false }
}

/// Every file gets its verdict; those whose name says nothing certain wait, each with its reason.
#[test]
fn the_nasty_names_are_neither_misfiled_nor_lost() {
    let component = component();
    let ground = ground(&component, &[]);
    let long = format!("98765_1005_R085_Evidence_{}.pdf", "x".repeat(300));
    let none = Choice::default;
    let files = [
        ("98765_1005_R085_URS.pdf", 1, none()),
        ("98765_001007_R085_URS.pdf", 1, none()),
        ("20461_7517-C_000123_NEA_Videos.MP4", 1, none()),
        ("1005 (1).pdf", 1, none()),
        ("scan0001.pdf", 1, none()),
        ("2024_results.pdf", 1, none()),
        ("98765.pdf", 1, none()),
        ("résumé.pdf", 1, none()),
        ("re\u{301}sume\u{301}.pdf", 1, none()),
        ("CON.txt", 1, none()),
        ("..\\x.pdf", 1, none()),
        (&long, 1, none()),
        (".PDF", 1, none()),
        ("archive.tar.gz", 1, none()),
        ("98765_1005_R085_Film_film.mp4.exe", 1, none()),
        ("98765_1005_R085_Evidence.pdf", 0, none()),
        ("work.url", 1, none()),
        ("98765_1005_R085_URS.png", 1, none()),
        ("98765_1005_R085_Evidence_photo.jpg", (15 << 20) + 1, none()),
        ("98765_9999_R085_Evidence.pdf", 1, none()),
        ("98764_1005_R085_URS.pdf", 1, none()),
        ("98765_1005_R085_Film.mp4", (25 << 30) + 1, none()),
        ("virus.exe", 1, none()),
    ];
    let planned = planned(&ground, &files);
    assert_eq!(
        states(&planned),
        [
            ("ready", ""),
            ("ready", ""),
            ("unfiled", "other_centre"),
            ("unfiled", "maybe_candidate"),
            ("unfiled", "maybe_candidate"),
            ("unfiled", "maybe_candidate"),
            ("unfiled", "no_pattern"),
            ("unfiled", "no_pattern"),
            ("unfiled", "no_pattern"),
            ("unfiled", "no_pattern"),
            ("refused", "name_not_allowed"),
            ("refused", "name_not_allowed"),
            ("refused", "type_not_allowed"),
            ("unfiled", "no_pattern"),
            ("refused", "double_extension"),
            ("refused", "empty"),
            ("refused", "link_only"),
            ("refused", "type_not_allowed"),
            ("refused", "too_large"),
            ("unfiled", "absent"),
            ("unfiled", "other_centre"),
            ("refused", "too_large"),
            ("refused", "type_not_allowed"),
        ]
    );
    let left: Vec<_> =
        left_out(&ground, &planned).into_iter().map(|person| person.number.to_string()).collect();
    assert_eq!(left, ["0001", "0002", "0004", "2024"], "whoever is absent is not asked for");
}

#[test]
fn a_file_that_is_there_is_replaced_or_told() {
    let component = component();
    let there = [
        ("1005", "URS", "old.pdf", 5, Standing::Accepted),
        ("1007", "URS", "98765_1007_R085_URS.pdf", 5, Standing::Accepted),
        ("0001", "URS", "98765_0001_R085_URS.pdf", 5, Standing::Checking),
        ("0002", "URS", "98765_0002_R085_URS.pdf", 5, Standing::Open),
        ("0004", "URS", "other.pdf", 5, Standing::Open),
    ];
    let ground = ground(&component, &there);
    let files = [
        ("98765_1005_R085_URS.pdf", 5, Choice::default()),
        ("98765_1007_R085_URS.pdf", 5, Choice::default()),
        ("98765_0001_R085_URS.pdf", 5, Choice::default()),
        ("98765_0002_R085_URS.pdf", 5, Choice::default()),
        ("98765_0004_R085_URS.pdf", 5, Choice::default()),
    ];
    let first = planned(&ground, &files);
    assert_eq!(
        states(&first),
        [
            ("replaces", ""),
            ("already_here", "already_here"),
            ("already_here", "being_checked"),
            ("ready", ""),
            ("unfiled", "section_full")
        ]
    );
    let old = ground.held[&(number_of("1005"), Target::of(&component, "URS").unwrap())][0].file;
    assert!(matches!(&first[0], Planned::Ready { replaces, .. } if *replaces == Some(old)));
    // Who insists on it sends it again.
    let again = planned(&ground, &[("98765_1007_R085_URS.pdf", 5, chosen("1007", "URS"))]);
    assert_eq!(states(&again), [("replaces", "")]);
}

#[test]
fn of_too_many_for_a_place_none_is_preferred_until_a_person_chooses() {
    let component = component();
    let ground = ground(&component, &[]);
    let (one, two) = ("98765_1005_R085_URS.pdf", "98765_1005_R085_URS_v2.pdf");
    let both = planned(&ground, &[(one, 1, Choice::default()), (two, 1, Choice::default())]);
    assert_eq!(states(&both), [("unfiled", "section_full"); 2]);
    assert_eq!(
        both[0].why().unwrap().text,
        "The section takes 1 file, and 2 of this plan are for it: choose which."
    );
    let picked = planned(&ground, &[(one, 1, Choice::default()), (two, 1, chosen("1005", "URS"))]);
    assert_eq!(states(&picked), [("unfiled", "section_full"), ("ready", "")]);
    let out = Choice { leave_out: true, ..Choice::default() };
    let left = planned(&ground, &[(one, 1, out), (two, 1, Choice::default())]);
    assert_eq!(states(&left), [("left_out", ""), ("ready", "")]);
}

#[test]
fn a_choice_settles_the_doubt_it_answers_and_no_other() {
    let component = component();
    let ground = ground(&component, &[]);
    for (name, number, code, expected) in [
        ("scan0001.pdf", "0001", "URS", ("ready", "")),
        ("scan0001.pdf", "", "URS", ("unfiled", "maybe_candidate")),
        ("scan0001.pdf", "0001", "", ("unfiled", "no_section")),
        ("98765_1005_R085_scan.pdf", "", "Evidence", ("ready", "")),
        ("98765_1005_R085_scan.pdf", "1005", "", ("unfiled", "no_section")),
        ("98765_1005_R085_URS_Patel.pdf", "", "URS", ("unfiled", "mentions_another")),
        ("98765_1005_R085_URS_Patel.pdf", "1007", "", ("ready", "")),
        ("98764_1005_R085_URS.pdf", "1005", "URS", ("ready", "")),
        ("98765_1005_R085_URS.pdf", "9999", "", ("unfiled", "absent")),
        ("98765_0001+0004_R085_Film.mp4", "", "Film", ("ready", "")),
        ("98765_0001+9999_R085_Film.mp4", "", "", ("unfiled", "absent")),
        ("98765_0001-0004_R085_Film.mp4", "0002", "", ("ready", "")),
        ("98765_1005_R085_URS.png", "1005", "Evidence", ("ready", "")),
        ("work.url", "1005", "URS", ("refused", "link_only")),
    ] {
        let got = planned(&ground, &[(name, 1, chosen(number, code))]);
        assert_eq!(states(&got), [expected], "{name} {number} {code}");
    }
}

#[test]
fn a_shared_file_needs_room_with_each_of_those_who_share_it_and_replaces_none() {
    let component = component();
    let there = [
        ("0004", "Film", "a.mp4", 1, Standing::Accepted),
        ("0004", "Film", "b.mp4", 1, Standing::Checking),
        ("1007", "URS", "old.pdf", 1, Standing::Accepted),
        ("2024", "Film", "98765_0001+2024_R085_Film.mp4", 7, Standing::Accepted),
        ("0002", "Film", "98765_0001+0002_R085_Film_late.mp4", 7, Standing::Open),
        ("0002", "Film", "c.mp4", 7, Standing::Accepted),
    ];
    let ground = ground(&component, &there);
    let none = Choice::default;
    let told = |name: &str, choice: Choice| {
        let planned = planned(&ground, &[(name, 7, choice)]).remove(0);
        let why = planned.why().map(|why| why.text.clone()).unwrap_or_default();
        (planned.state(), planned.candidates().len(), why)
    };
    assert_eq!(told("98765_0001+1007_R085_Film.mp4", none()), ("ready", 2, String::new()));
    assert_eq!(
        told("98765_0001+0004_R085_Film.mp4", none()),
        ("unfiled", 2, "For candidate 0004: the section takes 2 files and has 2.".into())
    );
    assert_eq!(
        told("98765_0001+1007_R085_URS.pdf", none()),
        ("unfiled", 2, "For candidate 1007: the section takes 1 file and has 1.".into())
    );
    // An upload of it that is open is gone on with, and needs no room of its own.
    assert_eq!(told("98765_0001+0002_R085_Film_late.mp4", none()), ("ready", 2, String::new()));
    // A guess takes nobody out.
    let guess = "Candidate 2024 has a file of this name and size already: choose for whom it is.";
    assert_eq!(told("98765_0001+2024_R085_Film.mp4", none()), ("unfiled", 2, guess.into()));
    assert_eq!(told("98765_0001+2024_R085_Film.mp4", chosen("0001", "")), ("ready", 1, String::new()));
    let twice = Choice { candidates: vec![number_of("0001"), number_of("0001")], ..none() };
    assert_eq!(told("98765_0001+2024_R085_Film.mp4", twice), ("ready", 1, String::new()));
}

#[test]
fn what_is_shared_takes_no_room_where_it_cannot_go() {
    let component = component();
    let ground = ground(&component, &[("0004", "URS", "a.pdf", 1, Standing::Accepted)]);
    let read = |names: &[&str]| {
        let files: Vec<_> = names.iter().map(|&name| (name, 1, Choice::default())).collect();
        states(&planned(&ground, &files))
    };
    let (shared, own) = ("98765_0001+0004_R085_URS.pdf", "98765_0001_R085_URS_own.pdf");
    assert_eq!(read(&[shared, own]), [("unfiled", "section_full"), ("ready", "")]);
    let shared = "98765_0001+0002_R085_URS.pdf";
    assert_eq!(read(&[shared, own]), [("unfiled", "section_full"); 2], "none of them is preferred");
    let of_all = planned(&ground, &[(shared, 1, Choice::default())]);
    let left: Vec<_> = left_out(&ground, &of_all).into_iter().map(|one| one.number.to_string()).collect();
    assert_eq!(left, ["1005", "1007", "0004", "2024"], "who shares a file has one");
}

proptest! {
    #[test]
    fn no_name_is_filed_that_does_not_say_so(folder in ".{0,40}", name in ".{0,80}") {
        let roll = roll();
        for pattern in [template(DEFAULT), Pattern::Folders, Pattern::Unique, preset(Preset::Aqa, None)] {
            if let Some((number, _)) = filed(&roll.file(&pattern, &folder, &name)) {
                let said = format!("{folder}/{name}");
                prop_assert!(number.split('+').all(|number| said.contains(number.trim_start_matches('0'))));
            }
        }
    }

    /// Whatever stands around it: a number alone is no candidate's.
    #[test]
    fn a_number_alone_never_files(before in "[A-Za-z _-]{0,8}", after in "[A-Za-z _-]{0,8}", at in 0usize..7) {
        let name = format!("{before}{}{after}.pdf", PEOPLE[at].0);
        prop_assert!(filed(&roll().file(&template(DEFAULT), "", &name)).is_none());
    }

    #[test]
    fn what_the_pattern_makes_it_reads_back(
        candidate in 0usize..7, section in 0usize..4, rest in prop::option::of("[a-z]{1,2}[0-9]{0,3}"),
        zeros in 0usize..3, separator in "[_ -]", extension in "pdf|ZIP|tar\\.gz", upper in any::<bool>(),
    ) {
        let (component, roll) = (component(), roll());
        let (number, code) = (PEOPLE[candidate].0, component.sections[section].code.to_string());
        let rest = rest.map(|rest| format!("{separator}{rest}")).unwrap_or_default();
        let said = if upper { code.to_uppercase() } else { code.to_lowercase() };
        let name = format!(
            "98765{separator}{}{number}{separator}R085{separator}{said}{rest}.{extension}", &"00"[..zeros]);
        let filing = roll.file(&template(DEFAULT), "", &name);
        prop_assert_eq!(filed(&filing), Some((number.to_owned(), code)), "{}", name);
    }

    /// Composed or not, a name says the same.
    #[test]
    fn forms_of_letters_do_not_matter(folder in "[a-zéüñô /]{0,30}", rest in "[a-zéüñô ]{1,30}") {
        let (roll, name) = (roll(), format!("98765_1005_R085_URS_{rest}.pdf"));
        let form = |nfc: bool, text: &str| -> String { if nfc { text.nfc().collect() } else { text.nfd().collect() } };
        for pattern in [template(DEFAULT), Pattern::Folders] {
            let [one, other] = [true, false].map(|nfc| filed(&roll.file(&pattern, &form(nfc, &folder), &form(nfc, &name))));
            prop_assert_eq!(one, other);
        }
    }

    /// Every file of any plan is ready, or has its reason; and no place gets more than it takes.
    #[test]
    fn every_file_has_a_verdict(names in prop::collection::vec(
        prop_oneof![".{0,40}", "98765_(1005|1007|0001-0004|0001\\+1007)_R085_(URS|Film|Evidence)(_[a-z]{1,3})?\\.(pdf|mp4)"],
        0..12,
    ), size in 0u64..3) {
        let component = component();
        let ground = ground(&component, &[("1005", "Film", "a.mp4", 1, Standing::Accepted)]);
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), size, Choice::default())).collect();
        let planned = planned(&ground, &files);
        prop_assert_eq!(planned.len(), files.len());
        let mut places: HashMap<_, usize> = HashMap::new();
        for file in &planned {
            match file {
                Planned::Ready { candidates, target, replaces, .. } => {
                    prop_assert!(candidates.len() == 1 || replaces.is_none());
                    for candidate in candidates {
                        *places.entry((candidate.clone(), target.clone())).or_default() += 1;
                    }
                }
                other => prop_assert!(other.why().is_some_and(|why| !why.text.is_empty())),
            }
        }
        for ((number, target), files) in places {
            let there = usize::from(number == number_of("1005") && target.as_str() == "Film");
            prop_assert!(files + there <= target.rules(&component).unwrap().max as usize);
        }
    }
}
