//! Lists that board staff bring in on a page: looked at first, applied if they are still what was looked at, and once.

use std::time::Duration;

use reqwest::RequestBuilder;

use crate::board::{Board, between};
use crate::roles::{PEOPLE, Person};
use crate::support::{Answer, CENTRE, COMPONENT, OTHER, send};

const HEAD: &str = "series,component,centre,number,name,mark,status\n";

/// A form with a list, as a browser sends it.
fn sent(request: RequestBuilder, fields: &[(&str, &str)], name: &str, list: &[u8]) -> RequestBuilder {
    let mut body = Vec::new();
    for (field, value) in fields {
        let part = format!("--edge\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let part = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"list\"; filename=\"{name}\"\r\n\
         Content-Type: text/csv\r\n\r\n"
    );
    body.extend_from_slice(part.as_bytes());
    body.extend_from_slice(list);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    request.header("content-type", "multipart/form-data; boundary=edge").body(body)
}

async fn give(board: &Board, kind: &str, list: impl AsRef<[u8]>) -> Answer {
    let request = board.ask("POST", "/board/import");
    send(sent(request, &[("kind", kind)], "list.csv", list.as_ref())).await
}

/// Gives a list that can be read; the address of its differences.
async fn given(board: &Board, kind: &str, list: impl AsRef<[u8]>) -> String {
    let answer = give(board, kind, list).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.headers["location"].to_str().unwrap().to_owned()
}

/// Added, changed, removed and as it was.
fn figures(page: &str) -> [u32; 4] {
    ["added", "changed", "removed", "unchanged"]
        .map(|name| between(page, &format!("data-figure=\"{name}\">"), "<").parse().unwrap())
}

fn seen(page: &str) -> String {
    between(page, "name=\"seen\" value=\"", "\"").to_owned()
}

async fn apply(board: &Board, list: &str, seen: &str) -> Answer {
    board.post(&format!("{list}/apply"), &[("seen", seen)]).await
}

#[tokio::test]
async fn a_list_is_looked_at_before_it_is_applied_and_applied_once() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    let names = "SELECT name FROM candidates WHERE number IN ('1001', '1002', '7777') AND sample_id = \
                 (SELECT id FROM samples WHERE centre_number = '98765' AND component_id = '01_3357_R085_01') \
                 ORDER BY number";
    let text = format!(
        "{HEAD}june-2026,{COMPONENT},98765,1001,Amelia Ward,45,entered\n\
         june-2026,{COMPONENT},98765,1002,Priya Nair-Jones,46,entered\n\
         june-2026,{COMPONENT},98765,7777,\"<b>O'Neill</b>, Una\",,entered\n"
    );
    let list = given(&board, "candidates", &text).await;
    // Who waits for the database does not wait for a look, and a look not for who writes.
    let writes = strongroom.service().db.begin().await.unwrap();
    let page = tokio::time::timeout(Duration::from_secs(8), board.get(&list)).await.unwrap().text;
    drop(writes);
    let [added, changed, removed, unchanged] = figures(&page);
    assert_eq!((added, removed, unchanged), (1, 0, 1), "{page}");
    assert!(changed >= 1, "a candidate, and the draw perhaps: {page}");
    assert!(page.contains("&#60;b&#62;O&#39;Neill") && !page.contains("<b>O'Neill"), "{page}");
    let row = between(&page, "Candidate 1002", "</tr>");
    for part in [
        "Priya Nair</span>",
        "<strong>Priya Nair-Jones</strong>",
        "45</span>",
        "<strong>46</strong>",
        ">3</td>",
    ] {
        assert!(row.contains(part), "{part}: {row}");
    }
    assert!(page.contains("and left alone"), "{page}");
    assert_eq!(strongroom.texts(names).await, ["Amelia Ward", "Priya Nair"], "only looked at");
    assert_eq!(seen(&board.get(&list).await.text), seen(&page), "a look is the same each time");

    let done = apply(&board, &list, &seen(&page)).await;
    assert_eq!((done.status.as_u16(), done.headers["location"].to_str().unwrap()), (303, &*list));
    assert_eq!(strongroom.texts(names).await, ["Amelia Ward", "Priya Nair-Jones", "<b>O'Neill</b>, Una"]);
    let outcome = board.get(&list).await.text;
    assert!(outcome.contains("List applied"), "{outcome}");
    assert_eq!(between(&outcome, "data-figure=\"added\">", "<"), "1");
    assert_eq!(apply(&board, &list, &seen(&page)).await.status, 303, "twice is once");
    let trail = "SELECT actor || ' ' || action FROM audit WHERE action LIKE 'import.%' OR \
                 (action = 'reference.imported' AND actor <> 'strongroom') ORDER BY id";
    assert_eq!(strongroom.texts(trail).await, ["board import.given", "board reference.imported"]);
    assert_eq!(
        strongroom.texts("SELECT text FROM imports").await,
        [""],
        "nothing of it is kept longer than it serves"
    );
    // The same list again changes nothing.
    let again = board.get(&given(&board, "candidates", &text).await).await.text;
    assert!(
        again.contains("Everything in the list is here already") && !again.contains("id=\"apply\""),
        "{again}"
    );
    assert_eq!(figures(&again), [0, 0, 0, 3]);
    board.strongroom.stop().await;
}

