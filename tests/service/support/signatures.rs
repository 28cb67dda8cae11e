//! Signatures of a real clamd that are as old as a test wants them, and know what it wants.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

/// Writes the daily database of a managed clamd's folder: number, time, and what it finds (name, bytes). It is not
/// signed, which clamd asks of none with this ending.
pub fn write_daily(data: &Path, number: u32, at: Timestamp, known: &[(&str, &str)]) {
    let folder = data.join("clamd/signatures");
    std::fs::create_dir_all(&folder).unwrap();
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    // What the canaries are: halves, so that no scanner mistakes this source for it.
    let eicar = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let mut lines = format!("Test.Eicar:0:*:{}\n", hex(&eicar));
    for (name, bytes) in known {
        lines.push_str(&format!("{name}:0:*:{}\n", hex(bytes)));
    }
    let local = at.to_zoned(TimeZone::UTC);
    let time = local.strftime("%d %b %Y %H-%M +0000");
    let head = format!("ClamAV-VDB:{time}:{number}:1:90:X:X:tester:{}", at.as_second());
    let digest: String = Sha256::digest(lines.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let info = format!("{head}\ndaily.ndb:{}:{digest}\n", lines.len());

    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in [("COPYING", "for tests"), ("daily.info", &*info), ("daily.ndb", &*lines)] {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    let mut whole = format!("{head:<512}").into_bytes();
    whole.extend(archive.into_inner().unwrap());
    // Renamed, so that clamd never sees half of it.
    let before = folder.join("daily.new");
    std::fs::write(&before, whole).unwrap();
    std::fs::rename(before, folder.join("daily.cud")).unwrap();
}

/// Asks a managed clamd to load its signatures again.
pub fn reload(data: &Path) {
    let mut line = UnixStream::connect(data.join("clamd/clamd.sock")).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    line.write_all(b"zRELOAD\0").unwrap();
    let mut told = String::new();
    line.read_to_string(&mut told).unwrap();
    assert_eq!(told, "RELOADING\0");
}
