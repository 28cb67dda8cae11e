//! The index of a stream of compressed objects: pairs of a number and a place, before the objects themselves.

/// How many places the index has, when every object ends before the next one begins.
///
/// Attack: an index of many places in one large array, which a parser copies for each of them. It does not help to let
/// places rise only: each bracket of `[[[[ … ]]]]`, and each blank before an array, is a place too.
///
/// `first`: where the places are counted from, bytes.
pub(super) fn count(content: &[u8], first: usize) -> Option<usize> {
    let (index, objects) = content.split_at_checked(first)?;
    let index = std::str::from_utf8(index).ok()?;
    let numbers = index
        .split(['\r', '\n'])
        .flat_map(|line| line.split('%').next().unwrap_or_default().split_whitespace())
        .map(str::parse::<u32>);
    let (mut before, mut count) = (None, 0);
    for place in numbers.skip(1).step_by(2) {
        let place = place.ok()? as usize;
        if let Some(start) = before.replace(place)
            && !objects.get(start..place).is_some_and(is_whole)
        {
            return None;
        }
        count += 1;
    }
    Some(count)
}

/// True when an object stands in these bytes and none goes on behind them.
fn is_whole(bytes: &[u8]) -> bool {
    let (mut depth, mut any, mut rest) = (0_usize, false, bytes);
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'%' => {
                let Some(end) = after.iter().position(|byte| b"\r\n".contains(byte)) else { return false };
                rest = &after[end..];
                continue;
            }
            b' ' | b'\t' | b'\n' | b'\r' | b'\0' | 0x0c => continue,
            b'(' => {
                let Some(behind) = behind_text(after) else { return false };
                rest = behind;
            }
            b'<' if after.first() != Some(&b'<') => {
                let Some(end) = after.iter().position(|&byte| byte == b'>') else { return false };
                rest = &after[end + 1..];
            }
            b'<' | b'>' => {
                // The second half of `<<` and `>>` goes with the first.
                let Some(behind) = after.strip_prefix(&[*byte]) else { return false };
                rest = behind;
                let Some(now) = (if *byte == b'<' { Some(depth + 1) } else { depth.checked_sub(1) }) else {
                    return false;
                };
                depth = now;
            }
            b'[' => depth += 1,
            b']' => {
                let Some(now) = depth.checked_sub(1) else { return false };
                depth = now;
            }
            _ => {}
        }
        any = true;
    }
    any && depth == 0
}

/// What follows a string whose opening bracket has been read.
fn behind_text(bytes: &[u8]) -> Option<&[u8]> {
    let (mut depth, mut at) = (1, 0);
    loop {
        match bytes.get(at)? {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return bytes.get(at..);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_share_no_bytes() {
        for (index, objects) in [
            ("", ""),
            ("1 0 ", "[0 0"),
            ("1 0 2 3 ", "<<>>[]"),
            ("1 0 2 12 3 17 ", "<< /A (>>) > [] % [\n <3e>"),
            ("1 0 % one\n2 2 ", "7 (\\)()) "),
            ("1 0 2 6 ", "%[[\n4 [0 0]"),
        ] {
            let sound = count(format!("{index}{objects}").as_bytes(), index.len()).is_some();
            assert_eq!(sound, index != "1 0 2 12 3 17 " && index != "1 0 2 3 ", "{index}{objects}");
        }
        for (index, objects) in [
            ("1 0 2 0 ", "[0 0]"),
            ("1 5 2 0 ", "[0 0][0 0]"),
            ("1 0 2 1 ", "[[0 0]]"),
            ("1 0 2 1 ", "  [0 0]"),
            ("1 0 2 1 ", "%%[0 0]\n0"),
            ("1 0 2 1 ", "((0))"),
            ("1 0 2 4 ", "(\\))[0 0]"),
            ("1 0 2 9 ", "[0 0]"),
            ("1 0 2 x ", "[0 0]"),
        ] {
            let sound = count(format!("{index}{objects}").as_bytes(), index.len()).is_some();
            assert_eq!(sound, objects.starts_with("(\\))"), "{index}{objects}");
        }
        assert_eq!(count(b"1 0", 4), None);
        assert_eq!(count(b"1 0 2 2 7 7", 8), Some(2));
    }
}
