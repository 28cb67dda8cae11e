//! What a PNG says of itself: texts, a colour profile. They may be packed.

use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
use std::io::Read;

use flate2::read::ZlibDecoder;

use super::super::foreign::refuse_script;
use super::super::refuse::Stop;
use super::cut_short;

/// What such a text may have, bytes; the usual readers take half of it.
const LONGEST: usize = 16 << 20;
/// Bytes of it in which a script is looked for.
const START: usize = 64 << 10;

/// Judges a chunk of this kind, which is read as far as it must be.
pub(super) fn of_png(kind: [u8; 4], chunk: &mut dyn Read) -> Result<(), Stop> {
    let packed = match &kind {
        b"tEXt" => return read(chunk),
        b"zTXt" | b"iCCP" => {
            field(chunk)?;
            byte(chunk)?;
            true
        }
        b"iTXt" => {
            field(chunk)?;
            let packed = byte(chunk)? == 1;
            byte(chunk)?;
            field(chunk)?;
            field(chunk)?;
            packed
        }
        _ => return Ok(()),
    };
    if !packed {
        return read(chunk);
    }
    read(&mut ZlibDecoder::new(chunk))
}

fn read(text: &mut dyn Read) -> Result<(), Stop> {
    let (mut start, mut buffer, mut total) = (Vec::new(), vec![0; START], 0);
    loop {
        let read = match text.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            // A broken one is shown by nobody.
            Err(error) if matches!(error.kind(), InvalidInput | InvalidData | UnexpectedEof) => break,
            Err(error) => return Err(error.into()),
        };
        total += read;
        // Attack: a text that inflates to gigabytes in whoever shows it.
        if total > LONGEST {
            return Err(Stop::corrupt("A text in the picture is far too long."));
        }
        start.extend_from_slice(&buffer[..read.min(START - start.len())]);
    }
    refuse_script(&start)
}

/// Past the next zero.
fn field(chunk: &mut dyn Read) -> Result<(), Stop> {
    while byte(chunk)? != 0 {}
    Ok(())
}

fn byte(chunk: &mut dyn Read) -> Result<u8, Stop> {
    let mut one = [0];
    chunk.read_exact(&mut one).map_err(|_| cut_short())?;
    Ok(one[0])
}
