//! The receipt of a submission, at an address that stays.

use askama::Template;

use super::page::Frame;

#[derive(Debug, Template)]
#[template(path = "screens/receipt.html", config = "src/web/askama.toml")]
pub struct Receipt {
    pub frame: Frame,
    pub title: String,
    pub when: String,
    pub receipt: String,
    pub revision: u32,
    pub manifest_csv: String,
    pub manifest_json: String,
    pub manifest_sha256: String,
    pub declarations: Vec<String>,
    pub missing: Vec<String>,
    pub absent: Vec<String>,
    pub files_title: String,
    pub files: Vec<ReceiptFile>,
    pub back: String,
}

#[derive(Debug)]
pub struct ReceiptFile {
    pub candidate: String,
    pub section: String,
    pub name: String,
    pub unique_name: String,
    pub size: String,
    pub sha256: String,
}
