//! The zip format's records, as bytes (APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3).
//!
//! Every member is stored (method 0), named in UTF-8 (flag bit 11) and dated 1980-01-01, the format's first day, so
//! that the same contents always give the same bytes. Sizes and CRC stand in the local header: no data descriptors.

/// What a header says of a member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub path: &'a str,
    /// Bytes.
    pub size: u64,
    pub crc32: u32,
    /// Offset of the local header in the zip.
    pub offset: u64,
}

/// Where the central directory lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directory {
    pub entries: u64,
    pub start: u64,
    pub len: u64,
}

/// In a 32-bit field: "the value is in the zip64 record". Values from here on cannot be written in 32 bits.
const WIDE32: u64 = 0xffff_ffff;
/// The same for a 16-bit field.
const WIDE16: u64 = 0xffff;
const UTF8: u16 = 1 << 11;
const STORED: u16 = 0;
const MIDNIGHT: u16 = 0;
const FIRST_OF_JANUARY_1980: u16 = (1 << 5) | 1;
/// Version of the format a reader needs: 2.0, or 4.5 for zip64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;
/// Made on Unix, so that the mode below is read.
const MADE_BY: u16 = (3 << 8) | ZIP64;
/// A regular file that its owner may write and everybody may read.
const MODE: u32 = 0o100_644 << 16;

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// `value` in 32 bits, or the mark that says it is elsewhere.
fn narrow32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn narrow16(value: u64) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

impl Head<'_> {
    fn wide_size(&self) -> bool {
        self.size >= WIDE32
    }

    fn wide_offset(&self) -> bool {
        self.offset >= WIDE32
    }

    /// Bytes of the local header.
    pub(super) fn local_len(&self) -> u64 {
        30 + self.path.len() as u64 + if self.wide_size() { 20 } else { 0 }
    }

    pub(super) fn put_local(&self, out: &mut Vec<u8>) {
        put32(out, 0x0403_4b50);
        self.put_common(out, if self.wide_size() { ZIP64 } else { PLAIN });
        put16(out, if self.wide_size() { 20 } else { 0 });
        out.extend_from_slice(self.path.as_bytes());
        if self.wide_size() {
            put16(out, 1);
            put16(out, 16);
            put64(out, self.size);
            put64(out, self.size);
        }
    }

    /// What both headers say alike: from the version needed to the length of the name.
    fn put_common(&self, out: &mut Vec<u8>, needed: u16) {
        for value in [needed, UTF8, STORED, MIDNIGHT, FIRST_OF_JANUARY_1980] {
            put16(out, value);
        }
        put32(out, self.crc32);
        put32(out, narrow32(self.size));
        put32(out, narrow32(self.size));
        put16(out, narrow16(self.path.len() as u64));
    }

    fn wide_bytes(&self) -> u16 {
        (if self.wide_size() { 16 } else { 0 }) + (if self.wide_offset() { 8 } else { 0 })
    }

    /// Bytes of the entry in the central directory.
    pub(super) fn central_len(&self) -> u64 {
        let wide = u64::from(self.wide_bytes());
        46 + self.path.len() as u64 + if wide > 0 { 4 + wide } else { 0 }
    }

    pub(super) fn put_central(&self, out: &mut Vec<u8>) {
        let wide = self.wide_bytes();
        put32(out, 0x0201_4b50);
        put16(out, MADE_BY);
        self.put_common(out, if wide > 0 { ZIP64 } else { PLAIN });
        put16(out, if wide > 0 { 4 + wide } else { 0 });
        // No comment, on the first disk, no internal attributes.
        for _ in 0..3 {
            put16(out, 0);
        }
        put32(out, MODE);
        put32(out, narrow32(self.offset));
        out.extend_from_slice(self.path.as_bytes());
        if wide > 0 {
            put16(out, 1);
            put16(out, wide);
        }
        if self.wide_size() {
            put64(out, self.size);
            put64(out, self.size);
        }
        if self.wide_offset() {
            put64(out, self.offset);
        }
    }
}

impl Directory {
    fn wide(&self) -> bool {
        self.entries >= WIDE16 || self.start >= WIDE32 || self.len >= WIDE32
    }

    /// Bytes of the records that end the zip.
    pub(super) fn end_len(&self) -> u64 {
        if self.wide() { 56 + 20 + 22 } else { 22 }
    }

    pub(super) fn put_end(&self, out: &mut Vec<u8>) {
        if self.wide() {
            self.put_wide_end(out);
        }
        put32(out, 0x0605_4b50);
        put32(out, 0);
        put16(out, narrow16(self.entries));
        put16(out, narrow16(self.entries));
        put32(out, narrow32(self.len));
        put32(out, narrow32(self.start));
        put16(out, 0);
    }

    fn put_wide_end(&self, out: &mut Vec<u8>) {
        put32(out, 0x0606_4b50);
        put64(out, 44);
        put16(out, MADE_BY);
        put16(out, ZIP64);
        put32(out, 0);
        put32(out, 0);
        put64(out, self.entries);
        put64(out, self.entries);
        put64(out, self.len);
        put64(out, self.start);
        // The locator: where the record above begins.
        put32(out, 0x0706_4b50);
        put32(out, 0);
        put64(out, self.start + self.len);
        put32(out, 1);
    }
}