#[tokio::test]
async fn what_changed_since_the_look_is_shown_anew_and_nothing_is_applied() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    let list = given(&board, "centres", "number,name,email\n98765,Ashbourne Academy,a@b.example\n").await;
    let page = board.get(&list).await.text;
    assert_eq!(figures(&page), [0, 1, 0, 0]);
    strongroom.sql("UPDATE centres SET name = 'Ashbourne High' WHERE number = '98765'").await;
    let stale = apply(&board, &list, &seen(&page)).await;
    assert_eq!(stale.status, 409);
    assert!(
        stale.text.contains("Something changed since you looked") && stale.text.contains("Ashbourne High")
    );
    let name = "SELECT name || ' ' || email FROM centres WHERE number = '98765'";
    assert_eq!(strongroom.texts(name).await, ["Ashbourne High exams@ashbourne.example"]);
    assert_eq!(apply(&board, &list, "").await.status, 409);
    // Two at once are one.
    let seen = seen(&stale.text);
    let (one, other) = tokio::join!(apply(&board, &list, &seen), apply(&board, &list, &seen));
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (303, 303));
    assert_eq!(strongroom.texts(name).await, ["Ashbourne Academy a@b.example"]);
    let trail = "SELECT action FROM audit WHERE action = 'reference.imported' AND actor = 'board'";
    assert_eq!(strongroom.texts(trail).await.len(), 1);
    board.strongroom.stop().await;
}

#[tokio::test]
async fn what_cannot_be_applied_is_told_line_by_line() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    for (kind, list, says) in [
        ("centres", "number,name\n9,Hill\n", vec!["Line 2", "Centre number"]),
        ("centres", "number,title\n98765,Hill\n", vec!["Line 1", "heading line does not fit"]),
        ("candidates", "\u{0}", vec!["this is no text", "Line 1"]),
        ("component", "id = 1", vec!["Line 1"]),
        ("centres", "number,name\n", vec!["There is nothing under the heading line"]),
    ] {
        let answer = give(&board, kind, list).await;
        assert_eq!(answer.status, 422, "{kind} {list}: {}", answer.text);
        for part in says {
            assert!(answer.text.to_lowercase().contains(&part.to_lowercase()), "{part}: {}", answer.text);
        }
    }
    let large = vec![b'x'; (4 << 20) + 1];
    let answer = give(&board, "centres", &large).await;
    assert!(answer.status == 422 && answer.text.contains("larger than 4 MB"), "{}", answer.text);
    let none = send(sent(board.ask("POST", "/board/import"), &[("kind", "centres")], "", b"")).await;
    assert!(none.status == 422 && none.text.contains("Choose a file"), "{}", none.text);
    assert_eq!(give(&board, "roles", "x").await.status, 400);
    assert!(strongroom.texts("SELECT id FROM imports").await.is_empty(), "what cannot be read is not kept");

    // What it names is not there: told with the list, which is kept, for that may be put right elsewhere.
    let text = format!(
        "{HEAD}june-2026,{COMPONENT},55555,1001,Lu,45,entered\njune-2099,{COMPONENT},98765,1001,Lu,45,entered\n\
         june-2026,{COMPONENT},98765,1002,Priya,46,entered\n"
    );
    let list = given(&board, "candidates", text).await;
    let page = board.get(&list).await.text;
    for part in
        ["Line 2", "Centre 55555 is not known here", "Line 3", "series june-2099 is not offered by you"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("id=\"apply\""), "all of it or nothing: {page}");
    assert_eq!(apply(&board, &list, "").await.status, 409);
    assert_eq!(board.post(&format!("{list}/discard"), &[]).await.status, 303);
    assert_eq!(send(board.ask("GET", &list)).await.status, 404);
    board.strongroom.stop().await;
}

