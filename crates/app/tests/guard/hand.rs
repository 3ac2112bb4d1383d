//! The guard's store in the hand of a test: what another instance of the installation would have written there, at
//! another time.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::country::CountryCode;
use countersign_domain::guard::{Alarm, Area, Block, Bucket, GuardSettings, NumberBlock, Rung};
use countersign_domain::id::{AppId, ShardCount};
use countersign_domain::key::{Identity, KeyId, KeyRing, SecretKey};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{BatchId, GuardStore, NumberingPlan, ScoreChange};
use countersign_domain::time::Timestamp;
use countersign_numbering::WorldNumbering;
use countersign_store_redis::Redis;
use countersign_store_redis::config::{Address, Config};
use countersign_testkit::random::{SeededRandom, seed_or};
use countersign_testkit::redis_server::RedisServer;
use data_encoding::HEXLOWER;

use crate::common::clock::wall_millis;
use crate::common::plan::{CODE_KEY, IDENTITY_KEY};

/// Another instance on the same Redis, that does what the test says.
pub(crate) struct Hand {
    redis: Redis,
    identity: Identity,
}

/// The numbers around a phone.
pub(crate) fn around(phone: &str) -> Area {
    let phone = PhoneNumber::parse(phone).unwrap();
    Area::TenThousand(NumberBlock::of(&WorldNumbering::new().canonical(&phone), 4))
}

/// All of Brazil.
pub(crate) fn brazil() -> Area {
    Area::Country(CountryCode::parse("BR").unwrap())
}

impl Hand {
    /// Joins the installation of every plan.
    pub(crate) async fn on(server: &RedisServer) -> Self {
        let identity = Identity::new(key(IDENTITY_KEY));
        let id = || KeyId::parse("k1").unwrap();
        let ring = KeyRing::new(id(), [(id(), key(CODE_KEY))]).unwrap();
        let config = Config::new(Address::parse(&server.address()).unwrap());
        let dice = Arc::new(SeededRandom::new(seed_or(wall_millis())));
        let redis = Redis::new(&config, ShardCount::DEFAULT, &identity, &ring, dice).unwrap();
        redis.look().await.unwrap();
        Self { redis, identity }
    }

    /// Raises an alarm for the app and climbs to a rung, so long ago.
    pub(crate) async fn raise(&self, area: Area, rung: Rung, ago: Duration) {
        let (now, settings) = (Timestamp::from_unix_millis(wall_millis()), GuardSettings::default());
        let bucket = bucket(area);
        let block = Block {
            alarm: match bucket.area {
                Area::Guesses => Alarm::WrongGuesses,
                Area::TenThousand(_) | Area::Thousand(_) | Area::Country(_) => Alarm::Conversion,
            },
            bucket,
            rung,
            score: 14_210,
            raised_at: now.minus(ago),
            since: now.minus(ago),
        };
        let key = block.bucket.key(&self.identity);
        let kept_until = block.kept_until(&settings);
        let guard = self.redis.guard();
        let is_written = guard.replace(key, None, Some(&block), kept_until, now).await.unwrap();
        assert!(is_written, "there was a block already");
    }

    /// Adds to the app's score of an area, in thousandths.
    pub(crate) async fn score(&self, area: Area, points: i64) {
        let bucket = bucket(area).key(&self.identity);
        let change = ScoreChange { bucket, points };
        let now = Timestamp::from_unix_millis(wall_millis());
        let batch = BatchId(u128::from(wall_millis()).to_be_bytes());
        self.redis.guard().score(batch, &[change], now).await.unwrap();
    }
}

fn bucket(area: Area) -> Bucket {
    let app = Some(AppId::parse("shop").unwrap());
    Bucket { app, area }
}

fn key(hex: &str) -> SecretKey {
    SecretKey::new(HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap())
}
