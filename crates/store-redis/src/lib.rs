//! The storage ports on Redis: one node, one multiplexed connection, small scripts.
//!
//! [`Redis`] connects and looks after the server; [`recipients::RedisRecipients`], [`limits::RedisLimits`],
//! [`guard::RedisGuard`], [`tallies::RedisTallies`] and [`feed::RedisFeed`] implement the ports. No rule is here and none
//! is in a script: those compare, swap and add up. What is written under which key is in `keys.rs`.

mod block;
mod channels;
pub mod check;
pub mod config;
pub mod feed;
pub mod guard;
pub mod keys;
pub mod limits;
mod link;
pub mod recipients;
mod record;
pub mod server;
pub mod tallies;

use std::sync::Arc;

use countersign_domain::id::ShardCount;
use countersign_domain::key::{Identity, KeyRing};
use countersign_domain::ports::Random;
use thiserror::Error;

use check::{CheckError, Inspector};
use config::{Config, Installation};
use feed::RedisFeed;
use guard::RedisGuard;
use keys::Keys;
use limits::RedisLimits;
use link::Link;
use recipients::RedisRecipients;
use record::seal::Sealer;
use server::Notice;
use tallies::RedisTallies;

/// One installation on one Redis server.
///
/// Until [`Redis::look`] has succeeded, every call of its stores fails as unavailable.
pub struct Redis {
    link: Arc<Link>,
    keys: Arc<Keys>,
    sealer: Arc<Sealer>,
    random: Arc<dyn Random>,
    inspector: Inspector,
    feed: Arc<RedisFeed>,
}

/// The configuration cannot be used.
#[derive(Debug, Error)]
#[error("the Redis client cannot be set up: {0}")]
pub struct SetUpError(String);

impl Redis {
    /// Sets everything up and connects to nothing yet. Must be called within a runtime.
    pub fn new(
        config: &Config,
        shards: ShardCount,
        identity: &Identity,
        code_keys: &KeyRing,
        random: Arc<dyn Random>,
    ) -> Result<Self, SetUpError> {
        let set_up = |error: redis::RedisError| SetUpError(error.to_string());
        let client = link::client(config).map_err(set_up)?;
        let link = Arc::new(Link::new(client.clone(), config.timeout).map_err(set_up)?);
        let keys = Arc::new(Keys::new(&config.prefix, shards));
        let feed = RedisFeed::new(client, Arc::clone(&keys), Arc::clone(&link), config.timeout);
        let installation = Installation::new(shards, identity, code_keys);
        Ok(Self {
            inspector: Inspector::new(
                Arc::clone(&link),
                Arc::clone(&keys),
                installation,
                config.accept_data_loss,
            ),
            sealer: Arc::new(Sealer::new(&identity.derive_key("countersign sealed phone v1"))),
            feed: Arc::new(feed),
            link,
            keys,
            random,
        })
    }

    /// Looks at the server once: checks it whole at first and every sixty looks, in between only sees that it answers
    /// and still holds our data. To be called about once a second, for ever; a dead connection is found by it.
    pub async fn look(&self) -> Result<Vec<Notice>, CheckError> {
        self.inspector.look().await
    }

    /// Whether calls get through: the server has passed, and nothing was found since that makes it another one.
    pub fn is_open(&self) -> bool {
        self.link.is_open()
    }

    /// The recipients.
    pub fn recipients(&self) -> RedisRecipients {
        RedisRecipients {
            link: Arc::clone(&self.link),
            keys: Arc::clone(&self.keys),
            sealer: Arc::clone(&self.sealer),
            random: Arc::clone(&self.random),
        }
    }

    /// The shared limits.
    pub fn limits(&self) -> RedisLimits {
        RedisLimits {
            link: Arc::clone(&self.link),
            keys: Arc::clone(&self.keys),
        }
    }

    /// What is counted hour by hour.
    pub fn tallies(&self) -> RedisTallies {
        RedisTallies {
            link: Arc::clone(&self.link),
            keys: Arc::clone(&self.keys),
        }
    }

    /// What the guard remembers.
    pub fn guard(&self) -> RedisGuard {
        RedisGuard {
            link: Arc::clone(&self.link),
            keys: Arc::clone(&self.keys),
            sealer: Arc::clone(&self.sealer),
            random: Arc::clone(&self.random),
        }
    }

    /// The hints at changes; one feed, however often it is asked for.
    pub fn feed(&self) -> Arc<RedisFeed> {
        Arc::clone(&self.feed)
    }
}
