//! `[store]`: where state is kept.

use std::path::Path;

use countersign_domain::id::ShardCount;
use countersign_store_redis::config::{Address, Config as RedisConfig};
use countersign_store_redis::keys::Prefix;
use zeroize::Zeroizing;

use super::reader::{Mistakes, SecretSources, Section};

/// Where state is kept.
#[derive(Debug)]
pub(crate) enum StoreSettings {
    /// In this process.
    Memory,
    /// On a Redis server.
    Redis(Box<RedisConfig>),
}

/// What only a Redis store has.
const REDIS_ONLY: [&str; 7] = [
    "address",
    "username",
    "password",
    "certificate_authorities",
    "timeout",
    "prefix",
    "accept_data_loss",
];

enum Kind {
    Memory,
    Redis,
}

/// Reads the store and the number of its shards; relative files are looked for in `folder`.
pub(super) fn read_store(
    mut store: Section,
    folder: &Path,
    secrets: &SecretSources<'_>,
    mistakes: &mut Mistakes,
) -> Option<(StoreSettings, ShardCount)> {
    let kind = |text: &str| match text {
        "memory" => Ok(Kind::Memory),
        "redis" => Ok(Kind::Redis),
        _ => Err("must be \"redis\" or \"memory\""),
    };
    let kind = store.required("kind", kind, mistakes);
    let path = store.path("shards");
    let count = store.number("shards", mistakes).unwrap_or(ShardCount::DEFAULT.get());
    let shards = ShardCount::new(count);
    if shards.is_none() {
        mistakes.add(&path, format!("is {count}, must be 1 to 1024"));
    }
    let settings = match kind {
        // Its other settings cannot be judged before it says what it is.
        None => {
            store.take_all();
            None
        }
        Some(Kind::Memory) => {
            for key in REDIS_ONLY {
                if !store.pass_over(key) {
                    continue;
                }
                mistakes.add(&store.path(key), "is a setting of kind = \"redis\"");
            }
            Some(StoreSettings::Memory)
        }
        Some(Kind::Redis) => read_redis(&mut store, folder, secrets, mistakes).map(StoreSettings::Redis),
    };
    store.end(mistakes);
    Some((settings?, shards?))
}

fn read_redis(
    store: &mut Section,
    folder: &Path,
    secrets: &SecretSources<'_>,
    mistakes: &mut Mistakes,
) -> Option<Box<RedisConfig>> {
    let address = store.required("address", Address::parse, mistakes);
    let username = store.parsed("username", username, mistakes);
    let password = store
        .has("password")
        .then(|| store.secret("password", secrets, mistakes));
    let path = store.path("certificate_authorities");
    let authorities = store.parsed("certificate_authorities", |file| read_file(folder, file), mistakes);
    if authorities.is_some() && address.as_ref().is_some_and(|address| !address.is_encrypted()) {
        mistakes.add(&path, "is for TLS: write the address with rediss://");
    }
    let path = store.path("timeout");
    let timeout = store.duration("timeout", mistakes);
    let (min, max) = (RedisConfig::TIMEOUT_MIN, RedisConfig::TIMEOUT_MAX);
    if let Some(timeout) = timeout.filter(|it| !(min..=max).contains(it)) {
        mistakes.add(&path, format!("is {timeout:?}, must be {min:?} to {max:?}"));
    }
    let prefix = store.parsed("prefix", Prefix::parse, mistakes);
    let accept_data_loss = store.flag("accept_data_loss", mistakes);
    let mut config = RedisConfig::new(address?);
    config.username = username;
    config.password = password.flatten().map(Zeroizing::new);
    config.authorities = authorities;
    config.timeout = timeout.unwrap_or(config.timeout);
    config.prefix = prefix.unwrap_or_default();
    config.accept_data_loss = accept_data_loss.unwrap_or(false);
    Some(Box::new(config))
}

fn username(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err("must be the name of an ACL user, without spaces");
    }
    Ok(text.to_owned())
}

fn read_file(folder: &Path, file: &str) -> Result<Vec<u8>, String> {
    let file = folder.join(file);
    std::fs::read(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}
