//! Limits on several instances at once, and on a node of a cluster.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_domain::limit::{self, Charge, ChargeMode, KeyParts, LimitKey, Quota, RuleName, Taken, Window};
use countersign_domain::ports::{ChangeFeed, LimitStore, RecipientStore};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store_redis::Redis;
use countersign_testkit::contract::limit_store::STEP_BACK_MAX;
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::{now, owed};
use countersign_testkit::random::seed_or;
use countersign_testkit::redis_server::RedisServer;
use countersign_testkit::wait::soon;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::common::records::{key_in, record, write};
use crate::common::{open, open_cluster, open_on};

const CLIENTS: u64 = 64;
const INSTANCES: usize = 3;
const CALLS: usize = 40;
/// Of each shape two, each in a slot of its own.
const LIMITS: usize = 6;
/// How much each of them allows, at most.
const MOST: u64 = 24;

/// Does not refill by as much as one while a test runs, whatever its clocks.
fn quota(limit: usize) -> Quota {
    let most = if limit.is_multiple_of(2) { MOST } else { MOST / 2 };
    let few = NonZeroU32::new(u32::try_from(most).unwrap()).unwrap();
    match limit % 3 {
        0 => Quota::Rate {
            burst: few,
            interval: DAY * 30,
        },
        1 => Quota::Budget {
            amount: NonZeroU64::from(few),
            window: Window::Month,
        },
        _ => Quota::Unfinished { amount: few, life: DAY },
    }
}

fn charge(limit: usize, amount: u64) -> Charge {
    let n = u8::try_from(limit).unwrap();
    Charge {
        rule: RuleName::UnansweredSends,
        parts: KeyParts::EVERYTHING,
        // The shard is in the first two bytes.
        key: LimitKey::from_bytes([n; 16]),
        quota: quota(limit),
        amount: NonZeroU64::new(amount).unwrap(),
        mode: ChargeMode::Refuse,
    }
}

/// One of many who take and give back what they took, as fast as they can.
struct Client {
    limits: Arc<dyn LimitStore>,
    /// What its instance's clock says.
    now: Timestamp,
    random: StdRng,
    kept: Arc<[Kept; LIMITS]>,
}

/// What of a limit is surely taken: counted after it was, and no longer before it is given back.
#[derive(Debug, Default)]
struct Kept {
    now: AtomicU64,
    /// The most there ever was.
    peak: AtomicU64,
}

impl Client {
    async fn run(mut self, start: Arc<Barrier>) {
        let mut mine: Vec<Vec<(usize, Charge)>> = Vec::new();
        start.wait().await;
        for _ in 0..CALLS {
            if self.random.random_range(0..5) < 2 && !mine.is_empty() {
                let owed = mine.swap_remove(self.random.random_range(0..mine.len()));
                self.give_back(&owed).await;
            } else if let Some(taken) = self.take().await {
                mine.push(taken);
            }
        }
    }

    async fn take(&mut self) -> Option<Vec<(usize, Charge)>> {
        let count = self.random.random_range(1..=4);
        let one = |random: &mut StdRng| {
            let limit = random.random_range(0..LIMITS);
            let is_shadow = random.random_range(0..4) == 0;
            let mode = if is_shadow {
                ChargeMode::Shadow
            } else {
                ChargeMode::Refuse
            };
            let amount = random.random_range(1..=2);
            (
                limit,
                Charge {
                    mode,
                    ..charge(limit, amount)
                },
            )
        };
        let asked: Vec<_> = (0..count).map(|_| one(&mut self.random)).collect();
        let charges: Vec<_> = asked.iter().map(|(_, charge)| *charge).collect();
        let Taken::All(standings) = self.limits.take(&charges, self.now).await.unwrap() else {
            return None;
        };
        let each = asked.into_iter().zip(standings);
        let taken: Vec<_> = each.filter(|(_, it)| !it.is_over).map(|(it, _)| it).collect();
        for (limit, charge) in &taken {
            let amount = charge.amount.get();
            let Kept { now, peak } = &self.kept[*limit];
            let kept = now.fetch_add(amount, Ordering::SeqCst) + amount;
            peak.fetch_max(kept, Ordering::SeqCst);
            assert!(kept <= charge.quota.most(), "{kept} of {:?}", charge.quota);
        }
        Some(taken)
    }

    async fn give_back(&self, taken: &[(usize, Charge)]) {
        for (limit, charge) in taken {
            self.kept[*limit].now.fetch_sub(charge.amount.get(), Ordering::SeqCst);
        }
        let charges: Vec<_> = taken.iter().map(|(_, charge)| *charge).collect();
        self.limits
            .give_back(&owed(&charges, self.now), self.now)
            .await
            .unwrap();
    }
}

