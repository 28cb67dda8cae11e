//! The pages: HTML made here, words made here; the browser's script fills in names and numbers and nothing else.
//!
//! One file a screen holds the screen's view and its handlers; `templates/` its HTML. [`words`] has every state in
//! words, [`policy`] the one policy all pages live under, `script/` what makes uploads outlive a page, `style/` the
//! look.

mod file;
mod help;
mod home;
mod missing;
mod moderation;
mod page;
pub mod policy;
mod receipt;
mod sign_in;
mod statics;
mod submit;
pub mod words;
mod workspace;