#[tokio::test]
async fn work_keeps_its_place_whatever_a_list_says() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let file = teacher.upload(&sample, "1005", "Evidence", "work.txt", b"words").await;
    teacher.wait_for(&file, "accepted").await;
    let list = given(
        &board,
        "candidates",
        format!("{HEAD}june-2026,{COMPONENT},98765,1005,Jordan Adeyemi,58,withdrawn\n"),
    )
    .await;
    let page = board.get(&list).await.text;
    assert!(
        page.contains("Left for you to decide") && page.contains("ask the centre to delete them"),
        "{page}"
    );
    assert_eq!(figures(&page), [0, 0, 0, 1]);
    // A definition without the section that holds it.
    let definition = std::fs::read_to_string(format!("config/components/{COMPONENT}.toml")).unwrap();
    let without = definition.replace("code = \"Evidence\"", "code = \"Portfolio\"");
    let list = given(&board, "component", without).await;
    let page = board.get(&list).await.text;
    assert!(page.contains("Section Evidence holds 1 file(s)"), "{page}");
    // One that only says more.
    let wider = definition.replace("max = 10\naccepts = [\"zip\"", "max = 12\naccepts = [\"zip\"");
    let list = given(&board, "component", wider).await;
    let page = board.get(&list).await.text;
    let row = between(&page, "<td class=\"fields\">", "</td>");
    assert!(row.contains("section Evidence: most files") && row.contains("<strong>12</strong>"), "{row}");
    assert_eq!(apply(&board, &list, &seen(&page)).await.status, 303);
    let held = strongroom.texts("SELECT definition FROM components WHERE id = '01_3357_R085_01'").await;
    assert!(held[0].contains("\"max\":12"), "{held:?}");
    // One of nobody's.
    let list = given(&board, "component", definition.replace(COMPONENT, "R999")).await;
    assert!(board.get(&list).await.text.contains("Component R999 is not one of yours"));
    board.strongroom.stop().await;
}

#[tokio::test]
async fn whoever_a_list_of_allocations_names_keeps_what_it_gives_them() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    let held = "SELECT component_id || ' ' || centre_number FROM allocations WHERE person_id = 'moderator.1' \
                ORDER BY component_id, centre_number";
    let before = strongroom.texts(held).await;
    let head = "person,component,series,centre\n";
    let list = given(
        &board,
        "allocations",
        format!("{head}moderator.1,{COMPONENT},june-2026,20461\nmoderator.2,{COMPONENT},june-2026,98765\n"),
    )
    .await;
    let page = board.get(&list).await.text;
    assert_eq!(figures(&page), [2, 0, 2, 0], "{page}");
    assert!(page.contains("Moira Moderator (moderator.1)"), "{page}");
    assert_eq!(apply(&board, &list, &seen(&page)).await.status, 303);
    let after = strongroom.texts(held).await;
    assert_eq!(after.len(), before.len(), "other components are not named: {after:?}");
    assert!(after.contains(&format!("{COMPONENT} 20461")) && !after.contains(&format!("{COMPONENT} 98765")));
    // Nobody gives work to themselves, and nobody unknown gets any.
    let list = given(
        &board,
        "allocations",
        format!("{head}board,{COMPONENT},june-2026,98765\nnobody,{COMPONENT},june-2026,98765\n"),
    )
    .await;
    let page = board.get(&list).await.text;
    assert!(page.contains("Nobody gives work to themselves") && page.contains("is not known here"), "{page}");
    board.strongroom.stop().await;
}

