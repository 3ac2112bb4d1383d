//! Templates: what a description may say, how it is compared with what an account has, and how the two are brought
//! into agreement.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

mod agreement;
mod apply;
mod case;
mod deletion;
mod description;
mod histories;
mod listed;
mod plan;
mod previews;
mod setbacks;
mod world;
