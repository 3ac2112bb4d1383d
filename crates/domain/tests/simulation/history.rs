//! One history: who does what, in which order, and what goes wrong, all from one seed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_domain::app::Caller;
use countersign_domain::client::Client;
use countersign_domain::code::Guess;
use countersign_domain::delivery::{DeliveryReport, Fault, NextStep, ProviderReport, Rejection};
use countersign_domain::id::{Purpose, ShardCount, VerificationId};
use countersign_domain::money::{PriceCategory, Pricing};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{Clock, Courier, Errand, LimitStore, RecipientStore};
use countersign_domain::request::RequestId;
use countersign_domain::template::Platform;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{CheckRequest, Ports, ReportedDelivery, StartRequest, UseCases, VerificationName};
use countersign_domain::verification::{CheckOutcome, StartOutcome};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::guard::MemoryGuard;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_store_memory::tallies::MemoryTallies;
use countersign_testkit::catalog::FakeCatalog;
use countersign_testkit::clock::ManualClock;
use countersign_testkit::directory::FakeDirectory;
use countersign_testkit::fixture;
use countersign_testkit::guard::EasyChallenge;
use countersign_testkit::numbering::OpenNumbering;
use countersign_testkit::random::SeededRandom;
use countersign_testkit::recorder::EventRecorder;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::oracle::{Asked, Oracle};
use crate::schedule::{Actor, Schedule, now_or_never};
use crate::tally::Tally;
use crate::world::{
    Dice, SimLimits, SimMessenger, SimStore, World, limited, news_of_a_template, policy, with_two_senders,
};

const INSTANCES: usize = 2;
const STEPS: u32 = 160;

/// Errands wait here; whoever runs the instance picks them up, unless it crashes first.
#[derive(Default)]
struct Errands(Mutex<Vec<Errand>>);

impl Courier for Errands {
    fn hand_over(&self, errand: Errand) -> Result<(), Errand> {
        let mut waiting = self.0.lock().unwrap();
        if waiting.len() >= 3 {
            return Err(errand);
        }
        waiting.push(errand);
        Ok(())
    }

    fn expect(&self, _at: Timestamp) {}
}

struct Instance {
    use_cases: UseCases,
    errands: Arc<Errands>,
}

/// One seeded history.
pub(crate) struct History {
    rng: StdRng,
    world: Arc<World>,
    instances: Vec<Instance>,
    schedule: Schedule,
    people: Vec<(Purpose, PhoneNumber)>,
    /// Earlier checks, to repeat some of them.
    repeatable: Vec<(VerificationId, Asked)>,
    tally: Arc<Mutex<Tally>>,
}

impl History {
    pub(crate) fn new(seed: u64) -> Self {
        Self::build(seed, false)
    }

    /// A history whose store ignores versions.
    pub(crate) fn careless(seed: u64) -> Self {
        Self::build(seed, true)
    }

