//! Changes of an input: the ones that break parsers.

use rand::RngExt;
use rand::rngs::StdRng;

use super::LONGEST;

/// A seed with some changes.
pub(super) fn changed(seeds: &[Vec<u8>], words: &[&[u8]], chance: &mut StdRng) -> Vec<u8> {
    let mut input = seeds[chance.random_range(0..seeds.len())].clone();
    for _ in 0..1 << chance.random_range(0..5) {
        change(&mut input, seeds, words, chance);
        input.truncate(LONGEST);
    }
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&[u8]], chance: &mut StdRng) {
    let (from, to) = range(input.len(), chance);
    let at = chance.random_range(0..=input.len());
    match chance.random_range(0..16) {
        0 if from < to => input[from] ^= 1 << chance.random_range(0..8),
        1 if from < to => input[from] = chance.random(),
        2 if from < to => input[from] = one(b"\0\x01\x7f\x80\xff \n\r/<>()[]\"';:,=-#%&", chance),
        3 => number(input, at, chance),
        4 => digits(input, chance),
        5 => {
            input.drain(from..to);
        }
        6 => {
            let piece = input[from..to].to_vec();
            insert(input, at, &piece);
        }
        7 if !words.is_empty() => overwrite(input, at, words[chance.random_range(0..words.len())]),
        8 | 9 if !words.is_empty() => insert(input, at, words[chance.random_range(0..words.len())]),
        10 => {
            let other = &seeds[chance.random_range(0..seeds.len())];
            input.truncate(at);
            input.extend_from_slice(&other[chance.random_range(0..=other.len())..]);
        }
        11 => {
            let other = &seeds[chance.random_range(0..seeds.len())];
            let (from, to) = range(other.len(), chance);
            insert(input, at, &other[from..to]);
        }
        12 => input.truncate(at),
        13 => {
            let many = input[from..to].repeat(1 << chance.random_range(1..10));
            insert(input, at, &many[..many.len().min(LONGEST)]);
        }
        14 => {
            let bytes: Vec<u8> = (0..chance.random_range(1..17)).map(|_| chance.random()).collect();
            insert(input, at, &bytes);
        }
        _ => {
            let piece = input[from..to].to_vec();
            input.drain(from..to);
            let at = at.min(input.len());
            insert(input, at, &piece);
        }
    }
}

fn one(bytes: &[u8], chance: &mut StdRng) -> u8 {
    bytes[chance.random_range(0..bytes.len())]
}

/// A piece of so many bytes, more often a short one.
fn range(length: usize, chance: &mut StdRng) -> (usize, usize) {
    let from = chance.random_range(0..=length);
    let most = (length - from).min(1 << chance.random_range(0..12));
    (from, from + chance.random_range(0..=most))
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

fn overwrite(input: &mut [u8], at: usize, bytes: &[u8]) {
    for (old, new) in input[at..].iter_mut().zip(bytes) {
        *old = *new;
    }
}

/// Numbers at the borders of something.
fn border(length: usize, chance: &mut StdRng) -> u64 {
    let power = 1_u64 << chance.random_range(0..64);
    let number = match chance.random_range(0..4) {
        0 => power,
        1 => length as u64,
        2 => chance.random_range(0..=length) as u64,
        _ => 0,
    };
    number.wrapping_add_signed(chance.random_range(-2..3))
}

/// A binary number of two, four or eight bytes, either way round.
fn number(input: &mut [u8], at: usize, chance: &mut StdRng) {
    let (number, width) = (border(input.len(), chance), 2 << chance.random_range(0..3));
    if chance.random() {
        overwrite(input, at, &number.to_le_bytes()[..width]);
    } else {
        overwrite(input, at, &number.to_be_bytes()[8 - width..]);
    }
}

/// A number in digits, in place of one that is there.
fn digits(input: &mut Vec<u8>, chance: &mut StdRng) {
    let start = chance.random_range(0..=input.len());
    let Some(from) = input[start..].iter().position(u8::is_ascii_digit).map(|at| start + at) else { return };
    let to = from + input[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = border(input.len(), chance);
    let text = if chance.random() { number.to_string() } else { number.cast_signed().to_string() };
    input.splice(from..to, text.bytes());
}
