//! One file that is uploaded, and what must become of it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use strongroom::check::scan::Scanner;
use strongroom::check::{Subject, Verdict, judge};
use strongroom::component::{Section, ZipAdvice};
use strongroom::evidence::{Group, LARGEST, Reason, catalogue};

/// Writes a file's bytes, from its first.
type Make = Box<dyn FnOnce(&mut File) -> io::Result<()> + Send>;

/// A file to be judged.
pub struct Case {
    /// A group of bad files, or of good ones.
    pub group: &'static str,
    /// What is special about it.
    pub what: String,
    /// The name it is uploaded under.
    pub name: String,
    /// What must come out: clean, or refused for exactly this reason.
    pub expected: Result<(), Reason>,
    section: Section,
    /// Bytes that were announced, where they are not those that come.
    announced: Option<u64>,
    make: Make,
}

/// What came out.
pub struct Judged {
    pub group: &'static str,
    pub what: String,
    pub name: String,
    pub expected: Result<(), Reason>,
    pub found: Result<(), Reason>,
    /// What a person is told, or the scanner says.
    pub detail: String,
    /// How long it took to make and to judge it.
    pub time: Duration,
}

impl Case {
    /// A file to be refused. Its bytes are made only when its turn comes, see [`holding`].
    pub fn bad(
        group: &'static str,
        what: impl Into<String>,
        name: impl Into<String>,
        reason: Reason,
        make: impl FnOnce(&mut File) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self::new(group, what.into(), name.into(), Err(reason), Box::new(make))
    }

    /// A file to be accepted.
    pub fn good(
        group: &'static str,
        what: impl Into<String>,
        name: impl Into<String>,
        make: impl FnOnce(&mut File) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self::new(group, what.into(), name.into(), Ok(()), Box::new(make))
    }

    fn new(
        group: &'static str,
        what: String,
        name: String,
        expected: Result<(), Reason>,
        make: Make,
    ) -> Self {
        // Programs are taken only where a section names them by themselves.
        let accepts = catalogue().filter(|kind| kind.group != Group::Programs);
        let section = Section {
            code: "Evidence".parse().unwrap(),
            title: "Evidence".into(),
            required: true,
            min: 1,
            max: 64,
            max_bytes: LARGEST,
            accepts: accepts.map(|kind| kind.extension.to_owned()).collect(),
            zip: ZipAdvice::None,
            naming_assessed: false,
            allow_unscannable: false,
            aliases: Vec::new(),
        };
        Self { group, what, name, expected, section, announced: None, make }
    }

    /// The section takes these extensions alone.
    pub fn accepting(mut self, extensions: &[&str]) -> Self {
        self.section.accepts = extensions.iter().map(|&extension| extension.to_owned()).collect();
        self
    }

    /// The section takes so many bytes at most.
    pub fn at_most(mut self, bytes: u64) -> Self {
        self.section.max_bytes = bytes;
        self
    }

    /// So many bytes were announced.
    pub fn announced(mut self, bytes: u64) -> Self {
        self.announced = Some(bytes);
        self
    }

    /// Makes the file and has it judged, as the service does with one that was received.
    pub async fn judge(self, scanner: &dyn Scanner, spool: &Path) -> Judged {
        let Self { group, what, name, expected, section, announced, make } = self;
        let began = Instant::now();
        let told = |found, detail| Judged {
            group,
            what: what.clone(),
            name: name.clone(),
            expected,
            found,
            detail,
            time: began.elapsed(),
        };
        // A name that cannot be one is refused before a byte is sent.
        let parsed = match name.parse() {
            Ok(parsed) => parsed,
            Err(error) => {
                let error: strongroom::evidence::InvalidName = error;
                return told(Err(Reason::NameNotAllowed), error.to_string());
            }
        };
        let folder = spool.to_owned();
        let made = tokio::task::spawn_blocking(move || {
            let mut file = tempfile::tempfile_in(folder)?;
            make(&mut file)?;
            Ok::<_, io::Error>(file)
        });
        let file = made.await.expect("the maker of a case does not panic").expect("a case can be written");
        let size = announced.unwrap_or(file.metadata().unwrap().len());
        let subject = Subject {
            name: parsed,
            section,
            size,
            received_sha256: None,
            pieces: Vec::new(),
            client_sha256: None,
            last_try: false,
        };
        match judge(&subject, file, scanner, spool).await {
            Ok(judgement) => match judgement.verdict {
                Verdict::Clean => told(Ok(()), "clean".to_owned()),
                Verdict::Infected { signature } => told(Err(Reason::Infected), signature),
                Verdict::Rejected { reason, detail } => told(Err(reason), detail),
                Verdict::Unscannable { detail } => told(Err(Reason::Unscannable), detail),
            },
            Err(error) => panic!("{group}, {what}: no verdict: {error:?}"),
        }
    }
}

impl Judged {
    pub fn is_as_expected(&self) -> bool {
        self.found == self.expected
    }
}

/// A maker of these bytes.
pub fn holding(bytes: impl Into<Vec<u8>>) -> impl FnOnce(&mut File) -> io::Result<()> + Send + 'static {
    let bytes = bytes.into();
    move |file| file.write_all(&bytes)
}
