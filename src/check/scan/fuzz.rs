//! Fuzz targets of what clamd says.

use jiff::tz::TimeZone;

use super::Finding;
use super::reply::{Handover, parse_reply};
use super::version::ClamdVersion;
use crate::fuzz::run;

#[test]
fn replies() {
    let seeds: [&[u8]; 10] = [
        b"fd[11]: OK\0",
        b"stream: OK\0",
        b"fd[7]: Test.OK.Name.UNOFFICIAL FOUND\0",
        b"fd[7]: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0",
        b"fd[7]: Heuristics.Encrypted.Zip FOUND\0",
        b"stream: Heuristics.OLE2.ContainsMacros FOUND\0",
        b"INSTREAM size limit exceeded. ERROR\0",
        b"fd[7]: Can't write to file ERROR\0",
        b"COMMAND READ TIMED OUT\n",
        b"fd[7]: Heuristics.Zip.OverlappingFiles FOUND\0",
    ];
    let words: &[&[u8]] = &[
        b"fd[",
        b"]: ",
        b"stream: ",
        b" OK",
        b"OK\0",
        b"\0",
        b"\n",
        b" FOUND",
        b" ERROR",
        b" FOUND\0",
        b"11",
        b"(null)",
    ];
    run("replies", seeds.map(<[u8]>::to_vec), words, |input| {
        let [descriptor, stream] =
            [Handover::Descriptor, Handover::Stream].map(|handover| parse_reply(input, handover));
        // Clean is this and nothing else.
        let number = input.strip_prefix(b"fd[").and_then(|rest| rest.strip_suffix(b"]: OK\0"));
        let ok = number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit));
        assert_eq!(descriptor == Ok(Finding::Clean), ok, "{:?}", String::from_utf8_lossy(input));
        assert_eq!(stream == Ok(Finding::Clean), input == b"stream: OK\0");
        // An answer is to one way of handing over, and to one request.
        assert!(descriptor.is_err() || stream.is_err());
        for found in [&descriptor, &stream] {
            let text = format!("{found:?}");
            assert!(text.len() < 2_000, "{} bytes", text.len());
            if let Ok(Finding::Infected { signature } | Finding::BeyondLimits { limit: signature }) = found {
                assert!(signature.chars().count() <= 200 && !signature.chars().any(char::is_control));
                assert!(input.ends_with(b"\0") && input.iter().filter(|byte| **byte == 0).count() == 1);
            }
        }
        let kind = |found: &Result<Finding, _>| std::mem::discriminant(found);
        (kind(&descriptor), kind(&stream), descriptor.ok().map(|found| std::mem::discriminant(&found)))
    });
}

#[test]
fn signatures_by_any_name_are_found() {
    let seeds: [&[u8]; 4] = [b"Test.Eicar", b" OK", b"fd[1]: OK", b"Heuristics.Encrypted.Zip"];
    run("signatures", seeds.map(<[u8]>::to_vec), &[b" OK", b"OK", b" FOUND", b"]: "], |input| {
        let name: String = String::from_utf8_lossy(input).chars().filter(|c| !c.is_control()).collect();
        let reply = format!("fd[3]: {name} FOUND\0");
        let found = parse_reply(reply.as_bytes(), Handover::Descriptor);
        assert_eq!(found.is_ok(), !name.is_empty(), "{name:?}: {found:?}");
        assert_ne!(found, Ok(Finding::Clean));
        found.ok().map(|found| std::mem::discriminant(&found))
    });
}

#[test]
fn versions() {
    let seeds: [&[u8]; 4] = [
        b"ClamAV 1.4.6\0",
        b"ClamAV 1.4.6/27000/Thu Oct 22 17:22:46 2026\0",
        b"ClamAV 1.4.6/27000/Mon Nov  2 07:02:06 2026\0",
        b"ClamAV 1.4.6/1/Sun Mar 29 01:30:00 2026\0",
    ];
    let words: &[&[u8]] = &[b"/", b"ClamAV ", b"\0", b" 9999\0", b"-9999", b"23:59:60", b"Feb 29", b"Fri"];
    let zone = TimeZone::get("Europe/London").unwrap();
    run("versions", seeds.map(<[u8]>::to_vec), words, |input| {
        let Some(version) = ClamdVersion::parse(input, &zone) else { return 0 };
        let identity = version.identity();
        assert!(identity.engine.len() <= 100 && input.ends_with(b"\0"));
        // Without a date it is a test database, and so it says.
        assert_eq!(version.daily.is_none(), identity.signatures == "test");
        assert_eq!(version.daily.is_some(), input.contains(&b'/'));
        if let Some((number, at)) = &version.daily {
            assert_eq!(identity.signatures, format!("{number}/{at}"));
        }
        1 + u8::from(version.daily.is_some())
    });
}
