//! Many files are planned by their names before any of them is sent, corrected by a person, started, and sent.

use reqwest::Method;
use serde_json::{Value, json};

use crate::board::{between, filled};
use crate::identity::{cookie, with_cookie};
use crate::support::{Actor, Answer, CENTRE, Strongroom, encode, send};

async fn planned(actor: &Actor, sample: &str, body: Value) -> Answer {
    send(actor.request(Method::POST, &format!("/api/v1/samples/{sample}/bulk_plans")).json(&body)).await
}

async fn plan_of(actor: &Actor, sample: &str, names: &[(&str, u64)]) -> Value {
    let files: Vec<_> = names.iter().map(|(name, size)| json!({ "name": name, "size": size })).collect();
    let answer = planned(actor, sample, json!({ "files": files })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

async fn choose(actor: &Actor, plan: &str, choices: Value) -> Answer {
    let body = json!({ "choices": choices });
    send(actor.request(Method::PATCH, &format!("/api/v1/bulk_plans/{plan}")).json(&body)).await
}

fn states(plan: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let files = plan["files"].as_array().unwrap().iter();
    files.map(|file| (text(&file["state"]), text(&file["reason"]))).collect()
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// Sends a file that a started plan told of; its id.
async fn sent(actor: &Actor, sample: &str, target: &Value, bytes: &[u8]) -> Answer {
    let text = |field: &str| encode(target[field].as_str().unwrap());
    let mut metadata = format!("filename {},plan {},path {}", text("name"), text("id"), text("folder"));
    if target["replaces"].is_string() {
        metadata += &format!(",replaces {}", text("replaces"));
    }
    let sharers: Vec<_> =
        target["candidates"].as_array().unwrap()[1..].iter().filter_map(Value::as_str).collect();
    if !sharers.is_empty() {
        metadata += &format!(",shared_with {}", encode(&sharers.join("+")));
    }
    let (number, section) = (target["candidates"][0].as_str().unwrap(), target["section"].as_str().unwrap());
    let request = actor.request(Method::POST, &format!("/files/to/{sample}/{number}/{section}"));
    let request = request.header("tus-resumable", "1.0.0").header("upload-length", bytes.len());
    let request = request.header("upload-metadata", metadata);
    send(request.header("content-type", "application/offset+octet-stream").body(bytes.to_vec())).await
}

fn file_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn names_are_filed_or_left_with_their_reason_and_nothing_is_stored_before_the_start() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let names = [
        ("98765_1005_R085_URS.txt", 9),
        ("98764_1005_R085_URS.txt", 9),
        ("scan0001.pdf", 9),
        ("2024_results.pdf", 9),
        ("work.url", 9),
        ("98765_1007_r085-01_urs.TXT", 0),
    ];
    let plan = plan_of(&teacher, &sample, &names).await;
    let told = |state: &str, reason: &str| (state.to_owned(), reason.to_owned());
    assert_eq!(
        states(&plan),
        [
            told("ready", ""),
            told("unfiled", "other_centre"),
            told("unfiled", "no_pattern"),
            told("unfiled", "no_pattern"),
            told("refused", "link_only"),
            told("refused", "empty"),
        ]
    );
    let first = &plan["files"][0];
    assert_eq!((&first["candidates"], &first["section"]), (&json!(["1005"]), &json!("URS")));
    assert_eq!(plan["files"][1]["message"], "Centre 98764 is not yours.");
    assert_eq!((&plan["counts"]["files"], &plan["counts"]["unfiled"]), (&json!(6), &json!(3)));
    let left: Vec<_> = plan["left_out"].as_array().unwrap().iter().map(|one| one["number"].clone()).collect();
    assert!(!left.is_empty() && !left.contains(&json!("1005")), "{left:?}");
    assert_eq!(plan["state"], "open");
    let stored = strongroom.texts("SELECT id FROM files").await;
    assert!(stored.is_empty(), "a plan stores no file");

    let before = sent(&teacher, &sample, first, b"a sheet..").await;
    assert_eq!(before.code(), (400, "invalid_request".into()), "nothing moves before the start");
    let path = format!("/api/v1/bulk_plans/{}", id(&plan));
    let started = teacher.post(&format!("{path}/start")).await.json();
    assert_eq!(started["files"].as_array().unwrap().len(), 1, "{started}");
    assert!(
        started["expires_at"].as_str() > plan["expires_at"].as_str(),
        "what is not filed is kept for longer"
    );
    let audited = strongroom.texts("SELECT detail FROM audit WHERE action = 'bulk.started'").await;
    assert!(audited.len() == 1 && audited[0].contains(r#""ready":1"#), "{audited:?}");

    let other = sent(&teacher, &sample, &started["files"][0], b"another size").await;
    assert_eq!(other.code(), (400, "invalid_request".into()), "not the file that was planned");
    let file = file_of(&sent(&teacher, &sample, &started["files"][0], b"a sheet..").await);
    teacher.wait_for(&file, "accepted").await;
    let now = teacher.get(&path).await.json();
    assert_eq!(states(&now)[0], told("begun", ""));
    assert_eq!(
        (&now["files"][0]["upload"]["file"], &now["files"][0]["upload"]["state"]),
        (&json!(file), &json!("accepted"))
    );
    assert_eq!(now["counts"]["unfiled"], 3, "what is not filed stays listed with its reason");
    strongroom.stop().await;
}

#[tokio::test]
async fn folders_are_read_where_no_name_says_anything_and_no_way_was_asked_for() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let free = json!([
        { "name": "notes.txt", "path": "Class 9/1005 Sean/Evidence", "size": 5 },
        { "name": "more.txt", "path": "Class 9/0042/Evidence", "size": 6 },
        { "name": "lost.txt", "path": "Class 9/Week 3", "size": 7 },
    ]);
    let plan = planned(&officer, &sample, json!({ "files": free })).await.json();
    assert_eq!(plan["naming"]["preset"], "folders", "{plan}");
    let filed: Vec<_> = states(&plan).into_iter().map(|(state, _)| state).collect();
    assert_eq!(filed, ["ready", "ready", "unfiled"]);
    let cookie = cookie(&strongroom, "officer.98765").await;
    let path = format!("/samples/{sample}/plans/{}", id(&plan));
    assert!(
        send(with_cookie(&strongroom, Method::GET, &path, &cookie)).await.text.contains("read by folder")
    );

    // Who asks for names gets names; and one name that says all is enough for them.
    let plan = planned(&officer, &sample, json!({ "files": free, "preset": "component" })).await.json();
    assert!(states(&plan).iter().all(|(state, _)| state == "unfiled"), "{plan}");
    let mut mixed = free.clone();
    mixed[0]["name"] = json!("98765_1005_R085_Evidence.txt");
    let plan = planned(&officer, &sample, json!({ "files": mixed })).await.json();
    assert_eq!(plan["naming"]["preset"], "component", "{plan}");
    assert_eq!(states(&plan)[0].0, "ready");
    // A doubt is something that is said.
    for name in ["98765_1006_R085.pdf", "20461_1006_R085_Evidence.pdf", "scan 1007.pdf"] {
        let mut doubtful = free.clone();
        doubtful[2] = json!({ "name": name, "path": "Class 9/1005 Sean/Evidence", "size": 8 });
        let plan = planned(&officer, &sample, json!({ "files": doubtful })).await.json();
        assert_eq!(plan["naming"]["preset"], "component", "{name}: {plan}");
        assert!(states(&plan).iter().all(|(state, _)| state == "unfiled"), "{name}: {plan}");
    }
    // What neither says stays as it is.
    let plan = plan_of(&officer, &sample, &[("scan0001.pdf", 5)]).await;
    assert_eq!(plan["naming"]["preset"], "component");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_person_settles_what_names_do_not_say() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let names =
        [("scan.pdf", 5), ("98765_1005_R085_scan.txt", 5), ("notes.txt", 5), ("98765_1005_R085_URS.txt", 5)];
    let plan = plan_of(&teacher, &sample, &names).await;
    let file = |at: usize| plan["files"][at]["id"].clone();
    let chosen = choose(
        &teacher,
        &id(&plan),
        json!([
            { "files": [file(0)], "candidates": ["1007"], "section": "Witness" },
            { "files": [file(1)], "section": "Evidence" },
            { "files": [file(2)], "leave_out": true },
        ]),
    )
    .await;
    assert_eq!(chosen.status, 200, "{}", chosen.text);
    let words: Vec<_> = states(&chosen.json()).into_iter().map(|(state, _)| state).collect();
    assert_eq!(words, ["ready", "ready", "left_out", "ready"]);
    let back = choose(&teacher, &id(&plan), json!([{ "files": [file(0), file(2)] }])).await.json();
    assert_eq!(states(&back)[0].0, "unfiled");
    assert_eq!(back["files"][0]["chosen"], false);

    for (choices, field) in [
        (json!([{ "files": [file(0)], "candidates": ["4444"] }]), "choices[0].candidates"),
        (json!([{ "files": [file(0)], "section": "Nothing" }]), "choices[0].section"),
        (json!([{ "files": [] }]), "choices[0].files"),
        (json!([{ "files": [format!("{}.4", id(&plan))] }]), "choices[0].files"),
        (json!([{ "files": ["0123456789abcdef0123456789abcdef.0"] }]), "choices[0].files"),
    ] {
        let refused = choose(&teacher, &id(&plan), choices).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["field"]),
            (400, &json!(field)),
            "{}",
            refused.text
        );
    }
    let path = format!("/api/v1/bulk_plans/{}", id(&plan));
    let started = teacher.post(&format!("{path}/start")).await.json();
    let urs = started["files"].as_array().unwrap().iter().find(|file| file["section"] == "URS").unwrap();
    file_of(&sent(&teacher, &sample, urs, b"sheet").await);
    let begun = choose(&teacher, &id(&plan), json!([{ "files": [file(3)], "leave_out": true }])).await;
    assert_eq!(begun.code(), (409, "wrong_state".into()));

    let out = choose(&teacher, &id(&plan), json!([{ "files": [file(2)], "leave_out": true }])).await;
    assert_eq!(out.status, 200);
    // What was not filed is settled later, and started with the rest.
    choose(
        &teacher,
        &id(&plan),
        json!([{ "files": [file(0)], "candidates": ["1007"], "section": "Witness" }]),
    )
    .await;
    let again = teacher.post(&format!("{path}/start")).await.json();
    let names: Vec<_> =
        again["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["scan.pdf", "98765_1005_R085_scan.txt"], "but for what has begun");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_file_named_for_several_is_planned_and_sent_once() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let names = [("98765_1005+1007_R085_Evidence.txt", 5), ("98765_1001-1003_R085_URS.txt", 5)];
    let plan = plan_of(&teacher, &sample, &names).await;
    assert_eq!(states(&plan), [("ready".into(), String::new()), ("ready".into(), String::new())]);
    assert_eq!(plan["files"][0]["candidates"], json!(["1005", "1007"]));
    assert_eq!(plan["counts"]["candidates"], 5);
    let left: Vec<_> = plan["left_out"].as_array().unwrap().iter().map(|one| one["number"].clone()).collect();
    assert!(!left.contains(&json!("1007")) && !left.contains(&json!("1003")), "{left:?}");
    let path = format!("/api/v1/bulk_plans/{}", id(&plan));
    let started = teacher.post(&format!("{path}/start")).await.json();
    let file = file_of(&sent(&teacher, &sample, &started["files"][0], b"dance").await);
    teacher.wait_for(&file, "accepted").await;
    let (wait, path) = (std::time::Duration::from_millis(20), path.as_str());
    let made = async {
        loop {
            let now = teacher.get(path).await.json();
            if now["files"][0]["upload"]["shared_with"][0]["state"] == "made" {
                return now;
            }
            tokio::time::sleep(wait).await;
        }
    };
    let now = tokio::time::timeout(std::time::Duration::from_secs(30), made).await.unwrap();
    assert_eq!(
        (&now["files"][0]["state"], &now["files"][0]["candidates"]),
        (&json!("begun"), &json!(["1005", "1007"]))
    );
    let cookie = crate::identity::cookie(&strongroom, "teacher.98765").await;
    let page = format!("/samples/{sample}/plans/{}?show=begun", id(&plan));
    let page = crate::identity::with_cookie(&strongroom, Method::GET, &page, &cookie);
    assert!(
        send(page.header("accept", "text/html")).await.text.contains("Shared by candidates 1005 and 1007")
    );
    // Planned once more, everybody has it.
    let again = plan_of(&teacher, &sample, &names[..1]).await;
    assert_eq!(states(&again), [("already_here".into(), "already_here".into())]);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_plan_is_read_anew_against_what_somebody_else_uploaded() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let officer = strongroom.as_("officer.98765").await;
    let plan =
        plan_of(&teacher, &sample, &[("98765_1005_R085_URS.txt", 5), ("98765_1007_R085_URS.txt", 5)]).await;
    assert_eq!((&plan["counts"]["ready"], &plan["counts"]["candidates"]), (&json!(2), &json!(2)));
    let old = officer.upload(&sample, "1005", "URS", "old.txt", b"older").await;
    officer.wait_for(&old, "accepted").await;
    let same = officer.upload(&sample, "1007", "URS", "98765_1007_R085_URS.txt", b"sheet").await;
    officer.wait_for(&same, "accepted").await;
    let path = format!("/api/v1/bulk_plans/{}", id(&plan));
    let now = teacher.get(&path).await.json();
    assert_eq!(states(&now)[0].0, "replaces");
    assert_eq!(now["files"][0]["replaces"], json!(old));
    assert_eq!(states(&now)[1], ("already_here".into(), "already_here".into()));

    let started = teacher.post(&format!("{path}/start")).await.json();
    let new = file_of(&sent(&teacher, &sample, &started["files"][0], b"newer").await);
    teacher.wait_for(&new, "accepted").await;
    let replaced = teacher.get(&format!("/api/v1/files/{old}")).await.json();
    assert_eq!(replaced["state"], "superseded");
    officer.submit(&sample).await;
    let late = planned(&teacher, &sample, json!({ "files": [{ "name": "a.pdf", "size": 1 }] })).await;
    assert_eq!(late.code(), (409, "submitted".into()));
    strongroom.stop().await;
}

#[tokio::test]
async fn what_is_filled_in_counts_and_comes_back_where_it_is_wrong() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let names = [("98765_1005_R085_URS.txt", 9), ("a.pdf", 9), ("b.pdf", 9), ("c.pdf", 9)];
    let plan = id(&plan_of(&teacher, &sample, &names).await);
    let cookie = cookie(&strongroom, "teacher.98765").await;
    let me = send(with_cookie(&strongroom, Method::GET, "/api/v1/me", &cookie)).await.json();
    let page = format!("/samples/{sample}/plans/{plan}");
    let post = async |path: &str, fields: &[(&str, &str)]| {
        let request = with_cookie(&strongroom, Method::POST, path, &cookie).header("accept", "text/html");
        let request = request.header("origin", strongroom.url(""));
        send(filled(request.header("x-csrf-token", me["csrf"].as_str().unwrap()), fields)).await
    };
    let api = format!("/api/v1/bulk_plans/{plan}");
    let shown = format!("{page}?show=unfiled&page=0");
    let files = [("file", "1"), ("file", "2"), ("file", "3")];
    let good = [("candidate.1", "1009"), ("section.1", "Evidence")];
    for what in ["save", "start"] {
        let wrong = [("candidate.2", "Suhart"), ("candidate.3", "4444"), ("every_candidate", "nobody")];
        let fields = [&files[..], &good, &wrong, &[("do", what)]].concat();
        let answer = post(&shown, &fields).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        let problem = between(&answer.text, "id=\"plan-problem\"", "id=\"plan-files\"");
        for told in [
            "href=\"#candidate-2\"><span class=\"name\">b.pdf</span>: No candidate here is called “Suhart”",
            "href=\"#candidate-3\"><span class=\"name\">c.pdf</span>: Candidate 4444 is not entered here",
            "href=\"#every-candidate\"><span class=\"name\">All shown</span>: No candidate here",
        ] {
            assert!(problem.contains(told), "{told} in {problem}");
        }
        let field = |name: &str| between(&answer.text, &format!("name=\"{name}\""), ">").to_owned();
        assert!(field("candidate.1").contains("value=\"1009\"") && !field("candidate.1").contains("aria-"));
        let wrong = field("candidate.2");
        assert!(
            wrong.contains("value=\"Suhart\" aria-invalid=\"true\" aria-describedby=\"candidate-2-wrong\"")
        );
        assert!(answer.text.contains("id=\"candidate-2-wrong\""));
        let section = between(&answer.text, "name=\"section.1\"", "</select>").to_owned();
        assert!(section.contains("<option value=\"Evidence\" selected>"), "{section}");
        assert!(answer.text.contains("data-goal=\"problem\""));
        let now = teacher.get(&api).await.json();
        assert_eq!((&now["state"], &now["counts"]["unfiled"]), (&json!("open"), &json!(3)));
    }
    let read =
        send(with_cookie(&strongroom, Method::GET, &shown, &cookie).header("accept", "text/html")).await;
    assert_eq!(read.status, 200, "what an error's page is at can be loaded");
    assert!(read.text.contains("<option value=\"1009 Suharto\">"), "nobody needs to know numbers by heart");

    // A name is enough where one alone has it; two who share it are told.
    let both = [&files[..1], &[("candidate.1", "jordan ADEYEMI"), ("section.1", "Evidence")]].concat();
    assert_eq!(post(&shown, &both).await.status, 303);
    assert_eq!(teacher.get(&api).await.json()["files"][1]["candidates"], json!(["1005"]));
    strongroom.sql("UPDATE candidates SET name = 'Sara Suharto' WHERE number = '1010'").await;
    strongroom.sql("UPDATE candidates SET name = 'Ida Suharto' WHERE number = '1009'").await;
    let two = post(&shown, &[files[1], ("candidate.2", "suharto")]).await;
    assert!(two.text.contains("“suharto” can be 1009 or 1010. Write the number."), "{}", two.text);

    // The start keeps what is filled in, and begins all that is ready by then.
    let last =
        [("candidate.2", "1009 Ida Suharto"), ("section.2", "Evidence"), ("out.3", "yes"), ("do", "start")];
    let answer = post(&shown, &[&files[1..], &last[..]].concat()).await;
    assert_eq!((answer.status.as_u16(), answer.headers["location"].to_str().unwrap()), (303, page.as_str()));
    let now = teacher.get(&api).await.json();
    assert_eq!((&now["state"], &now["counts"]["ready"]), (&json!("started"), &json!(3)));
    assert_eq!((&now["counts"]["unfiled"], &now["counts"]["left_out"]), (&json!(0), &json!(1)));
    strongroom.stop().await;
}

#[tokio::test]
async fn the_pages_name_the_codes_and_a_candidate_that_there_is() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample_of("01_3357_R091_01", CENTRE).await;
    let cookie = cookie(&strongroom, "teacher.98765").await;
    let me = send(with_cookie(&strongroom, Method::GET, "/api/v1/me", &cookie)).await.json();
    let csrf = me["csrf"].as_str().unwrap();
    for path in ["upload-many", "help"] {
        let path = format!("/samples/{sample}/{path}");
        let text = send(with_cookie(&strongroom, Method::GET, &path, &cookie).header("accept", "text/html"))
            .await
            .text;
        let codes = between(&text, "id=\"codes\"", "</ul>");
        for (code, title) in [
            ("Brief", "Response to the brief"),
            ("Research", "Research"),
            ("Concept", "Game concept"),
            ("Pitch", "Recorded pitch"),
            ("Review", "Review"),
            ("Supporting", "Supporting"),
        ] {
            assert!(codes.contains(&format!("<code>{code}</code> {title}")), "{code} in {codes}");
        }
        // The example is a folder that would be filed here.
        let (_, rest) = text
            .split_once(" / Brief / any files")
            .map(|(before, _)| before.rsplit_once("<code>").unwrap())
            .unwrap();
        let names = format!("{}/Brief/notes.pdf", rest.replace("&#39;", "'"));
        let request = with_cookie(&strongroom, Method::POST, &format!("/samples/{sample}/help"), &cookie);
        let request = request.header("accept", "text/html").header("origin", strongroom.url(""));
        let form = filled(request.header("x-csrf-token", csrf), &[("way", "folders"), ("names", &names)]);
        let tried = send(form).await.text;
        let tried = between(&tried, "id=\"tried-summary\">", "<");
        assert_eq!(tried, "1 of 1 file filed, for 1 candidate.", "{names}");
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn the_help_page_lists_every_type() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample_of("01_3357_R091_01", CENTRE).await;
    let cookie = cookie(&strongroom, "teacher.98765").await;
    let help = with_cookie(&strongroom, Method::GET, &format!("/samples/{sample}/help"), &cookie);
    let text = send(help.header("accept", "text/html")).await.text;
    let pitch = between(&text, "id=\"takes-Pitch\"", "</section>");
    for group in ["audio", "video"] {
        let kinds = strongroom::evidence::catalogue().filter(|kind| kind.group.word() == group);
        for kind in kinds {
            assert!(pitch.contains(&kind.extension.to_uppercase()), "{} in {pitch}", kind.extension);
        }
    }
    assert!(pitch.contains("<dt>Up to 2 GB each</dt>"), "{pitch}");
    assert!(
        !text.contains(" more, up to ") && !text.contains("25 GB") && !text.contains("beside the section")
    );
    strongroom.stop().await;
}

#[tokio::test]
async fn a_plan_is_its_persons_alone() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let plan = plan_of(&teacher, &sample, &[("98765_1005_R085_URS.txt", 5)]).await;
    let path = format!("/api/v1/bulk_plans/{}", id(&plan));
    let started = teacher.post(&format!("{path}/start")).await.json();
    let unknown = "/api/v1/bulk_plans/0123456789abcdef0123456789abcdef";
    let tasks = [
        (Method::GET, "", json!(null)),
        (Method::PATCH, "", json!({ "choices": [{ "files": [started["files"][0]["id"]] }] })),
        (Method::DELETE, "", json!(null)),
        (Method::POST, "/start", json!(null)),
    ];
    for person in ["officer.98765", "teacher.20461", "moderator.1", "board", "auditor"] {
        let other = strongroom.as_(person).await;
        for (method, end, body) in &tasks {
            let ask = async |path: &str| {
                send(other.request(method.clone(), &format!("{path}{end}")).json(body)).await
            };
            let (theirs, nobodys) = (ask(&path).await, ask(unknown).await);
            assert_eq!(theirs.code(), (404, "not_found".into()), "{person} {method}");
            assert_eq!(theirs.code(), nobodys.code());
        }
        let others = other.get(&format!("/api/v1/samples/{sample}/bulk_plans")).await;
        assert!(others.status != 200 || others.json()["items"] == json!([]), "{person}: {}", others.text);
    }
    let officer = strongroom.as_("officer.98765").await;
    let stolen = sent(&officer, &sample, &started["files"][0], b"sheet").await;
    assert_eq!(stolen.code(), (404, "not_found".into()), "somebody else's plan is unknown to an upload");
    let mine = teacher.get(&format!("/api/v1/samples/{sample}/bulk_plans")).await.json();
    assert_eq!((&mine["items"][0]["id"], &mine["items"][0]["state"]), (&plan["id"], &json!("started")));
    assert_eq!(teacher.delete(&path).await.status, 204);
    assert_eq!(teacher.get(&path).await.status, 404);
    strongroom.stop().await;
}