/// Three instances with connections of their own, whose clocks are so far behind, and what was kept in the end.
async fn crowd(server: &RedisServer, behind: [Duration; INSTANCES]) -> Arc<[Kept; LIMITS]> {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    let mut instances = Vec::new();
    for _ in 0..INSTANCES {
        instances.push(Arc::new(open_on(server).await));
    }
    let kept: Arc<[Kept; LIMITS]> = Arc::default();
    let start = Arc::new(Barrier::new(usize::try_from(CLIENTS).unwrap()));
    let mut crowd = JoinSet::new();
    for n in 0..CLIENTS {
        let instance = usize::try_from(n).unwrap() % INSTANCES;
        let client = Client {
            limits: Arc::new(instances[instance].limits()),
            now: now().minus(behind[instance]),
            random: StdRng::seed_from_u64(seed.wrapping_add(n)),
            kept: Arc::clone(&kept),
        };
        crowd.spawn(client.run(Arc::clone(&start)));
    }
    while let Some(ended) = crowd.join_next().await {
        ended.unwrap();
    }
    kept
}

/// What the server says is used of each limit.
async fn used(redis: &Redis) -> Vec<u64> {
    let charges: Vec<_> = (0..LIMITS).map(|limit| charge(limit, 1)).collect();
    let held = redis.limits().peek(&charges).await.unwrap();
    let each = charges.iter().zip(held);
    each.map(|(charge, held)| limit::peek(held, charge.quota, now()).used)
        .collect()
}

