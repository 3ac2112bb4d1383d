//! The adapter from outside: what it sends to a stub of Meta, and what it does with what Meta posts.

mod catalog;
mod catalog_access;
mod catalog_contract;
mod catalog_errors;
mod catalog_pages;
mod codes;
mod forgery;
mod graph;
mod house;
mod logs;
mod messenger_contract;
mod sending;
mod stub;
mod webhook;
mod webhook_posts;
mod webhook_templates;