#[tokio::test]
async fn five_thousand_files_make_a_plan_and_no_more() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let files = |count: usize| -> Vec<Value> {
        let name = |at: usize| format!("98765_1005_R085_Evidence_n{at} {}.pdf", "x".repeat(60));
        (0..count).map(|at| json!({ "name": name(at), "path": "a/b", "size": at + 1, "modified": "2026-05-15T12:00:00Z" })).collect()
    };
    // Under a key, so that one whose answer was lost is not made twice.
    let keyed = async || {
        let request = teacher.request(Method::POST, &format!("/api/v1/samples/{sample}/bulk_plans"));
        let request =
            request.header("idempotency-key", "five-thousand").json(&json!({ "files": files(5000) }));
        let answer = send(request).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()
    };
    let plan = keyed().await;
    assert_eq!(keyed().await["id"], plan["id"]);
    assert_eq!((&plan["counts"]["files"], &plan["counts"]["unfiled"]), (&json!(5000), &json!(5000)));
    assert_eq!(
        plan["files"][0]["message"],
        "The section takes 10 files, and 5000 of this plan are for it: choose which."
    );
    let path = format!("/api/v1/bulk_plans/{}", id(&plan));
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..20 {
        let page = teacher.get(&format!("{path}?limit=500&state=unfiled&cursor={cursor}")).await.json();
        seen.extend(page["files"].as_array().unwrap().iter().map(id));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
    }
    assert_eq!(seen.len(), 5000);
    let all: Vec<_> = seen[10..].to_vec();
    let out = choose(&teacher, &id(&plan), json!([{ "files": all, "leave_out": true }])).await;
    assert_eq!(out.status, 200, "{}", out.text);
    assert_eq!(out.json()["counts"]["ready"], 10);

    let many = planned(&teacher, &sample, json!({ "files": files(5001) })).await;
    assert_eq!(many.code(), (413, "too_many_planned".into()));
    assert_eq!(many.json()["limit"], 5000);
    let none = planned(&teacher, &sample, json!({ "files": [] })).await;
    assert_eq!(none.code(), (400, "invalid_request".into()));
    for (body, field) in [
        (json!({ "files": files(1), "template": "{sektion}" }), "template"),
        (json!({ "files": files(1), "preset": "candidate_prefix" }), "section"),
        (json!({ "files": [{ "name": "a\u{0}.pdf", "size": 1 }] }), "files[0].name"),
    ] {
        let refused = planned(&teacher, &sample, body).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["field"]),
            (400, &json!(field)),
            "{}",
            refused.text
        );
    }
    let folders = json!({ "preset": "folders", "files": [{ "name": "a.pdf", "path": "C/1005 Jordan/Evidence/w 1", "size": 1 }] });
    let folders = planned(&teacher, &sample, folders).await.json();
    assert_eq!(
        (&folders["files"][0]["state"], &folders["files"][0]["folder"]),
        (&json!("ready"), &json!("w 1"))
    );
    for _ in 0..48 {
        plan_of(&teacher, &sample, &[("a.pdf", 1)]).await;
    }
    let full = planned(&teacher, &sample, json!({ "files": files(1) })).await;
    assert_eq!(full.code(), (409, "plans_full".into()));
    strongroom.sql("UPDATE bulk_plans SET expires_at = 1").await;
    assert_eq!(teacher.get(&path).await.status, 404, "a plan runs out");
    assert_eq!(planned(&teacher, &sample, json!({ "files": files(1) })).await.status, 201);
    strongroom.stop().await;
}
