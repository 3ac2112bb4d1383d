//! Everything that is measured side by side in one round: fresh processes, and clients connected to them.

use std::sync::Arc;

use crate::Outcome;
use crate::fill::fill;
use crate::floor::{Answers, FloorServer};
use crate::options::{Kind, Part, Settings};
use crate::process::Process;
use crate::redis_server::{RedisServer, fault};
use crate::service::{Rules, SENDERS, Service};
use crate::sink::Sink;
use crate::target::Caller;

/// How long a record is when no Redis store says so: what `crates/store-redis/src/keys.rs` writes down.
const RECORD_BYTES: usize = 190;

/// One of those that are measured.
pub(crate) struct Contestant {
    /// What it is, in one word.
    pub(crate) name: &'static str,
    /// How many recipients were in its store before.
    pub(crate) stored: u64,
    /// What calls it.
    pub(crate) caller: Arc<Caller>,
    /// The Redis it works on.
    pub(crate) redis: Option<Arc<RedisServer>>,
    server: Server,
}

enum Server {
    Service(Service),
    Floor(FloorServer),
}

impl Contestant {
    /// Its process.
    pub(crate) fn process(&self) -> &Process {
        match &self.server {
            Server::Service(service) => &service.process,
            Server::Floor(floor) => &floor.process,
        }
    }

    /// Where it takes webhooks, if it does.
    pub(crate) fn callback(&self) -> Option<&str> {
        match &self.server {
            Server::Service(service) => Some(&service.callback),
            Server::Floor(_) => None,
        }
    }

    /// Whether it has a part.
    pub(crate) fn has(&self, part: Part) -> bool {
        (self.name == ECHO) == (part == Part::Echo)
    }

    /// The service on a Redis.
    pub(crate) async fn on_redis(redis: &Arc<RedisServer>, stored: u64) -> Outcome<Self> {
        Self::at(&redis.address(), redis, Rules::Default, stored).await
    }

    /// The service on a Redis, at this address of it or of a door before it.
    pub(crate) async fn at(address: &str, redis: &Arc<RedisServer>, rules: Rules, stored: u64) -> Outcome<Self> {
        Self::service(Some(address), rules, Some(Arc::clone(redis)), stored).await
    }

    /// The service on its memory store.
    pub(crate) async fn in_memory() -> Outcome<Self> {
        Self::service(None, Rules::Default, None, 0).await
    }

    async fn service(
        address: Option<&str>,
        rules: Rules,
        redis: Option<Arc<RedisServer>>,
        stored: u64,
    ) -> Outcome<Self> {
        let sink = Sink::start().await?;
        let store = address.map_or_else(|| "kind = \"memory\"".to_owned(), redis_lines);
        let service = Service::start(&store, rules, SENDERS, sink.address).await?;
        Ok(Self {
            name: match (address, rules) {
                (None, _) => "memory",
                (Some(_), Rules::Default) => "redis",
                (Some(_), Rules::Off) => RULES_OFF,
            },
            stored,
            caller: Caller::connect(&[service.grpc], sink).await?,
            redis,
            server: Server::Service(service),
        })
    }

    async fn floor(answers: &Answers, redis: Option<&Arc<RedisServer>>, stored: u64) -> Outcome<Self> {
        let sink = Sink::start().await?;
        let address = redis.map(|it| it.address());
        let work = address.as_deref().map(|address| (address, sink.address));
        let floor = FloorServer::start(answers, work).await?;
        Ok(Self {
            name: if redis.is_some() { "floor" } else { ECHO },
            stored,
            caller: Caller::connect(&[floor.address], sink).await?,
            redis: redis.map(Arc::clone),
            server: Server::Floor(floor),
        })
    }
}

/// The name of the floor that only echoes.
const ECHO: &str = "echo";
/// The name of the service without rules and guard.
pub(crate) const RULES_OFF: &str = "rules off";

/// The lines of `[store]` for a Redis at this address.
pub(crate) fn redis_lines(address: &str) -> String {
    format!("kind = \"redis\"\naddress = \"{address}\"\nshards = 16")
}

/// Learns from the service what a floor has to answer.
pub(crate) async fn learn(settings: &Settings) -> Outcome<Answers> {
    let redis = if settings.targets.contains(&Kind::Redis) {
        Some(Arc::new(RedisServer::start().await?))
    } else {
        None
    };
    let service = match &redis {
        Some(redis) => Contestant::on_redis(redis, 0).await?,
        None => Contestant::in_memory().await?,
    };
    let (start, check, reference_bytes) = service.caller.answers().await?;
    let record_bytes = match &redis {
        Some(redis) => record_bytes(redis).await?,
        None => RECORD_BYTES,
    };
    Ok(Answers {
        start,
        check,
        reference_bytes,
        record_bytes,
    })
}

async fn record_bytes(redis: &RedisServer) -> Outcome<usize> {
    let mut connection = redis.connection();
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS")
        .arg("cs:{*}:r:*")
        .query_async(&mut connection)
        .await
        .map_err(|error| fault(&error))?;
    let key = keys.first().ok_or("the service wrote no record into Redis")?;
    let length = redis::cmd("STRLEN").arg(key).query_async(&mut connection).await;
    length.map_err(|error| fault(&error))
}

/// Starts everything one round wants, and fills what is to be filled.
pub(crate) async fn build(settings: &Settings, answers: &Answers) -> Outcome<Vec<Contestant>> {
    let wants = |kind: Kind| settings.targets.contains(&kind);
    let mut contestants = Vec::new();
    if settings.wants(Part::Echo) {
        contestants.push(Contestant::floor(answers, None, 0).await?);
    }
    for &stored in &settings.stored {
        if !wants(Kind::Redis) && stored > 0 {
            return Err("--stored needs --targets redis: what is stored is copied from the service".to_owned());
        }
        if wants(Kind::RulesOff) {
            // A Redis of its own: on a shared one each service would look after the other's recipients.
            let redis = Arc::new(RedisServer::start().await?);
            let service = Contestant::at(&redis.address(), &redis, Rules::Off, stored).await?;
            fill(&service, &redis, stored).await?;
            contestants.push(service);
        }
        if !wants(Kind::Redis) && !wants(Kind::Floor) {
            continue;
        }
        let redis = Arc::new(RedisServer::start().await?);
        if wants(Kind::Floor) {
            contestants.push(Contestant::floor(answers, Some(&redis), stored).await?);
        }
        if wants(Kind::Redis) {
            let service = Contestant::on_redis(&redis, stored).await?;
            fill(&service, &redis, stored).await?;
            contestants.push(service);
        }
    }
    if wants(Kind::Memory) {
        contestants.push(Contestant::in_memory().await?);
    }
    Ok(contestants)
}
