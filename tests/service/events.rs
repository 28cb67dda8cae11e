//! What happens, told as it happens.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Method;

use crate::support::{CENTRE, OTHER, Strongroom};

#[tokio::test]
async fn a_change_is_told_to_who_may_see_it_and_again_after_a_break() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let path = format!("/api/v1/events?samples={sample}");
    let foreign = strongroom.sample(OTHER).await;
    assert_eq!(officer.get(&format!("/api/v1/events?samples={foreign}")).await.status, 404);

    let listen = async |last: Option<String>, wanted: &str| -> String {
        let mut request = officer.request(Method::GET, &path);
        if let Some(last) = &last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        if last.is_none() {
            let missing = format!("/api/v1/samples/{sample}/candidates/1005/sections/URS/missing");
            assert_eq!(officer.put(&missing, serde_json::json!({ "reason": "lost" })).await.status, 204);
        }
        let (mut body, mut text) = (response.bytes_stream(), String::new());
        let read = async {
            while !text.contains(wanted) {
                text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(10), read).await.unwrap();
        text
    };
    let first = listen(None, "section.missing_set").await;
    assert!(first.contains("\"candidate\":\"1005\""), "{first}");
    let ids: Vec<_> = first.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    // Who heard nothing but that the stream lives misses nothing either.
    assert!(listen(Some(ids[0].to_owned()), "section.missing_set").await.contains(ids[1]));
    let id = ids[1].to_owned();
    let again = listen(Some(id.clone()), "section.missing_set").await;
    assert!(again.contains(&id));
    strongroom.stop().await;
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_lives() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let request = officer.request(Method::GET, &format!("/api/v1/events?samples={sample}"));
    let mut body = request.send().await.unwrap().bytes_stream();
    let mut next = async |within: u64| {
        let some = tokio::time::timeout(Duration::from_secs(within), body.next()).await.unwrap();
        String::from_utf8(some.unwrap().unwrap().to_vec()).unwrap()
    };
    // At once, with a place to go on from; and then again and again.
    let first = next(5).await;
    assert!(first.contains("event: heartbeat\n") && first.contains("data: {}\n"), "{first}");
    let id = first.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    assert!(uuid::Uuid::parse_str(id).unwrap().get_timestamp().is_some());
    assert_eq!(next(20).await, "event: heartbeat\ndata: {}\n\n");
    strongroom.stop().await;
}

#[tokio::test]
async fn one_person_leaves_streams_for_others() {
    let few = |config: &mut strongroom::config::Config| config.events.streams_per_person = 2;
    let strongroom = Strongroom::with(few).await;
    let sample = strongroom.sample(CENTRE).await;
    let path = format!("/api/v1/events?samples={sample},{sample}");
    let officer = strongroom.as_("officer.98765").await;
    let listen = || officer.request(Method::GET, &path).send();
    let held = [listen().await.unwrap(), listen().await.unwrap()];
    assert!(held.iter().all(|stream| stream.status() == 200));
    assert_eq!(officer.get(&path).await.status, 429);
    let teacher = strongroom.as_("teacher.98765").await;
    assert_eq!(teacher.request(Method::GET, &path).send().await.unwrap().status(), 200);
    drop(held);
    strongroom.stop().await;
}
