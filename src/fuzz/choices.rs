//! An input read as a list of choices, for targets that build something sound, or something bad of a known kind.

/// What is left of the input. At its end every choice is the first.
#[derive(Debug)]
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `most`, which is 256 or less.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % most
    }

    pub(crate) fn yes(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Up to `most` bytes as they are; `most` is below 256.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let length = self.below(most + 1).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    /// Letters of `alphabet`, between `least` and `most`.
    pub(crate) fn letters(&mut self, alphabet: &[char], least: usize, most: usize) -> String {
        let length = least + self.below(most - least + 1);
        (0..length).map(|_| self.one_of(alphabet)).collect()
    }
}
