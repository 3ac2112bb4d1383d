//! The board: what is wrong with templates, when it is said, and which of them are not used.

mod clocks;
mod looks;
mod news;
mod scene;
