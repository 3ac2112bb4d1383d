//! What becomes of an accepted message, and what of it is told. Kept out: letting it happen, which `journey` does.

use std::time::Duration;

use crate::config::Pace;
use crate::pricing::PricingType;

/// The way of one accepted message: steps with waits between them, in place of the [`Pace`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Whether the answer to the send says `held_for_quality_assessment`.
    pub held: bool,
    /// What happens, in this order. Without steps the message stays accepted and nothing is told. Over HTTP at most
    /// 32.
    pub steps: Vec<Step>,
    /// What is told when the template's life of messages ends before the message is delivered.
    pub life_end: LifeEnd,
    /// What webhooks say of its price.
    pub pricing: PricingType,
}

/// One thing that happens to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub event: Event,
    /// How long after the step before, or after acceptance. [`Event::Read`] comes sooner when the page shows the
    /// message; with `None` it comes only then. Any other step with `None` is never reached.
    pub after: Option<Duration>,
    /// How the callback learns of it.
    pub told: Telling,
}

/// What happens to a message, or to the person who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Status `sent`.
    Sent,
    /// Status `delivered`.
    Delivered,
    /// Status `read`.
    Read,
    /// Status `failed`.
    Failed {
        /// Meta's code, such as 131026.
        code: u32,
    },
    /// The person presses "I didn't request a code".
    DidNotRequest,
    /// The number gets a new owner or a new device, and so another identity hash. Nothing is told of it.
    NewIdentity,
}

/// How the callback learns of a step. The default tells it once, at once, with everything Meta puts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a way of telling that goes with every other"
)]
pub struct Telling {
    /// How often; 0 is a webhook that goes missing, 2 one that comes twice.
    pub times: u8,
    /// How long after the step. A webhook told late waits for nothing and nothing waits for it.
    pub late: Duration,
    /// Whether the next step is told before this one.
    pub reversed: bool,
    /// Whether it waits a quarter of a second for other batched statuses and shares one post with them.
    pub batched: bool,
    /// Whether `recipient_id` is left out, as for people with user names.
    pub without_recipient: bool,
    /// Whether a lie about the message, signed with a wrong secret, is posted first. The callback has to refuse it.
    pub forged: bool,
}

/// What is told when a message's life ends before it is delivered (Meta: a webhook may be late or never come).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LifeEnd {
    /// Nothing.
    #[default]
    Untold,
    /// Status `failed` with code 131026.
    Failed,
}

impl Fate {
    /// Sent, delivered and read at this pace, each told once.
    pub fn usual(pace: Pace) -> Self {
        let mut steps = Vec::with_capacity(3);
        if let Some(to_sent) = pace.to_sent {
            steps.push(Step::new(Event::Sent, to_sent));
            if let Some(to_delivered) = pace.to_delivered {
                steps.push(Step::new(Event::Delivered, to_delivered));
                steps.push(Step {
                    after: pace.to_read,
                    ..Step::new(Event::Read, Duration::ZERO)
                });
            }
        }
        Self::of(steps)
    }

    /// These steps.
    pub fn of(steps: impl Into<Vec<Step>>) -> Self {
        Self {
            steps: steps.into(),
            ..Self::default()
        }
    }

    /// Fails with this code, and nothing else.
    pub fn failed(code: u32, after: Duration) -> Self {
        Self::of([Step::new(Event::Failed { code }, after)])
    }

    /// Held for quality assessment, then released to go its usual way.
    pub fn held_then_released(hold: Duration, pace: Pace) -> Self {
        let mut fate = Self {
            held: true,
            ..Self::usual(pace)
        };
        if let Some(after) = fate.steps.first_mut().and_then(|first| first.after.as_mut()) {
            *after = after.saturating_add(hold);
        }
        fate
    }

    /// Held for quality assessment, then failed with 132015.
    pub fn held_then_failed(hold: Duration) -> Self {
        Self {
            held: true,
            ..Self::failed(132_015, hold)
        }
    }

    /// Sent and never delivered: its life ends, which is told or not.
    pub fn outlived(to_sent: Duration, life_end: LifeEnd) -> Self {
        Self {
            life_end,
            ..Self::of([
                Step::new(Event::Sent, to_sent),
                Step::new(Event::Delivered, Duration::MAX),
            ])
        }
    }

    /// The same way, billed like this.
    #[must_use]
    pub fn billed(self, pricing: PricingType) -> Self {
        Self { pricing, ..self }
    }

    /// The same way with every step told like this.
    #[must_use]
    pub fn told(mut self, told: Telling) -> Self {
        for step in &mut self.steps {
            step.told = told;
        }
        self
    }
}

impl Step {
    /// A step that is told once, at once.
    pub fn new(event: Event, after: Duration) -> Self {
        Self {
            event,
            after: Some(after),
            told: Telling::default(),
        }
    }

    /// The same step told like this.
    #[must_use]
    pub fn told(self, told: Telling) -> Self {
        Self { told, ..self }
    }
}

impl Telling {
    /// Not told at all.
    pub fn missing() -> Self {
        Self {
            times: 0,
            ..Self::default()
        }
    }

    /// Told twice, one right after the other.
    pub fn twice() -> Self {
        Self {
            times: 2,
            ..Self::default()
        }
    }

    /// Told this much later.
    pub fn late(late: Duration) -> Self {
        Self {
            late,
            ..Self::default()
        }
    }

    /// Told after the next step.
    pub fn reversed() -> Self {
        Self {
            reversed: true,
            ..Self::default()
        }
    }

    /// Told together with others.
    pub fn batched() -> Self {
        Self {
            batched: true,
            ..Self::default()
        }
    }

    /// Told without `recipient_id`.
    pub fn without_recipient() -> Self {
        Self {
            without_recipient: true,
            ..Self::default()
        }
    }

    /// Told after a forged lie.
    pub fn forged() -> Self {
        Self {
            forged: true,
            ..Self::default()
        }
    }
}

impl Default for Telling {
    fn default() -> Self {
        Self {
            times: 1,
            late: Duration::ZERO,
            reversed: false,
            batched: false,
            without_recipient: false,
            forged: false,
        }
    }
}
