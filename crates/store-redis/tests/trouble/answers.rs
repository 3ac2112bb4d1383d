//! No answer is ever given to another question, whatever the network does in between: everything that is written says
//! whose it is and when it was written, and everything that is read is compared with that.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::limit::{Charge, ChargeMode, KeyParts, LimitKey, Quota, RuleName, Taken, Window};
use countersign_domain::ports::{LimitStore, RecipientStore, Replaced, StoreError, Stored, Version};
use countersign_store_redis::Redis;
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::now;
use countersign_testkit::random::seed_or;
use countersign_testkit::redis_server::RedisServer;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};

use crate::calls::{MARGIN, all_work, in_time};
use crate::common::instance;
use crate::common::proxy::{Proxy, Weather};
use crate::common::records::{key, record};
use countersign_testkit::wait::{eventually, soon};

const TIMEOUT: Duration = Duration::from_millis(60);
const WRITERS: u32 = 24;
/// How often the weather changes.
const CHANGES: u32 = 40;

/// What one writer knows about its own record, which nobody else writes.
struct Writer {
    redis: Arc<Redis>,
    n: u32,
    random: StdRng,
    /// What was written last and confirmed.
    confirmed: Option<(Version, u32)>,
    /// What was tried since, and may have been written.
    tried: Vec<u32>,
    steps: u32,
    answered: u32,
}

impl Writer {
    /// Numbers no other writer uses.
    fn fresh_number(&mut self) -> u32 {
        self.steps += 1;
        self.n * 1_000_000 + self.steps
    }

