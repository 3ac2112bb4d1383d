//! The adapter from outside: what it sends to a stub of Meta, and what it does with what Meta posts.

mod codes;
mod forgery;
mod house;
mod logs;
mod messenger_contract;
mod sending;
mod stub;
mod webhook;
mod webhook_posts;
