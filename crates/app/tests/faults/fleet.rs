//! Instances that are killed at a point of one's choice and started again at once, on one Redis, with one stand-in for
//! Meta behind them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::id::{RecipientKey, ShardCount};
use countersign_grpc::Client;
use countersign_simulator::Pace;
use countersign_testkit::redis_server::{RedisServer, Reply};
use countersign_testkit::wait::soon;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout};

use crate::common::clock::{Stopwatch, wall_millis};
use crate::common::meta::Meta;
use crate::common::plan::Plan;
use crate::common::serve::Serve;
use crate::meta_door::{AtAcceptance, MetaDoor};
use crate::questions::Key;
use crate::redis_door::{RedisDoor, Sprung, Trap};

/// What the instances write down; the lives of thousands of verifications are left out.
const LOG: &str = "info,countersign::telemetry=warn";
/// How long one waits for a point to be reached; then the instance is killed where it is.
const POINT_WAIT: Duration = Duration::from_secs(15);
/// How often one looks at what Redis has.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often one looks whether Redis has what passed, before giving up.
const LOOKS_MAX: usize = 50;

/// Where an instance is when it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// Anywhere.
    Random,
    /// A start is on Redis, and nobody has heard of it.
    AfterCommit,
    /// The loop's claim is on Redis, and nothing was sent.
    AfterClaim,
    /// Meta has the message, and the instance does not know.
    AfterAcceptance,
    /// The instance knows that Meta has the message, and Redis does not.
    BeforeResult,
}

impl Point {
    pub(crate) const ALL: [Self; 5] = [
        Self::Random,
        Self::AfterCommit,
        Self::AfterClaim,
        Self::AfterAcceptance,
        Self::BeforeResult,
    ];
}

/// A kill.
pub(crate) struct Kill {
    pub(crate) point: Point,
    /// Whether the point was reached; a random one always is.
    pub(crate) hit: bool,
    /// Whose work was interrupted, when that is known.
    pub(crate) victim: Option<Key>,
    /// When the interrupted work was claimed, or else when the process was killed.
    pub(crate) at_ms: u64,
}

/// One instance, with a door of its own to either side.
pub(crate) struct Instance {
    /// Nothing while it is dead.
    serve: Option<Serve>,
    plan: Plan,
    pub(crate) redis: RedisDoor,
    pub(crate) meta: MetaDoor,
}

/// The connections of callers, by instance; nothing where one is dead.
pub(crate) type Lines = Rc<RefCell<Vec<Option<Client>>>>;

/// The instances and what is behind them.
pub(crate) struct Fleet {
    pub(crate) instances: Vec<Instance>,
    pub(crate) lines: Lines,
    pub(crate) meta: Arc<Meta>,
    /// Where webhooks go while they go anywhere.
    pub(crate) callback: Rc<RefCell<String>>,
    /// Nothing while it is being killed.
    redis: Option<RedisServer>,
}

impl Fleet {
    /// So many instances under these lines of the policy, whose lease is the one given. As `deploy/redis.conf` has it,
    /// Redis answers when what it answers is safe.
    pub(crate) async fn start(instances: usize, policy: &str, lease: Duration, pace: Pace) -> Self {
        let redis = RedisServer::start_with(&[("appendfsync", "always")]);
        let meta = Arc::new(Meta::start(pace).await);
        let lease_ms = u64::try_from(lease.as_millis()).unwrap();
        let mut fleet = Self {
            instances: Vec::new(),
            lines: Rc::default(),
            meta,
            callback: Rc::default(),
            redis: None,
        };
        for _ in 0..instances {
            let to_redis = RedisDoor::to(redis.socket(), lease_ms).await;
            let to_meta = MetaDoor::to(fleet.meta.address).await;
            let plan = Plan::new(to_meta.base_url());
            fleet.instances.push(Instance {
                serve: None,
                plan: plan.policy(policy).redis(to_redis.address(), ""),
                redis: to_redis,
                meta: to_meta,
            });
            fleet.lines.borrow_mut().push(None);
        }
        fleet.redis = Some(redis);
        for instance in 0..instances {
            fleet.revive(instance).await;
        }
        fleet
    }

    /// Starts an instance that is dead, and waits until it serves.
    pub(crate) async fn revive(&mut self, index: usize) {
        let instance = &mut self.instances[index];
        instance.redis.disarm();
        instance.meta.disarm();
        let serve = Serve::start_logging(&instance.plan, LOG).await;
        let client = serve.client().await;
        instance.serve = Some(serve);
        self.lines.borrow_mut()[index] = Some(client);
        self.lead_webhooks_to(index);
    }

    /// One more connection to an instance that lives.
    pub(crate) async fn client_of(&self, index: usize) -> Client {
        self.instances[index].serve.as_ref().unwrap().client().await
    }