fn counted(kept: &[Kept; LIMITS]) -> Vec<u64> {
    kept.iter().map(|it| it.now.load(Ordering::SeqCst)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_clients_on_three_instances_never_exceed_any_quota_and_lose_nothing() {
    let (server, redis) = open().await;
    let kept = crowd(&server, [Duration::ZERO; INSTANCES]).await;
    assert_eq!(used(&redis).await, counted(&kept));
    // They did come to the end of what there is. What nobody counts at that moment is on its way back.
    for (limit, Kept { peak, .. }) in kept.iter().enumerate() {
        assert!(peak.load(Ordering::SeqCst) * 4 >= quota(limit).most() * 3, "{kept:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_clients_whose_clocks_are_apart_never_exceed_any_quota() {
    let (server, redis) = open().await;
    let kept = crowd(&server, [Duration::ZERO, STEP_BACK_MAX / 70, STEP_BACK_MAX]).await;
    for (used, kept) in used(&redis).await.into_iter().zip(counted(&kept)) {
        assert!(used >= kept, "{used} are used, {kept} were kept");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_clients_on_a_cluster_never_exceed_any_quota_and_lose_nothing() {
    let (server, redis) = open_cluster().await;
    let kept = crowd(&server, [Duration::ZERO; INSTANCES]).await;
    assert_eq!(used(&redis).await, counted(&kept));
}

/// What clients asked the server for meanwhile, and the answer.
async fn asked<T>(server: &RedisServer, call: impl Future<Output = T>) -> (Vec<String>, T) {
    let monitor = server.monitor();
    let answer = call.await;
    let heard = monitor.finish().into_iter().filter(|it| !it.from_script);
    (heard.map(|it| it.command).collect(), answer)
}

#[tokio::test]
async fn all_charges_of_all_shards_are_one_call_on_one_node() {
    let (server, redis) = open().await;
    let charges: Vec<_> = (0..14).map(|limit| charge(limit, 1)).collect();
    let shards: BTreeSet<_> = charges.iter().map(|it| it.key.shard(SHARDS)).collect();
    assert_eq!(shards.len(), 14);
    let (commands, taken) = asked(&server, redis.limits().take(&charges, now())).await;
    assert!(matches!(taken, Ok(Taken::All(_))));
    assert_eq!(commands, ["EVALSHA"]);
    let (commands, held) = asked(&server, redis.limits().peek(&charges)).await;
    assert!(held.unwrap().iter().all(Option::is_some));
    assert_eq!(commands, ["MGET"]);
    let (commands, given) = asked(&server, redis.limits().give_back(&owed(&charges, now()), now())).await;
    given.unwrap();
    assert_eq!(commands, ["EVALSHA"]);
    // Also when they were taken at several moments.
    let at = |seconds| now().minus(Duration::from_secs(seconds));
    let owed = [owed(&charges[..9], at(2)), owed(&charges, at(1))].concat();
    let (commands, given) = asked(&server, redis.limits().give_back(&owed, now())).await;
    given.unwrap();
    assert_eq!(commands, ["EVALSHA"]);
}

#[tokio::test]
async fn on_a_cluster_charges_go_shard_by_shard_once_they_were_weighed() {
    let (server, redis) = open_cluster().await;
    let limits = redis.limits();
    // Limits 16 apart share a shard.
    let together = [charge(3, 1), charge(19, 1), charge(1, 1)];
    let (commands, taken) = asked(&server, limits.take(&together, now())).await;
    assert!(matches!(taken, Ok(Taken::All(_))));
    assert_eq!(commands, ["MGET", "MGET", "EVALSHA", "EVALSHA"]);
    let (commands, taken) = asked(&server, limits.take(&together[..2], now())).await;
    assert!(matches!(taken, Ok(Taken::All(_))));
    assert_eq!(commands, ["EVALSHA"]);
    let (commands, given) = asked(&server, limits.give_back(&owed(&together, now()), now())).await;
    given.unwrap();
    assert_eq!(commands, ["EVALSHA", "EVALSHA"]);
    let owed = [
        owed(&together[..1], now()),
        owed(&together, now().minus(Duration::from_secs(1))),
    ]
    .concat();
    let (commands, given) = asked(&server, limits.give_back(&owed, now())).await;
    given.unwrap();
    assert_eq!(commands, ["EVALSHA", "EVALSHA"]);

    // A refusal that is known beforehand touches nothing.
    assert!(matches!(
        limits.take(&[charge(0, MOST)], now()).await,
        Ok(Taken::All(_))
    ));
    let (commands, taken) = asked(&server, limits.take(&[charge(1, 1), charge(0, 1)], now())).await;
    assert!(
        matches!(taken, Ok(Taken::Refused(refusal)) if refusal.place == 1),
        "{taken:?}"
    );
    assert_eq!(commands, ["MGET", "MGET"]);
}

/// How many scripts clients have run so far.
fn scripts(server: &RedisServer) -> u64 {
    let told = server.ask_text("INFO commandstats");
    let of_scripts = told
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    of_scripts.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

/// Somebody else takes the last of one of them between the look and the charge: as often as it takes to see it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_cluster_took_before_a_shard_refused_comes_back() {
    let (server, redis) = open_cluster().await;
    let others = Arc::new(open_on(&server).await);
    let (first, second) = (charge(1, MOST / 2), charge(2, MOST));
    let shadow = Charge {
        mode: ChargeMode::Shadow,
        ..charge(0, MOST + 1)
    };
    let charges = [second, shadow, first];
    let mut refused_late = 0;
    for round in 0..20_000 {
        let before = scripts(&server);
        let rival = tokio::spawn({
            let others = Arc::clone(&others);
            async move { others.limits().take(&[second], now()).await.unwrap() }
        });
        let ours = redis.limits().take(&charges, now()).await.unwrap();
        let theirs = rival.await.unwrap();
        let [ours, theirs] = [ours, theirs].map(|taken| matches!(taken, Taken::All(_)));
        assert!(ours != theirs, "both or neither took the last of it");
        // Theirs is one; ours is none when it was refused at the look.
        refused_late += u32::from(!ours && scripts(&server) - before > 1);
        let used = used(&redis).await;
        assert_eq!((used[0], used[1] > 0, used[2]), (0, ours, MOST), "round {round}");
        if ours {
            redis.limits().give_back(&owed(&[first], now()), now()).await.unwrap();
        }
        redis.limits().give_back(&owed(&[second], now()), now()).await.unwrap();
        if refused_late == 10 {
            return;
        }
    }
    panic!("refused late {refused_late} times only");
}

/// All that belongs to a recipient is in one slot.
#[tokio::test]
async fn recipients_and_hints_work_on_a_cluster() {
    let (_server, redis) = open_cluster().await;
    let (store, feed) = (redis.recipients(), redis.feed());
    for shard in SHARDS.shards() {
        let key = key_in(shard.number(), 1);
        let mut hints = feed.subscribe(key).await.unwrap();
        let version = write(&store, key, None, &record(1, now(), Some(now())), now()).await;
        let stored = store.load(key).await.unwrap().unwrap();
        assert_eq!(stored.version, version);
        assert_eq!(store.due(now(), shard, 9).await.unwrap(), [key]);
        feed.publish(key);
        soon("a hint", hints.next()).await;
    }
    assert_eq!(store.backlog(now()).await.unwrap(), u64::from(SHARDS.get()));
}