    fn build(seed: u64, careless: bool) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let policy = policy(&mut rng);
        let world = Arc::new(World {
            oracle: Arc::new(Oracle::new(policy.clone())),
            dice: Dice::new(StdRng::seed_from_u64(seed ^ 0x5eed)),
            clock: Arc::new(ManualClock::default()),
            trouble: Arc::new(AtomicBool::new(true)),
            // A store that ignores versions accounts for nothing.
            is_calm: !careless && seed.is_multiple_of(2),
        });
        let store = SimStore {
            world: Arc::clone(&world),
            inner: MemoryStore::new(ShardCount::DEFAULT),
            careless,
        };
        let limits = SimLimits {
            world: Arc::clone(&world),
            inner: MemoryLimits::default(),
        };
        let (store, limits): (Arc<dyn RecipientStore>, Arc<dyn LimitStore>) = (Arc::new(store), Arc::new(limits));
        let rulebook = Arc::new(limited(with_two_senders(policy)));
        let (guard, tallies) = (Arc::new(MemoryGuard::new()), Arc::new(MemoryTallies::new()));
        let instances = (0..INSTANCES).map(|number| {
            let errands = Arc::new(Errands::default());
            let ports = Ports {
                recipients: Arc::clone(&store),
                limits: Arc::clone(&limits),
                tallies: Arc::clone(&tallies) as _,
                guard: Arc::clone(&guard) as _,
                challenges: Arc::new(EasyChallenge),
                feed: Arc::new(MemoryFeed::default()),
                messenger: Arc::new(SimMessenger {
                    world: Arc::clone(&world),
                    instance: number,
                }),
                directory: Arc::new(FakeDirectory::default()),
                catalog: Arc::new(FakeCatalog::default()),
                numbering: Arc::new(OpenNumbering),
                clock: Arc::clone(&world.clock) as _,
                random: Arc::new(SeededRandom::new(seed.wrapping_mul(31) + number as u64)),
                observer: Arc::new(EventRecorder::default()),
                courier: Arc::clone(&errands) as _,
            };
            Instance {
                use_cases: UseCases::new(&rulebook, &ports),
                errands,
            }
        });
        let people = [("sign_in", 1), ("payment", 1), ("sign_in", 2)];
        let people = people.map(|(purpose, n)| (Purpose::parse(purpose).unwrap(), fixture::phone_number(n)));
        let people = people[..rng.random_range(1..=3)].to_vec();
        Self {
            instances: instances.collect(),
            rng,
            world,
            schedule: Schedule::default(),
            people,
            repeatable: Vec::new(),
            tally: Arc::default(),
        }
    }

    /// Plays the history to its end and says what happened.
    pub(crate) fn play(mut self) -> Tally {
        for _ in 0..STEPS {
            self.act();
        }
        self.finish();
        let mut tally = *self.tally.lock().unwrap();
        tally.histories = 1;
        tally
    }

    fn act(&mut self) {
        let instance = self.rng.random_range(0..INSTANCES);
        match self.rng.random_range(0..100) {
            0..=7 => self.start(instance),
            8..=15 => self.check(instance),
            16 => self.cancel(instance),
            17..=20 => self.webhook(instance),
            21..=27 => self.run_errands(instance),
            28..=30 => self.wake(instance),
            31..=34 => self.let_time_pass(),
            35 if self.rng.random_bool(0.5) => {
                let board = &self.instances[instance].use_cases.board;
                board.hear(&news_of_a_template(&mut self.rng));
            }
            35 if self.rng.random_range(0..4) == 0 && !self.world.is_calm => self.crash(instance),
            36 => {
                let guard = Arc::clone(&self.instances[instance].use_cases.guard);
                now_or_never(async move { guard.flush().await }).unwrap();
            }
            _ => self.step(),
        }
    }

    fn step(&mut self) {
        let oracle = Arc::clone(&self.world.oracle);
        self.schedule.step(&mut self.rng, |actor| oracle.acts(actor));
    }

    fn start(&mut self, instance: usize) {
        let (purpose, phone) = self.person();
        let request_id = self
            .rng
            .random_bool(0.5)
            .then(|| format!("start-{}", self.rng.random_range(0..6)));
        let request = StartRequest {
            app: fixture::app_id(),
            phone,
            purpose,
            language: None,
            platform: Platform::Unknown,
            package: None,
            context: self.context(),
            accept_identity_change: false,
            client: Client::default(),
            request_id: request_id.and_then(|it| RequestId::parse(&it).unwrap()),
            // As the server sets it: no request is decided anew hours after it was charged.
            deadline: Some(self.world.clock.now().plus(Duration::from_secs(5))),
        };
        let context = request.context.clone();
        let use_case = Arc::clone(&self.instances[instance].use_cases.start);
        let (oracle, tally, caller) = (
            Arc::clone(&self.world.oracle),
            Arc::clone(&self.tally),
            fixture::caller(),
        );
        self.schedule.spawn(instance, Actor::Start, async move {
            let answer = use_case.execute(&caller, request).await;
            let mut tally = tally.lock().unwrap();
            match answer {
                Ok(answer) => {
                    oracle.answered_start(answer.view.id, &context);
                    match answer.outcome {
                        StartOutcome::Opened => tally.opened += 1,
                        StartOutcome::Resent => tally.resent += 1,
                        StartOutcome::Joined => tally.joined += 1,
                    }
                }
                Err(_) => tally.refused += 1,
            }
        });
    }

    fn check(&mut self, instance: usize) {
        let Some(id) = self.verification() else { return };
        let repeat = self
            .rng
            .random_bool(0.2)
            .then(|| self.pick(&self.repeatable.clone()))
            .flatten();
        let at = self.world.clock.now();
        let (id, asked) = repeat.unwrap_or_else(|| {
            let context = match self.rng.random_range(0..12) {
                0 => pairs("999"),
                1 => BTreeMap::new(),
                _ => self.world.oracle.context_of(&id),
            };
            let request_id = format!("check-{}", self.rng.random::<u32>());
            let guess = self.guess(&id);
            (
                id,
                Asked {
                    at,
                    request_id,
                    guess,
                    context,
                },
            )
        });
        self.repeatable.push((id, asked.clone()));
        let asked = Asked { at, ..asked };
        let request = CheckRequest {
            name: VerificationName::Id(id),
            guess: Guess::parse(&asked.guess).unwrap(),
            context: asked.context.clone(),
            client: Client::default(),
            request_id: RequestId::parse(&asked.request_id).unwrap(),
            deadline: None,
        };
        let use_case = Arc::clone(&self.instances[instance].use_cases.check);
        let (oracle, tally) = (Arc::clone(&self.world.oracle), Arc::clone(&self.tally));
        let clock = Arc::clone(&self.world.clock);
        self.schedule.spawn(instance, Actor::Check, async move {
            let Ok(answer) = use_case.execute(&fixture::caller(), request).await else {
                return;
            };
            oracle.answered_check(id, answer.outcome, &asked, clock.now());
            let mut tally = tally.lock().unwrap();
            match answer.outcome {
                CheckOutcome::Approved => tally.approved += 1,
                CheckOutcome::Incorrect => tally.incorrect += 1,
                CheckOutcome::Exhausted => tally.exhausted += 1,
                CheckOutcome::Held { .. } => tally.held += 1,
                _ => {}
            }
        });
    }

    fn cancel(&mut self, instance: usize) {
        let Some(id) = self.verification() else { return };
        let use_case = Arc::clone(&self.instances[instance].use_cases.cancel);
        self.schedule.spawn(instance, Actor::Cancel, async move {
            let caller: Caller = fixture::caller();
            // A store that is away is part of the history; the oracle sees what was written.
            let _ = use_case.execute(&caller, &VerificationName::Id(id)).await;
        });
    }

    /// One post about up to three messages, or up to three times about one.
    fn webhook(&mut self, instance: usize) {
        let said = self.rng.random_range(1..=3);
        let post = (0..said).map(|_| self.report()).collect();
        let use_case = Arc::clone(&self.instances[instance].use_cases.apply_delivery);
        let tally = Arc::clone(&self.tally);
        self.schedule.spawn(instance, Actor::Webhook, async move {
            for reports in use_case.by_recipient(post) {
                if use_case.execute(&reports).await.is_ok() {
                    tally.lock().unwrap().webhooks_applied += 1;
                }
            }
        });
    }

    fn report(&mut self) -> ReportedDelivery {
        let rng = &mut self.rng;
        let reference = self.world.oracle.reference(|count| rng.random_range(0..count));
        let report = match self.rng.random_range(0..8) {
            0 | 1 => DeliveryReport::Sent,
            2 | 3 => DeliveryReport::Delivered,
            4 => DeliveryReport::Read,
            roll => DeliveryReport::Failed {
                step: match roll {
                    5 => NextStep::Unavailable,
                    6 => NextStep::Misconfigured(Fault::Account),
                    _ => NextStep::Rejected(Rejection::Undeliverable),
                },
                report: ProviderReport::new(131_026, "simulated", ""),
            },
        };
        let mut reported = ReportedDelivery::new(reference, report);
        reported.pricing = self.rng.random_bool(0.5).then(|| Pricing {
            category: PriceCategory::Authentication,
            is_billable: self.rng.random_bool(0.8),
        });
        reported
    }

    fn run_errands(&mut self, instance: usize) {
        let errands = std::mem::take(&mut *self.instances[instance].errands.0.lock().unwrap());
        for errand in errands {
            let dispatch = Arc::clone(&self.instances[instance].use_cases.dispatch);
            let waiting = Arc::clone(&self.instances[instance].errands);
            self.schedule.spawn(instance, Actor::Sender, async move {
                // What has to wait for a sender waits with the errands that nobody began yet.
                if let Some(postponed) = dispatch.run(errand).await {
                    waiting.0.lock().unwrap().push(postponed.errand);
                }
            });
        }
    }

    fn wake(&mut self, instance: usize) {
        let dispatch = Arc::clone(&self.instances[instance].use_cases.dispatch);
        let waiting = Arc::clone(&self.instances[instance].errands);
        self.schedule.spawn(instance, Actor::Sender, async move {
            for shard in ShardCount::DEFAULT.shards() {
                let Ok(due) = dispatch.due(shard, 8).await else {
                    continue;
                };
                for key in due {
                    if let Ok(Some(postponed)) = dispatch.wake(key).await {
                        waiting.0.lock().unwrap().push(postponed.errand);
                    }
                }
            }
        });
    }

    fn let_time_pass(&mut self) {
        let seconds: u64 = match self.rng.random_range(0..12) {
            0..=3 => self.rng.random_range(0..5),
            4..=6 => self.rng.random_range(5..70),
            7..=9 => self.rng.random_range(60..400),
            10 => self.rng.random_range(500..4_000),
            _ => self.rng.random_range(40_000..100_000),
        };
        // Mostly nothing is under way while hours pass; sometimes everything is.
        if seconds > 4 && self.rng.random_bool(0.8) {
            self.drain();
        }
        let clock = &self.world.clock;
        if self.rng.random_range(0..15) == 0 {
            clock.set(clock.now().minus(Duration::from_secs(seconds.min(300))));
            self.world.oracle.clock_stepped_back();
        } else {
            clock.advance(Duration::from_millis(seconds * 1_000 + self.rng.random_range(0..1_000)));
        }
    }

    fn crash(&mut self, instance: usize) {
        self.schedule.crash(instance);
        self.world.oracle.crashed(instance);
        self.instances[instance].errands.0.lock().unwrap().clear();
        self.tally.lock().unwrap().crashes += 1;
    }

    /// Brings the history to its end without further trouble: every accepted start must then have one final state.
    fn finish(&mut self) {
        self.drain();
        self.world.trouble.store(false, Ordering::Relaxed);
        for _ in 0..6 {
            self.world.clock.advance(Duration::from_secs(300));
            (0..INSTANCES).for_each(|instance| self.run_errands(instance));
            self.wake(0);
            self.drain();
        }
        self.world.oracle.ledger.check(self.world.is_calm);
        for id in self.world.oracle.opened() {
            let get = Arc::clone(&self.instances[0].use_cases.get);
            let view = now_or_never(async move { get.execute(&fixture::caller(), &VerificationName::Id(id)).await });
            // What ended long ago may be forgotten; what is readable has ended.
            if let Ok(view) = view {
                assert!(!view.verification.is_open(), "5: an accepted start has not ended");
            }
        }
    }

    fn drain(&mut self) {
        while !self.schedule.is_empty() {
            self.step();
        }
    }

    fn person(&mut self) -> (Purpose, PhoneNumber) {
        let index = self.rng.random_range(0..self.people.len());
        self.people[index].clone()
    }

    /// Mostly one of the newest, sometimes any.
    fn verification(&mut self) -> Option<VerificationId> {
        let opened = self.world.oracle.opened();
        let newest = opened.len().saturating_sub(2);
        let from = if self.rng.random_bool(0.8) {
            &opened[newest..]
        } else {
            &opened[..]
        };
        self.pick(from)
    }

    fn context(&mut self) -> BTreeMap<String, String> {
        if self.rng.random_bool(0.9) {
            BTreeMap::new()
        } else {
            pairs("10")
        }
    }

    /// Mostly the right code, often a wrong one, sometimes another verification's.
    fn guess(&mut self, id: &VerificationId) -> String {
        let (own, all) = (
            self.world.oracle.codes_of(&id.to_string()),
            self.world.oracle.all_codes(),
        );
        let guess = match self.rng.random_range(0..10) {
            0..=5 => self.pick(&own),
            6 => self.pick(&all),
            _ => None,
        };
        guess.unwrap_or_else(|| format!("{:010}", self.rng.random_range(0..10_000_000_000_u64)))
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.rng.random_range(0..from.len())].clone())
    }
}

fn pairs(amount: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("amount".to_owned(), amount.to_owned())])
}
