//! Drawing a sample: which of a centre's candidates are asked for. Exact and repeatable.
//!
//! The draw covers the range of attainment. Candidates with a mark are ranked by mark, descending, then centre, then
//! number. The first and the last rank are always in; the ranks between are cut into equal bands, and each band gives
//! the candidate whose SHA-256 of seed and candidate id is the smallest. The seed is made once, stored with the
//! sample, and so anyone who holds it can draw the sample again and get the same candidates.

use sha2::{Digest, Sha256};

use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::centre::CentreNumber;
use crate::component::SampleMode;
use crate::ids::CandidateId;

/// The random part of a draw: 32 bytes.
pub type Seed = [u8; 32];

/// A candidate as the draw sees one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: CandidateId,
    pub centre: CentreNumber,
    pub number: CandidateNumber,
    pub mark: Option<i64>,
    pub status: CandidateStatus,
    /// On the board's or moderator's list; counts with [`SampleMode::List`] alone.
    pub listed: bool,
}

/// How many are drawn from `candidates` marked ones; `None` takes everyone.
fn size(mode: SampleMode, candidates: usize) -> Option<usize> {
    match mode {
        SampleMode::All | SampleMode::List => None,
        SampleMode::SixRule => Some(6),
        SampleMode::SizeTable => match candidates {
            0..=15 => None,
            16..=100 => Some(15),
            101..=200 => Some(20),
            _ => Some(25),
        },
    }
}

/// Draws. Absent and withdrawn candidates are never drawn; without a mark only where everyone entered, or a list,
/// is asked for. The answer is in rank order.
pub fn draw(mode: SampleMode, candidates: &[Entry], seed: &Seed) -> Vec<CandidateId> {
    let needs_mark = matches!(mode, SampleMode::SixRule | SampleMode::SizeTable);
    let mut ranked: Vec<&Entry> = candidates
        .iter()
        .filter(|entry| entry.status == CandidateStatus::Entered)
        .filter(|entry| entry.mark.is_some() || !needs_mark)
        .filter(|entry| mode != SampleMode::List || entry.listed)
        .collect();
    ranked.sort_by(|a, b| {
        b.mark.cmp(&a.mark).then_with(|| a.centre.cmp(&b.centre)).then_with(|| a.number.cmp(&b.number))
    });
    match size(mode, ranked.len()) {
        Some(wanted) if ranked.len() > wanted => spread(&ranked, wanted, seed),
        _ => ranked.into_iter().map(|entry| entry.id).collect(),
    }
}

/// The first, the last, and one of each band between: `wanted` of more than `wanted` ranked entries.
fn spread(ranked: &[&Entry], wanted: usize, seed: &Seed) -> Vec<CandidateId> {
    let [first, middle @ .., last] = ranked else { return Vec::new() };
    let bands = wanted.saturating_sub(2);
    let mut drawn = vec![first.id];
    for band in 0..bands {
        let from = band * middle.len() / bands;
        let to = (band + 1) * middle.len() / bands;
        drawn.extend(middle[from..to].iter().map(|entry| entry.id).min_by_key(|id| ticket(seed, *id)));
    }
    drawn.push(last.id);
    drawn
}

/// The candidate's lot: SHA-256 of the seed's bytes followed by the id's text.
fn ticket(seed: &Seed, id: CandidateId) -> [u8; 32] {
    Sha256::new().chain_update(seed).chain_update(id.to_string()).finalize().into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn entered(marks: impl IntoIterator<Item = Option<i64>>) -> Vec<Entry> {
        marks
            .into_iter()
            .enumerate()
            .map(|(n, mark)| Entry {
                id: CandidateId::new(),
                centre: "98765".parse().unwrap(),
                number: format!("{n:04}").parse().unwrap(),
                mark,
                status: CandidateStatus::Entered,
                listed: n % 2 == 0,
            })
            .collect()
    }

    fn marked(count: usize) -> Vec<Entry> {
        entered((0..count as i64).map(|n| Some((n * 37) % 61)))
    }

    #[test]
    fn the_six_rule_takes_all_up_to_six_and_then_six_with_the_highest_and_the_lowest() {
        for (candidates, drawn) in [(0, 0), (1, 1), (5, 5), (6, 6), (7, 6), (250, 6)] {
            let list = marked(candidates);
            let sample = draw(SampleMode::SixRule, &list, &[7; 32]);
            assert_eq!(sample.len(), drawn, "{candidates}");
            let mark = |id: &CandidateId| list.iter().find(|entry| entry.id == *id).unwrap().mark;
            assert_eq!(sample.first().map(mark), list.iter().map(|entry| entry.mark).max());
            assert_eq!(sample.last().map(mark), list.iter().map(|entry| entry.mark).min());
        }
    }

    #[test]
    fn the_size_table_steps_at_16_101_and_201() {
        for (candidates, drawn) in [(15, 15), (16, 15), (100, 15), (101, 20), (200, 20), (201, 25)] {
            let sample = draw(SampleMode::SizeTable, &marked(candidates), &[7; 32]);
            assert_eq!(sample.len(), drawn, "{candidates}");
        }
    }

    #[test]
    fn absent_and_unmarked_candidates_are_not_drawn_unless_all_are_asked_for() {
        let mut list = entered([Some(3), None, Some(1), Some(2)]);
        list[0].status = CandidateStatus::Absent;
        assert_eq!(draw(SampleMode::SixRule, &list, &[0; 32]), [list[3].id, list[2].id]);
        assert_eq!(draw(SampleMode::All, &list, &[0; 32]).len(), 3);
        assert_eq!(draw(SampleMode::List, &list, &[0; 32]), [list[2].id]);
    }

    #[test]
    fn each_band_gives_the_candidate_with_the_smallest_hash() {
        let list = entered((0..7).map(|n| Some(100 - n)));
        let seed = [9; 32];
        let sample = draw(SampleMode::SixRule, &list, &seed);
        // Five ranks between the ends, four bands: ranks 2, 3, 4 and 5..6.
        let last_band = [list[4].id, list[5].id].into_iter().min_by_key(|id| ticket(&seed, *id)).unwrap();
        assert_eq!(sample, [list[0].id, list[1].id, list[2].id, list[3].id, last_band, list[6].id]);
    }

    proptest! {
        #[test]
        fn a_draw_is_repeatable_whatever_the_order_and_holds_nobody_twice(
            marks in prop::collection::vec(prop::option::of(0i64..40), 0..260), seed: Seed, turn in 0usize..260,
        ) {
            let list = entered(marks);
            for mode in [SampleMode::All, SampleMode::SixRule, SampleMode::SizeTable, SampleMode::List] {
                let sample = draw(mode, &list, &seed);
                let mut turned = list.clone();
                let middle = turn % list.len().max(1);
                turned.rotate_left(middle);
                prop_assert_eq!(&sample, &draw(mode, &turned, &seed));
                let unique: HashSet<_> = sample.iter().collect();
                prop_assert_eq!(unique.len(), sample.len());
                let with_mark = list.iter().filter(|entry| entry.mark.is_some()).count();
                if mode == SampleMode::SixRule {
                    prop_assert_eq!(sample.len(), with_mark.min(6));
                }
            }
        }
    }
}
