//! The metrics: what each event counts, the page over real HTTP, and the page that explains them.

mod counting;
mod documented;
mod page;
mod protection;
mod samples;
mod templates;