    /// Kills an instance when it has reached a point, and leaves it dead.
    pub(crate) async fn kill(&mut self, index: usize, point: Point) -> Kill {
        let instance = &self.instances[index];
        let springs = match point {
            Point::Random => None,
            Point::AfterCommit => Some(instance.redis.set(Trap::Start)),
            Point::AfterClaim => Some(instance.redis.set(Trap::Claim)),
            Point::AfterAcceptance | Point::BeforeResult => {
                let (sprung, springs) = oneshot::channel();
                let next = match point {
                    Point::AfterAcceptance => AtAcceptance::Hold(sprung),
                    _ => AtAcceptance::LoseResult(instance.redis.clone(), sprung),
                };
                instance.meta.at_acceptance(next);
                Some(springs)
            }
        };
        let (mut hit, mut victim) = (springs.is_none(), None);
        if let Some(springs) = springs {
            victim = timeout(POINT_WAIT, springs).await.ok().and_then(Result::ok);
            hit = match (point, victim) {
                (Point::AfterCommit | Point::AfterClaim, Some(sprung)) => self.has(sprung).await,
                (_, sprung) => sprung.is_some(),
            };
        }
        self.end(index).await;
        Kill {
            point,
            hit,
            victim: victim.filter(|_| hit).map(|it| it.key),
            at_ms: victim.map_or_else(wall_millis, |it| it.at_ms),
        }
    }

    /// Kills an instance where it is. Callers and webhooks go to those that are left.
    async fn end(&mut self, index: usize) {
        self.lines.borrow_mut()[index] = None;
        let mut serve = self.instances[index].serve.take().unwrap();
        serve.process.signal("KILL");
        assert_eq!(serve.process.ended().await.code, None, "it had ended by itself");
        if let Some(heir) = self.instances.iter().position(|it| it.serve.is_some()) {
            self.lead_webhooks_to(heir);
        }
    }

    fn lead_webhooks_to(&self, index: usize) {
        let callback = self.instances[index].serve.as_ref().unwrap().callback();
        self.meta.controls.set_callback_url(&callback).unwrap();
        *self.callback.borrow_mut() = callback;
    }

    /// Whether a write is on Redis.
    async fn has(&self, write: Sprung) -> bool {
        let record = record_of(&write.key);
        let mut ticks = interval(LOOK_EVERY);
        for _ in 0..LOOKS_MAX {
            ticks.tick().await;
            let command: [&[u8]; 4] = [b"GETRANGE", &record, b"0", b"7"];
            if self.redis().ask(&command) == Reply::Bulk(write.version.to_vec()) {
                return true;
            }
        }
        false
    }

    /// Kills Redis, keeps it away for so long, and starts it again on its files.
    pub(crate) async fn restart_redis(&mut self, away: Duration) {
        let mut redis = self.redis.take().unwrap();
        redis = blocking(move || {
            redis.kill();
            redis
        })
        .await;
        let _ = timeout(away, std::future::pending::<()>()).await;
        redis = blocking(move || {
            redis.restart();
            redis
        })
        .await;
        self.redis = Some(redis);
    }

    /// Waits until no index of wake-ups has anybody in it.
    pub(crate) async fn until_nobody_is_to_be_woken(&self, within: Duration) {
        let (mut ticks, watch) = (interval(Duration::from_millis(500)), Stopwatch::start());
        loop {
            ticks.tick().await;
            let waiting = self.in_indexes(|index| format!("ZCARD {index}"));
            if waiting == 0 {
                return;
            }
            let took = watch.elapsed();
            assert!(took < within, "{waiting} recipients have to be woken after {took:?}");
        }
    }

    /// Waits until nobody is overdue, or for so long.
    pub(crate) async fn until_caught_up(&self, at_most: Duration) {
        let caught_up = async {
            let mut ticks = interval(LOOK_EVERY);
            while self.in_indexes(|index| format!("ZCOUNT {index} -inf {}", wall_millis())) > 0 {
                ticks.tick().await;
            }
        };
        let _ = timeout(at_most, caught_up).await;
    }

    /// Asks every index for a number, and adds them up.
    fn in_indexes(&self, question: impl Fn(&str) -> String) -> i64 {
        let shards = ShardCount::DEFAULT.shards();
        shards
            .map(|shard| {
                let index = format!("cs:{{{}}}:w", shard.number());
                self.redis().ask_text(&question(&index)).integer()
            })
            .sum()
    }

    pub(crate) fn redis(&self) -> &RedisServer {
        self.redis.as_ref().unwrap()
    }
}

/// The key of a recipient's record.
fn record_of(key: &Key) -> Vec<u8> {
    let shard = RecipientKey::from_bytes(*key).shard(ShardCount::DEFAULT);
    let mut record = format!("cs:{{{}}}:r:", shard.number()).into_bytes();
    record.extend_from_slice(key);
    record
}

/// Runs what blocks on a thread where that does no harm.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    soon("Redis", spawn_blocking(work)).await.unwrap()
}
