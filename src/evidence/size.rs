//! Sizes in words: one way for pages, the API and plans.

/// A size for people, in powers of 1,024 as the limits are: `15 MB`, `2.1 GB`.
pub fn bytes_in_words(size: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if size < 1024 {
        return format!("{size} bytes");
    }
    let mut tenths = u128::from(size) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if tenths >= 100 || tenths % 10 == 0 {
        format!("{} {}", tenths / 10, UNITS[unit])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_the_limits_do() {
        assert_eq!(bytes_in_words(0), "0 bytes");
        assert_eq!(bytes_in_words(1536), "1.5 KB");
        assert_eq!(bytes_in_words(15 << 20), "15 MB");
        assert_eq!(bytes_in_words((15 << 20) + 1), "15 MB");
        assert_eq!(bytes_in_words(25 << 30), "25 GB");
        assert_eq!(bytes_in_words(980 * (1 << 20)), "980 MB");
    }
}
