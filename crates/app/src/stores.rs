//! The stores behind the use cases, and the watch over one that can be away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::id::ShardCount;
use countersign_domain::key::{Identity, KeyRing};
use countersign_domain::ports::{ChangeFeed, GuardStore, LimitStore, RecipientStore, TallyStore};
use countersign_monitor::Readiness;
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::guard::MemoryGuard;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_store_memory::tallies::MemoryTallies;
use countersign_store_redis::Redis;
use countersign_store_redis::check::CheckError;
use countersign_store_redis::server::Notice;
use tokio_util::sync::CancellationToken;

use crate::config::StoreSettings;
use crate::service::StartError;
use crate::system::SystemRandom;

/// The condition that says the store answers.
pub(crate) const STORE: &str = "store";
/// How often the store is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After how many failed looks the log says again what it said.
const REMIND_EVERY: u32 = 60;
/// How many causes of one outage the log tells apart.
const CAUSES_MAX: usize = 8;

/// What the use cases keep their state in.
pub(crate) struct Stores {
    pub(crate) recipients: Arc<dyn RecipientStore>,
    pub(crate) limits: Arc<dyn LimitStore>,
    pub(crate) tallies: Arc<dyn TallyStore>,
    pub(crate) guard: Arc<dyn GuardStore>,
    pub(crate) feed: Arc<dyn ChangeFeed>,
    /// Something that can be away, and has to be looked after.
    pub(crate) watched: Option<StoreWatch>,
}

impl Stores {
    /// Opens what the configuration names. A Redis that refuses ends the start; one that cannot be reached does not:
    /// until it is there, calls fail as unavailable.
    pub(crate) async fn open(
        settings: &StoreSettings,
        shards: ShardCount,
        identity: &Identity,
        keys: &KeyRing,
    ) -> Result<Self, StartError> {
        match settings {
            StoreSettings::Memory => Ok(Self::in_memory(shards)),
            StoreSettings::Redis(config) => {
                let redis = Redis::new(config, shards, identity, keys, Arc::new(SystemRandom))
                    .map_err(|error| StartError::Misconfigured(error.to_string()))?;
                let mut watch = StoreWatch::new(Arc::new(redis), config.address.to_string());
                watch.first_look().await?;
                Ok(Self::on_redis(watch))
            }
        }
    }

    fn in_memory(shards: ShardCount) -> Self {
        Self {
            recipients: Arc::new(MemoryStore::new(shards)),
            limits: Arc::new(MemoryLimits::new()),
            tallies: Arc::new(MemoryTallies::new()),
            guard: Arc::new(MemoryGuard::new()),
            feed: Arc::new(MemoryFeed::new()),
            watched: None,
        }
    }

    fn on_redis(watch: StoreWatch) -> Self {
        Self {
            recipients: Arc::new(watch.redis.recipients()),
            limits: Arc::new(watch.redis.limits()),
            tallies: Arc::new(watch.redis.tallies()),
            guard: Arc::new(watch.redis.guard()),
            feed: watch.redis.feed(),
            watched: Some(watch),
        }
    }
}

/// Looks at Redis once a second and tells the log and the readiness what changed.
pub(crate) struct StoreWatch {
    redis: Arc<Redis>,
    address: String,
    /// Whether calls reach a store that answers.
    usable: bool,
    /// What the log has said since all was well, each once; nothing while all is well.
    said: BTreeSet<String>,
    /// Failed looks since it last said something.
    silent_for: u32,
    noticed: BTreeSet<String>,
}

impl StoreWatch {
    fn new(redis: Arc<Redis>, address: String) -> Self {
        Self {
            redis,
            address,
            usable: false,
            said: BTreeSet::new(),
            silent_for: 0,
            noticed: BTreeSet::new(),
        }
    }

    async fn first_look(&mut self) -> Result<(), StartError> {
        match self.redis.look().await {
            Ok(notices) => self.well(&notices),
            Err(CheckError::Refused(refusals)) => {
                return Err(StartError::StoreRefused {
                    address: self.address.clone(),
                    refusals: refusals
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join("\n  "),
                });
            }
            Err(error) => self.unwell(&error),
        }
        Ok(())
    }

    /// Looks until `stop`.
    pub(crate) async fn run(mut self, readiness: Readiness, stop: CancellationToken) {
        loop {
            if self.usable {
                readiness.hold(STORE);
            } else {
                readiness.fail(STORE, "away, or not fit: see the log");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            match self.redis.look().await {
                Ok(notices) => self.well(&notices),
                Err(error) => self.unwell(&error),
            }
        }
    }

    fn well(&mut self, notices: &[Notice]) {
        self.usable = true;
        if !std::mem::take(&mut self.said).is_empty() {
            tracing::info!(address = self.address, "Redis works again");
        }
        for notice in notices {
            if self.noticed.insert(notice.to_string()) {
                tracing::warn!(address = self.address, "{notice}");
            }
        }
    }

    fn unwell(&mut self, error: &CheckError) {
        // A server that passed and then changed its settings is still the one with the data.
        self.usable = matches!(error, CheckError::Refused(_)) && self.redis.is_open();
        let words = error.to_string();
        self.silent_for += 1;
        // A connection that fails now in this way and now in that is spoken of once for each, and not with every look.
        let is_new = self.said.len() < CAUSES_MAX && self.said.insert(words.clone());
        if !is_new && self.silent_for < REMIND_EVERY {
            return;
        }
        match error {
            CheckError::Away(_) => tracing::warn!(
                address = self.address,
                error = words,
                "Redis is away or cannot work: calls are answered with UNAVAILABLE until it can"
            ),
            CheckError::Refused(_) => tracing::error!(address = self.address, error = words, "Redis does not fit"),
        }
        self.silent_for = 0;
    }
}