    /// Goes on until the weather is over, and counts in `all_asked` what it asks. Answers how much it asked, and how
    /// much of it was answered.
    async fn run(mut self, is_over: watch::Receiver<bool>, all_asked: watch::Sender<u32>) -> (u32, u32) {
        let mut asked = 0;
        while !*is_over.borrow() {
            asked += 1;
            all_asked.send_modify(|count| *count += 1);
            let outcome = match self.random.random_range(0..6) {
                0 | 1 => self.write().await,
                2 | 3 => self.read().await,
                4 => self.count().await,
                _ => self.list().await,
            };
            match outcome {
                Ok(()) => self.answered += 1,
                Err(StoreError::Unavailable(_)) => yield_now().await,
                Err(error) => panic!("{error:?}"),
            }
        }
        (asked, self.answered)
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        let number = self.fresh_number();
        let new = record(number, now(), Some(now()));
        let seen = self.confirmed.map(|it| it.0);
        self.tried.push(number);
        let replaced = in_time(TIMEOUT, self.redis.recipients().replace(key(self.n), seen, &new, now())).await?;
        match replaced {
            Replaced::Written(version) => {
                self.confirmed = Some((version, number));
                self.tried.clear();
            }
            Replaced::Conflict(there) => {
                assert!(self.tried.len() > 1, "nobody else writes here");
                self.tried.retain(|it| *it != number);
                self.accept(there.map(|it| *it));
            }
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let there = in_time(TIMEOUT, self.redis.recipients().load(key(self.n))).await?;
        self.accept(there);
        Ok(())
    }

    /// Compares what is there with what may be there, and goes on from it.
    fn accept(&mut self, there: Option<Stored>) {
        let Some(there) = there else {
            assert_eq!(self.confirmed, None, "what was confirmed is gone");
            return;
        };
        let number = there.recipient.unanswered_sends;
        assert_eq!(
            there.recipient,
            record(number, now(), Some(now())),
            "a mixture of records"
        );
        if self.confirmed != Some((there.version, number)) {
            assert!(
                self.tried.contains(&number),
                "writer {}: {number} is somebody else's",
                self.n
            );
            self.confirmed = Some((there.version, number));
        }
    }

    /// Each writer has a limit of a size of its own, of which nothing is ever taken: the charge is a shadow, and too large.
    async fn count(&self) -> Result<(), StoreError> {
        let charge = Charge {
            rule: RuleName::UnansweredSends,
            key: LimitKey::from_bytes([u8::try_from(self.n).unwrap(); 16]),
            quota: Quota::Budget {
                amount: NonZeroU64::new(u64::from(1_000 + self.n)).unwrap(),
                window: Window::DAY,
            },
            parts: KeyParts::EVERYTHING,
            mode: ChargeMode::Shadow,
            amount: NonZeroU64::MAX,
        };
        let charges = vec![charge; usize::try_from(self.n % 5 + 1).unwrap()];
        let taken = in_time(TIMEOUT, self.redis.limits().take(&charges, now())).await?;
        let Taken::All(standings) = taken else {
            panic!("a shadow was refused: {taken:?}");
        };
        let left: Vec<_> = standings.iter().map(|it| it.remaining.left).collect();
        assert_eq!(left, vec![u64::from(1_000 + self.n); charges.len()]);
        Ok(())
    }

    /// Each shard is listed with its own alone.
    async fn list(&self) -> Result<(), StoreError> {
        let shard = key(self.n).shard(SHARDS);
        let due = in_time(TIMEOUT * 2, self.redis.recipients().due(now(), shard, 100)).await?;
        assert!(due.iter().all(|it| it.shard(SHARDS) == shard));
        if self.confirmed.is_some() {
            assert!(due.contains(&key(self.n)), "a record that is there is due");
        }
        Ok(())
    }
}

/// Mostly such that answers come about when the time is up: those that come later must not be taken for others.
fn any_weather(random: &mut StdRng) -> Weather {
    match random.random_range(0..20) {
        0..2 => Weather::Fine,
        2..5 => Weather::Trickling,
        5..16 => Weather::Slow(TIMEOUT * random.random_range(2..30) / 10),
        16..18 => Weather::Cutting(random.random_range(0..300)),
        18 => Weather::Silent,
        _ => Weather::Closed,
    }
}

/// Each weather lasts until so much was asked in it.
async fn change_the_weather(proxy: Arc<Proxy>, redis: Arc<Redis>, mut asked: watch::Receiver<u32>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..CHANGES {
        let weather = any_weather(&mut random);
        proxy.set(weather);
        let until = *asked.borrow() + random.random_range(10..200);
        soon("what is asked", asked.wait_for(|asked| *asked >= until))
            .await
            .unwrap();
        if matches!(weather, Weather::Silent | Weather::Closed) {
            proxy.set(Weather::Fine);
        }
        // What is silent is found out by looks alone.
        let _ = redis.look().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_belongs_to_its_question_whatever_the_network_does() {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    let server = RedisServer::start();
    let proxy = Arc::new(Proxy::before(server.socket()).await);
    let redis = Arc::new(instance(&proxy.config(TIMEOUT)));
    redis.look().await.unwrap();
    let (over, is_over) = watch::channel(false);
    let asked = watch::Sender::new(0);
    let mut writers = JoinSet::new();
    for n in 0..WRITERS {
        let writer = Writer {
            redis: Arc::clone(&redis),
            n,
            random: StdRng::seed_from_u64(seed.wrapping_add(u64::from(n))),
            confirmed: None,
            tried: Vec::new(),
            steps: 0,
            answered: 0,
        };
        writers.spawn(writer.run(is_over.clone(), asked.clone()));
    }
    change_the_weather(Arc::clone(&proxy), Arc::clone(&redis), asked.subscribe(), seed).await;
    over.send_replace(true);
    let counts = writers.join_all().await.into_iter();
    let (asked, answered) = counts.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    println!("{answered} of {asked} calls were answered");
    assert!(answered > 500 && asked - answered > 200, "fair weather, or none at all");
    proxy.set(Weather::Fine);
    eventually("working calls", async || {
        let _ = redis.look().await;
        all_work(&redis, TIMEOUT + MARGIN).await.then_some(())
    })
    .await;
}
