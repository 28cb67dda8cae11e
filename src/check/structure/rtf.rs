//! RTF: text with commands, some of which load or start things, and objects of other programs in it ([`objects`]).

mod objects;

use std::io::SeekFrom;

use self::objects::Objects;

use super::Source;
use super::budget::Budget;
use super::refuse::Stop;

/// Attacks: an object that is loaded without a click, a file as an icon, a template from elsewhere, DDE.
const COMMANDS: &[(&[u8], &str)] = &[
    (b"\\objupdate", "an object that loads by itself"),
    (b"\\objautlink", "an object that loads by itself"),
    (b"\\objclass Package", "a file embedded as an object"),
    (b"\\*\\template http", "a template from elsewhere"),
    (b"\\*\\template \\\\\\\\", "a template from elsewhere"),
    (b"DDEAUTO", "a DDE link, which starts another program"),
];
const LONGEST: usize = 32;

pub(super) fn check(source: &mut dyn Source, size: u64, budget: &Budget<'_>) -> Result<(), Stop> {
    source.seek(SeekFrom::Start(0))?;
    let mut window = Vec::with_capacity((64 << 10) + LONGEST);
    let mut buffer = vec![0; 64 << 10];
    let mut objects = Objects::default();
    let mut left = size;
    while left > 0 {
        budget.in_time()?;
        let read = source.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        left = left.saturating_sub(read as u64);
        buffer[..read].iter().try_for_each(|&byte| objects.take(byte))?;
        window.extend_from_slice(&buffer[..read]);
        for (command, what) in COMMANDS {
            if window.windows(command.len()).any(|at| at == *command) {
                return Err(Stop::active(what));
            }
        }
        // What may be the start of a command stays for the next piece.
        let keep = window.len().saturating_sub(LONGEST);
        window.drain(..keep);
    }
    objects.end()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::check::structure::Limits;
    use crate::check::testing::spool;
    use crate::evidence::Reason;

    fn judged(text: &str) -> Result<(), Reason> {
        let (limits, size) = (Limits::default(), text.len() as u64);
        match check(&mut Cursor::new(text), size, &Budget::new(&limits, size, false, spool())) {
            Ok(()) => Ok(()),
            Err(Stop::Refused(refusal)) => Err(refusal.reason),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// An embedded object as Word writes it: 64 digits a line.
    fn embedding(class: &str, data: &[u8]) -> String {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let name = [class.as_bytes(), &[0]].concat();
        let bytes =
            [&[1, 5, 0, 0, 2, 0, 0, 0], &length(&name)[..], &name, &[0; 8], &length(data), data].concat();
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let lines: Vec<String> = digits.chunks(64).map(|line| line.concat()).collect();
        format!(
            "{{\\rtf1 Work {{\\object\\objemb{{\\*\\objclass Thing}}{{\\*\\objdata {}\r\n}}{{\\result x}}}}}}",
            lines.join("\r\n")
        )
    }

    fn program() -> Vec<u8> {
        let mut program = b"MZ".to_vec();
        program.resize(0x3c, 0);
        program.extend_from_slice(&0x80_u32.to_le_bytes());
        program.resize(0x80, 0);
        program.extend_from_slice(b"PE\0\0");
        program
    }

    #[test]
    fn ordinary_objects_pass() {
        let picture = [&vec![7; 100_000][..], b"MZ"].concat();
        assert_eq!(judged(&embedding("Equation.3", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 equation")), Ok(()));
        assert_eq!(judged(&embedding("PBrush", &picture)), Ok(()));
        assert_eq!(judged(&embedding("Word.Document.8", b"")), Ok(()));
        assert_eq!(judged("{\\rtf1 Write \\\\objdata 4d5a and {\\*\\objdata} in C:\\\\objects.}"), Ok(()));
    }

    #[test]
    fn packed_files_and_programs_are_refused() {
        let far = [&vec![7; 65_500][..], &program(), &[7; 100_000]].concat();
        let clsid = b"..\x0c\0\x03\0\0\0\0\0\xc0\0\0\0\0\0\0\x46..";
        for text in [
            embedding("Package", b"\x02\0letter.txt\0"),
            embedding("package", b"\x02\0letter.txt\0"),
            embedding("Equation.3", &program()),
            embedding("PBrush", &far),
            embedding("PBrush", b"\x7fELF\x02\x01\x01\0"),
            embedding("Equation.3", clsid),
            embedding("Equation.3", b"x").replace("Thing", "Package"),
            "{\\rtf1{\\object\\objdata 4d5a}}".to_owned(),
            "{\\rtf1{\\object\\objdata\r\n4 d\t5A}}".to_owned(),
            // Cut short, and written as no program does.
            "{\\rtf1{\\object\\objdata 4d5a".to_owned(),
            "{\\rtf1{\\object\\objdata 01{\\x}4d5a}}".to_owned(),
            "{\\rtf1{\\object\\objdata 01\\bin2 MZ}}".to_owned(),
            "{\\rtf1{\\object\\objdata01}}".to_owned(),
        ] {
            assert_eq!(judged(&text), Err(Reason::ActiveContent), "{}", &text[..text.len().min(100)]);
        }
    }
}
