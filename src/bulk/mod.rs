//! Many files at once: where each belongs by its name or its folders ([`names`]), and what would become of it there
//! ([`plan`]). Pure, and never a guess.
//!
//! A [`Pattern`] says how a centre names its files, a [`Roll`] what there is to name: this centre, this component, its
//! sections and the candidates entered. A file is *filed* when every field of the pattern was there and each is exactly
//! one thing of the roll; otherwise it waits for a person, with the [`Doubt`] in the way and whatever is beyond doubt,
//! so that there is one thing to choose and not three. A [`Ground`] then says what lies in each place already and who
//! may be uploaded for; against it a file is ready, replaces one, is refused, or is here already.

mod names;
mod naming;
mod plan;
mod target;
mod template;
mod text;

pub use names::{Doubt, Filing, MOST_SHARING, Roll, Unfiled};
pub use naming::{InvalidNaming, Naming, Pattern, Preset};
pub use plan::{
    Choice, Ground, Held, Item, LeftOut, NameCheck, Obstacle, Person, Planned, Standing, Why, left_out, plan,
};
pub use target::Target;
pub use template::{InvalidTemplate, Template};
pub use text::sameness;

#[cfg(test)]
mod tests;
