//! Every use case wired over the doubles and a store that the test brings.

use std::sync::Arc;

use countersign_domain::id::ShardCount;
use countersign_domain::ports::{ChangeFeed, GuardStore, LimitStore, RecipientStore, TallyStore};
use countersign_domain::use_case::{Error, Ports, Rulebook, UseCases};

use crate::catalog::FakeCatalog;
use crate::clock::ManualClock;
use crate::courier::ManualCourier;
use crate::directory::FakeDirectory;
use crate::fixture;
use crate::guard::{EasyChallenge, NoGuard};
use crate::messenger::FakeMessenger;
use crate::numbering::OpenNumbering;
use crate::random::SeededRandom;
use crate::recorder::EventRecorder;

/// How many rounds of errands one call runs, in case an errand ever leads to another for ever.
const ROUNDS_MAX: usize = 1_000;
/// How many recipients of a shard one call wakes.
const WAKES_MAX: usize = 1_000;

/// One instance of the service: its use cases, and the doubles they speak to.
pub struct House {
    /// What the instance is configured to do.
    pub rulebook: Arc<Rulebook>,
    /// What the use cases were wired to, for tests that wire something of their own.
    pub ports: Ports,
    /// The use cases.
    pub use_cases: UseCases,
    /// The clock they read.
    pub clock: Arc<ManualClock>,
    /// Where their messages go.
    pub messenger: Arc<FakeMessenger>,
    /// What the provider says about their senders.
    pub directory: Arc<FakeDirectory>,
    /// What the provider has of templates.
    pub catalog: Arc<FakeCatalog>,
    /// Where their errands wait.
    pub courier: Arc<ManualCourier>,
    /// Where their events are remembered.
    pub recorder: Arc<EventRecorder>,
}

/// A house that is not wired yet.
pub struct HouseBuilder {
    recipients: Arc<dyn RecipientStore>,
    limits: Arc<dyn LimitStore>,
    feed: Arc<dyn ChangeFeed>,
    tallies: Arc<dyn TallyStore>,
    guard: Arc<dyn GuardStore>,
    rulebook: Arc<Rulebook>,
    clock: Arc<ManualClock>,
    messenger: Arc<FakeMessenger>,
    recorder: Arc<EventRecorder>,
    courier: Arc<ManualCourier>,
    seed: u64,
}

impl House {
    /// A house over those stores with [`fixture::rulebook`] and fresh doubles.
    pub fn new(recipients: Arc<dyn RecipientStore>, limits: Arc<dyn LimitStore>, feed: Arc<dyn ChangeFeed>) -> Self {
        Self::builder(recipients, limits, feed).build()
    }

    /// A house over those stores, with doubles that can still be chosen.
    pub fn builder(
        recipients: Arc<dyn RecipientStore>,
        limits: Arc<dyn LimitStore>,
        feed: Arc<dyn ChangeFeed>,
    ) -> HouseBuilder {
        HouseBuilder {
            recipients,
            limits,
            feed,
            tallies: Arc::new(NoGuard),
            guard: Arc::new(NoGuard),
            rulebook: Arc::new(fixture::rulebook()),
            clock: Arc::default(),
            messenger: Arc::default(),
            recorder: Arc::default(),
            courier: Arc::default(),
            seed: 1,
        }
    }

    /// A second instance over the same stores, rules, clock, messenger and recorder, with errands of its own.
    #[must_use]
    pub fn second_instance(&self) -> Self {
        let ports = &self.ports;
        let builder = HouseBuilder {
            recipients: Arc::clone(&ports.recipients),
            limits: Arc::clone(&ports.limits),
            feed: Arc::clone(&ports.feed),
            tallies: Arc::clone(&ports.tallies),
            guard: Arc::clone(&ports.guard),
            rulebook: Arc::clone(&self.rulebook),
            clock: Arc::clone(&self.clock),
            messenger: Arc::clone(&self.messenger),
            recorder: Arc::clone(&self.recorder),
            courier: Arc::default(),
            seed: 2,
        };
        builder.build()
    }

    /// Runs the errands that wait, and those they lead to, until none is left or all that are left wait for a sender:
    /// those go back to the courier, for when the test has let time pass.
    pub async fn run_errands(&self) {
        let mut postponed = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let errands = self.courier.take();
            if errands.is_empty() {
                self.courier.put_back(postponed);
                return;
            }
            for errand in errands {
                postponed.extend(self.use_cases.dispatch.run(errand).await.map(|it| it.errand));
            }
        }
        panic!("errands led to errands {ROUNDS_MAX} times over");
    }

    /// Wakes every recipient whose time has come, shard by shard, as the loop in `app` does. Answers how many. What has
    /// to wait for a sender goes to the courier.
    pub async fn wake_due(&self, shards: ShardCount) -> Result<usize, Error> {
        let mut woken = 0;
        for shard in shards.shards() {
            for key in self.use_cases.dispatch.due(shard, WAKES_MAX).await? {
                let postponed = self.use_cases.dispatch.wake(key).await?;
                self.courier.put_back(postponed.map(|it| it.errand));
                woken += 1;
            }
        }
        Ok(woken)
    }
}

impl HouseBuilder {
    /// Runs under these rules.
    #[must_use]
    pub fn rulebook(mut self, rulebook: Rulebook) -> Self {
        self.rulebook = Arc::new(rulebook);
        self
    }

    /// Counts and remembers there what the guard hears; nowhere by default.
    #[must_use]
    pub fn guard(mut self, guard: Arc<dyn GuardStore>, tallies: Arc<dyn TallyStore>) -> Self {
        (self.guard, self.tallies) = (guard, tallies);
        self
    }

    /// Reads this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<ManualClock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sends with this messenger.
    #[must_use]
    pub fn messenger(mut self, messenger: Arc<FakeMessenger>) -> Self {
        self.messenger = messenger;
        self
    }

    /// Hands errands to this courier.
    #[must_use]
    pub fn courier(mut self, courier: ManualCourier) -> Self {
        self.courier = Arc::new(courier);
        self
    }

    /// Draws randomness from this seed.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Wires the house.
    pub fn build(self) -> House {
        let Self {
            recipients,
            limits,
            feed,
            tallies,
            guard,
            rulebook,
            clock,
            messenger,
            recorder,
            courier,
            seed,
        } = self;
        let directory = Arc::<FakeDirectory>::default();
        let catalog = Arc::<FakeCatalog>::default();
        let ports = Ports {
            recipients,
            limits,
            tallies,
            guard,
            challenges: Arc::new(EasyChallenge),
            feed,
            messenger: Arc::clone(&messenger) as _,
            directory: Arc::clone(&directory) as _,
            catalog: Arc::clone(&catalog) as _,
            numbering: Arc::new(OpenNumbering),
            clock: Arc::clone(&clock) as _,
            random: Arc::new(SeededRandom::new(seed)),
            observer: Arc::clone(&recorder) as _,
            courier: Arc::clone(&courier) as _,
        };
        House {
            directory,
            catalog,
            use_cases: UseCases::new(&rulebook, &ports),
            rulebook,
            ports,
            clock,
            messenger,
            courier,
            recorder,
        }
    }
}
