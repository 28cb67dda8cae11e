//! The plug is pulled while a file comes in pieces and is put together: at every named step.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use crate::kill::zip;
use crate::support::{Actor, CENTRE, COMPONENT, Installation, Process, send};

/// Tests that each pull the plug at a step, and the list of those steps.
macro_rules! at_each_step {
    ($($name:ident: $step:literal, $dies:expr;)*) => {
        pub const STEPS: &[&str] = &[$($step),*];
        $(#[tokio::test]
        async fn $name() {
            killed_with_pieces($step, $dies).await;
        })*
    };
}

at_each_step! {
    when_a_partial_is_whole: "concatenate::partial_whole", PieceStep::Sending;
    after_the_seal_of_a_partial: "upload::after_seal", PieceStep::Sending;
    when_a_file_has_taken_its_pieces: "upload::created", PieceStep::Joining;
    when_pieces_begin_to_be_put_together: "concatenate::claimed", PieceStep::Joining;
    after_a_step_of_putting_together: "concatenate::step", PieceStep::Joining;
    after_a_committed_step_of_putting_together: "concatenate::committed", PieceStep::Joining;
    before_the_seal_of_what_is_put_together: "upload::before_seal", PieceStep::Joining;
    after_the_seal_of_what_is_put_together: "upload::after_seal", PieceStep::Joining;
    when_what_is_put_together_is_received: "upload::received", PieceStep::Joining;
}

/// What the process does that is killed.
#[derive(PartialEq, Eq)]
enum PieceStep {
    /// Takes the last bytes of a partial.
    Sending,
    /// Makes a file of the partials, and puts it together.
    Joining,
}

/// Sends a file in pieces; one of three processes is killed at `step`.
async fn killed_with_pieces(step: &str, dies: PieceStep) {
    let installation = Installation::new(Path::new("config/demo")).await;
    let teacher = installation.token("teacher.98765").await;
    let bytes = zip(14 << 20);
    let (first, rest) = bytes.split_at(6 << 20);
    let (second, third) = rest.split_at(1 << 20);
    let process = installation.serve(None).await;
    let sample = {
        let list = format!("/api/v1/samples?component={COMPONENT}&centre={CENTRE}");
        process.actor(&teacher).get(&list).await.json()["items"][0]["id"].as_str().unwrap().to_owned()
    };
    let mut partials = Vec::new();
    for piece in [first, second, third] {
        let asked = tus(&process.actor(&teacher), Method::POST, "/files").header("upload-concat", "partial");
        let begun = send(asked.header("upload-length", piece.len())).await;
        assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text);
        partials.push(begun.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned());
    }
    let patch = async |process: &Process, partial: &str, offset: usize, bytes: &[u8]| {
        tus(&process.actor(&teacher), Method::PATCH, &format!("/files/{partial}"))
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(bytes.to_vec())
            .send()
            .await
            .map(|answer| answer.status())
    };
    for (partial, piece) in partials.iter().zip([first, second]) {
        assert_eq!(patch(&process, partial, 0, piece).await.unwrap(), StatusCode::NO_CONTENT);
    }
    let half = third.len() / 2;
    assert_eq!(patch(&process, &partials[2], 0, &third[..half]).await.unwrap(), StatusCode::NO_CONTENT);
    process.stop().await;

    let process = installation.serve((dies == PieceStep::Sending).then_some(step)).await;
    let last = patch(&process, &partials[2], half, &third[half..]).await;
    match dies {
        PieceStep::Sending => process.killed().await,
        PieceStep::Joining => {
            assert_eq!(last.unwrap(), StatusCode::NO_CONTENT);
            process.stop().await;
        }
    }
    let whole = |process: &Process| {
        let named: Vec<_> = partials.iter().map(|id| format!("/files/{id}")).collect();
        tus(&process.actor(&teacher), Method::POST, &format!("/files/to/{sample}/1005/Evidence"))
            .header("upload-concat", format!("final;{}", named.join(" ")))
            .header("upload-metadata", "filename c2l0ZS56aXA=")
    };
    if dies == PieceStep::Joining {
        let process = installation.serve(Some(step)).await;
        let _cut_or_not = whole(&process).send().await;
        process.killed().await;
    }

    let process = installation.serve(None).await;
    let asked = tus(&process.actor(&teacher), Method::HEAD, &format!("/files/{}", partials[2]));
    let told = send(asked).await;
    assert_eq!(told.status, StatusCode::OK);
    let offset: usize = told.headers["upload-offset"].to_str().unwrap().parse().unwrap();
    assert!(offset >= half, "{offset}, but {half} were acknowledged");
    if offset < third.len() {
        assert_eq!(
            patch(&process, &partials[2], offset, &third[offset..]).await.unwrap(),
            StatusCode::NO_CONTENT
        );
    }
    let made = send(whole(&process)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let file = made.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    process.actor(&teacher).wait_for(&file, "accepted").await;
    let content = process.actor(&teacher).request(Method::GET, &format!("/api/v1/files/{file}/content"));
    let content = content.send().await.unwrap().bytes().await.unwrap();
    assert_eq!(Sha256::digest(&content), Sha256::digest(&bytes));
    for once in [
        "SELECT count(*) FROM files",
        "SELECT count(*) FROM audit WHERE action = 'file.created'",
        "SELECT count(*) FROM audit WHERE action = 'file.received'",
    ] {
        assert_eq!(installation.count(once).await, 1, "{once}");
    }
    let swept = async {
        for query in [
            "SELECT count(*) FROM discards",
            "SELECT count(*) FROM upload_parts",
            "SELECT count(*) FROM partials WHERE object_key IS NOT NULL",
        ] {
            while installation.count(query).await > 0 {
                sleep(Duration::from_millis(20)).await;
            }
        }
    };
    timeout(Duration::from_secs(30), swept).await.expect("something is never cleared away");
    process.stop().await;
    let store = installation.store().await;
    let objects = store.list("", None, 100).await.unwrap();
    let [evidence] = &objects[..] else { panic!("not one object: {objects:?}") };
    assert!(evidence.starts_with("evidence/") && evidence.contains(&file), "{evidence}");
    assert_eq!(store.unfinished(100).await.unwrap(), Vec::<String>::new());
    store.delete(&evidence.parse().unwrap()).await.unwrap();
    installation.remove().await;
}

fn tus(person: &Actor, method: Method, path: &str) -> reqwest::RequestBuilder {
    person.request(method, path).header("tus-resumable", "1.0.0")
}