#[tokio::test]
async fn a_list_is_its_persons_and_reaches_as_far_as_their_role() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    let list = given(&board, "centres", "number,name\n98765,Ashbourne Academy\n").await;
    for name in PEOPLE {
        let person = Person::new(strongroom, name).await;
        let expected = match name {
            "board" => continue,
            "auditor" => 403,
            _ => 404,
        };
        for (method, path) in [
            ("GET", list.clone()),
            ("POST", format!("{list}/apply")),
            ("POST", format!("{list}/discard")),
            ("POST", "/board/import".into()),
        ] {
            let request = person.request(strongroom, method, &path).header("accept", "text/html");
            let request = match (method, path.ends_with("import")) {
                ("POST", true) => sent(request, &[("kind", "centres")], "c.csv", b"number,name\n98765,A\n"),
                _ => request.header("content-type", "application/x-www-form-urlencoded").body("seen="),
            };
            assert_eq!(send(request).await.status, expected, "{method} {path} by {name}");
        }
    }
    // Another of the board's does not see it either.
    strongroom
        .sql("INSERT INTO roles (person_id, role, organisation_id) VALUES ('auditor', 'board', 'ocr')")
        .await;
    let other = Person::new(strongroom, "auditor").await;
    assert_eq!(send(other.request(strongroom, "GET", &list)).await.status, 404);

    // Without the form's token nothing is read; with it in the first field, as without script, it is.
    let bare = |csrf: &str| {
        let request = board.person.request(strongroom, "POST", "/board/import");
        let (client, mut request) = request.build_split();
        request.as_mut().unwrap().headers_mut().remove("x-csrf-token");
        let request = RequestBuilder::from_parts(client, request.unwrap());
        sent(request, &[("csrf", csrf), ("kind", "centres")], "c.csv", b"number,name\n98765,A\n")
    };
    assert_eq!(send(bare("wrong")).await.code().0, 403);
    let token = between(&board.get("/board/import").await.text, "name=\"csrf\" value=\"", "\"").to_owned();
    assert_eq!(send(bare(&token)).await.status, 303);

    // Narrowed to a centre, the role brings in nothing of another.
    strongroom.sql("UPDATE roles SET centre_number = '20461' WHERE person_id = 'board'").await;
    let page = board.get(&list).await.text;
    assert!(page.contains("Centre 98765 is not yours alone to change"), "{page}");
    assert_eq!(apply(&board, &list, "").await.status, 409);
    let entry = |centre: &str| format!("{HEAD}june-2026,{COMPONENT},{centre},2001,A Name,1,entered\n");
    let foreign = given(&board, "candidates", entry(CENTRE)).await;
    assert!(board.get(&foreign).await.text.contains("is not offered by you for centre 98765"));
    let own = given(&board, "candidates", entry(OTHER)).await;
    assert!(board.get(&own).await.text.contains("id=\"apply\""));
    let definition = std::fs::read_to_string(format!("config/components/{COMPONENT}.toml")).unwrap();
    let whole = given(&board, "component", definition).await;
    assert!(board.get(&whole).await.text.contains("is not one of yours"), "a definition is all centres'");
    board.strongroom.stop().await;
}

#[tokio::test]
async fn lists_run_out_and_are_bounded() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    let list = given(&board, "centres", "number,name\n98765,Ashbourne Academy\n").await;
    for _ in 1..20 {
        given(&board, "centres", "number,name\n98765,Ashbourne Academy\n").await;
    }
    let full = give(&board, "centres", "number,name\n98765,Ashbourne Academy\n").await;
    assert!(full.status == 422 && full.text.contains("20 lists of yours wait"), "{}", full.text);
    strongroom.sql("UPDATE imports SET expires_at = 1").await;
    assert_eq!(send(board.ask("GET", &list)).await.status, 404);
    let swept = async {
        while !strongroom.texts("SELECT id FROM imports").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), swept).await.unwrap();
    board.strongroom.stop().await;
}

#[tokio::test]
async fn a_new_centres_entries_make_a_sample_that_is_drawn_when_they_are_applied() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    let centres = given(&board, "centres", "number,name\n55555,New School\n").await;
    let page = board.get(&centres).await.text;
    assert_eq!(figures(&page), [1, 0, 0, 0]);
    assert_eq!(apply(&board, &centres, &seen(&page)).await.status, 303);
    let rows: String = (1..=30)
        .map(|n| format!("june-2026,{COMPONENT},55555,{:04},Candidate {n},{n},entered\n", 3000 + n))
        .collect();
    let list = given(&board, "candidates", format!("{HEAD}{rows}")).await;
    let page = board.get(&list).await.text;
    assert!(page.contains("to be drawn when this is applied"), "{page}");
    assert_eq!(figures(&page), [31, 0, 0, 0]);
    assert_eq!(apply(&board, &list, &seen(&page)).await.status, 303);
    let drawn = "SELECT CAST(COUNT(*) AS TEXT) FROM candidates c JOIN samples s ON s.id = c.sample_id \
                 WHERE s.centre_number = '55555' AND c.in_sample = 1";
    assert_eq!(strongroom.texts(drawn).await, ["6"]);
    // More entries before any work: drawn anew, by lots that are drawn only then.
    let more =
        given(&board, "candidates", format!("{HEAD}june-2026,{COMPONENT},55555,3999,Late,15,entered\n"))
            .await;
    let page = board.get(&more).await.text;
    assert!(page.contains("to be drawn anew when this is applied"), "{page}");
    assert_eq!(apply(&board, &more, &seen(&page)).await.status, 303);
    assert_eq!(strongroom.texts(drawn).await, ["6"]);
    board.strongroom.stop().await;
}
