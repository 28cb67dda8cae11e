//! What a centre keeps of a submission: its receipt as a page, on paper and as a list.

use reqwest::Method;

use crate::identity::{cookie, with_cookie};
use crate::support::{CENTRE, Strongroom, send};

#[tokio::test]
async fn a_receipt_names_people_and_is_the_same_on_paper_each_time() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let file = officer.upload(&sample, "1005", "URS", "=प्रिया 王.txt", b"recording sheet").await;
    officer.wait_for(&file, "accepted").await;
    officer.submit(&sample).await;
    let receipt = format!("/api/v1/samples/{sample}/submissions/1");
    let number = officer.get(&receipt).await.json()["receipt"].as_str().unwrap().to_owned();
    let name = strongroom.texts("SELECT name FROM people WHERE id = 'officer.98765'").await.remove(0);
    let candidate = strongroom.texts("SELECT name FROM candidates WHERE number = '1005'").await.remove(0);

    let mut papers = Vec::new();
    for _ in 0..2 {
        let answer = officer.request(Method::GET, &format!("{receipt}/receipt.pdf")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/pdf");
        let disposition = format!("attachment; filename=\"receipt-{number}.pdf\"");
        assert_eq!(answer.headers()["content-disposition"], disposition.as_str());
        papers.push(answer.bytes().await.unwrap());
    }
    assert_eq!(papers[0], papers[1]);
    let read = lopdf::Document::load_mem(&papers[0]).unwrap();
    let pages: Vec<u32> = read.get_pages().keys().copied().collect();
    let text = read.extract_text(&pages).unwrap();
    for words in [number.as_str(), &name, "1005"] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    let taken = "SELECT detail FROM audit WHERE action = 'manifest.downloaded' ORDER BY id LIMIT 1";
    assert!(strongroom.texts(taken).await[0].contains("\"form\":\"pdf\""));

    let answer = officer.request(Method::GET, &format!("{receipt}/manifest.csv")).send().await.unwrap();
    let table = answer.bytes().await.unwrap();
    assert!(table.starts_with("\u{feff}centre,candidate,name,".as_bytes()));
    let mut rows = csv::Reader::from_reader(&table[..]);
    let row = rows.records().next().unwrap().unwrap();
    assert_eq!((&row[1], &row[2], &row[6]), ("1005", candidate.as_str(), "'=प्रिया 王.txt"));

    let cookie = cookie(&strongroom, "officer.98765").await;
    let page = with_cookie(&strongroom, Method::GET, &format!("/samples/{sample}/submissions/1"), &cookie);
    let page = send(page.header("accept", "text/html")).await.text;
    assert!(page.contains(&format!("Submitted by {name}")), "{page}");
    assert!(page.contains(&format!("declared by {name}")) && !page.contains("by officer.98765"), "{page}");
    strongroom.stop().await;
}
