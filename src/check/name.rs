//! What a file may be called: the first check, made again before every verdict.

use crate::component::Section;
use crate::evidence::{FileKind, LINK_EXTENSIONS, OriginalName, Reason};

/// A rule that refused something, and what a person needs to know to put it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    /// One sentence in plain words; it may name what is inside an archive, never a secret of ours.
    pub detail: String,
}

impl Refusal {
    /// What `detail` quotes of a file may hold anything; no database takes a NUL, and nobody reads a control character.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let detail = detail.into().chars().map(|c| if c.is_control() { '·' } else { c }).collect();
        Self { reason, detail }
    }
}

/// Extensions a double click runs. Never last unless a section asks for programs, never hidden before the last.
pub(super) const EXECUTABLE: &[&str] = &[
    "exe", "scr", "pif", "cpl", "dll", "sys", "msi", "msp", "msix", "appx", "bat", "cmd", "ps1", "psm1",
    "vbs", "vbe", "js", "jse", "wsf", "wsh", "hta", "jar", "apk", "dmg", "pkg", "iso", "vhd", "vhdx", "lnk",
    "url", "reg", "chm", "xll", "sh", "desktop", "scf", "gadget",
];

/// The kind of file a name promises, when the section takes it.
///
/// # Errors
///
/// `name_not_allowed` for what hides the extension, `link_only`, `double_extension`, `type_not_allowed`.
pub fn check_name(name: &OriginalName, section: &Section) -> Result<FileKind, Refusal> {
    let text = name.as_str();
    if text.ends_with(['.', ' ']) {
        return Err(Refusal::new(
            Reason::NameNotAllowed,
            "The name ends with a dot or a space; rename the file.",
        ));
    }
    if text.chars().any(hidden) {
        return Err(Refusal::new(
            Reason::NameNotAllowed,
            "The name holds characters that cannot be seen; rename the file with plain letters.",
        ));
    }
    let extension = name.extension();
    let last = extension.as_deref().unwrap_or_default();
    if LINK_EXTENSIONS.contains(&last) {
        return Err(Refusal::new(
            Reason::LinkOnly,
            format!(
                "A .{last} file holds only a link to the work; download the work itself and upload that."
            ),
        ));
    }
    double_extension(text, last)?;
    let kind =
        FileKind::of(last).filter(|kind| section.accepts.iter().any(|accepted| accepted == kind.extension));
    kind.ok_or_else(|| {
        let found = if last.is_empty() { "without an ending".to_owned() } else { format!("of type .{last}") };
        let accepted = section.accepts.join(", ");
        Refusal::new(
            Reason::TypeNotAllowed,
            format!("This section takes no file {found}; it takes: {accepted}."),
        )
    })
}

/// Attack: `film.mp4.exe` and `invoice.exe.pdf`, where Windows hides the last extension or a list cuts it off.
fn double_extension(text: &str, last: &str) -> Result<(), Refusal> {
    let lower = text.to_lowercase();
    let Some(stem) = lower.strip_suffix(last).and_then(|stem| stem.strip_suffix('.')) else { return Ok(()) };
    let runs_last = EXECUTABLE.contains(&last);
    // The first part is the name itself: `js.pdf` hides nothing. Nor does `Learning Node.js.pdf`.
    let hidden = stem.split('.').skip(1).map(str::trim).find(|&part| {
        (EXECUTABLE.contains(&part) && part != "js") || (runs_last && FileKind::of(part).is_some())
    });
    match hidden {
        None => Ok(()),
        Some(part) => Err(Refusal::new(
            Reason::DoubleExtension,
            format!("The name has two endings, .{part} and .{last}; rename the file to have one."),
        )),
    }
}

/// Characters without width that [`OriginalName`] lets pass. Joiners stay: some scripts and emoji need them.
fn hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::section;

    fn reason(name: &str) -> Result<&'static str, Reason> {
        let name: OriginalName = name.parse().unwrap();
        check_name(&name, &section(&["pdf", "mp4", "docx", "tar.gz", "zip"]))
            .map(|kind| kind.extension)
            .map_err(|refusal| refusal.reason)
    }

    #[test]
    fn ordinary_names_pass() {
        assert_eq!(reason("Essay final (2).PDF"), Ok("pdf"));
        assert_eq!(reason("work.tar.gz"), Ok("tar.gz"));
        assert_eq!(reason("v1.2 of my essay.docx"), Ok("docx"));
        assert_eq!(reason("Intro to Vue.js and more.docx"), Ok("docx"));
        assert_eq!(reason("js.pdf"), Ok("pdf"));
        assert_eq!(reason("Learning Node.js.pdf"), Ok("pdf"));
        assert_eq!(reason("👩‍🎨 portfolio.pdf"), Ok("pdf"));
        assert_eq!(reason("~';][{}!@£$%^&()}{_-.pdf"), Ok("pdf"));
    }

    #[test]
    fn every_trick_has_its_reason() {
        for (name, expected) in [
            ("film.mp4.exe", Reason::DoubleExtension),
            ("a.exe.pdf", Reason::DoubleExtension),
            ("a.EXE .pdf", Reason::DoubleExtension),
            ("a.vbs.tar.gz", Reason::DoubleExtension),
            ("game.exe", Reason::TypeNotAllowed),
            ("a.rar", Reason::TypeNotAllowed),
            ("README", Reason::TypeNotAllowed),
            (".htaccess", Reason::TypeNotAllowed),
            (".pdf", Reason::TypeNotAllowed),
            ("a.pdf.", Reason::NameNotAllowed),
            ("a.pdf ", Reason::NameNotAllowed),
            ("a\u{200b}.pdf", Reason::NameNotAllowed),
            ("work.gdoc", Reason::LinkOnly),
            ("a.pdf.url", Reason::LinkOnly),
            ("a.png", Reason::TypeNotAllowed),
        ] {
            assert_eq!(reason(name), Err(expected), "{name}");
        }
    }

    #[test]
    fn a_section_that_asks_for_programs_gets_them_under_their_own_name() {
        let section = section(&["exe"]);
        let check =
            |name: &str| check_name(&name.parse().unwrap(), &section).map_err(|refusal| refusal.reason);
        assert_eq!(check("game.exe").unwrap().extension, "exe");
        assert_eq!(check("film.mp4.exe"), Err(Reason::DoubleExtension));
    }
}
