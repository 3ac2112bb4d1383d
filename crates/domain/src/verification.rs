//! One question "is this you?" to a recipient, with one life.

use crate::code::CodeRecipe;
use crate::delivery::{Delivery, FailureReason, IdentityHash};
use crate::id::Serial;
use crate::time::Timestamp;

/// One question to a recipient.
///
/// Fields are public because stores must write and read every one; only this crate's decisions change them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Its number within the recipient.
    pub serial: Serial,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its code stops being accepted.
    pub expires_at: Timestamp,
    /// How its code is derived.
    pub recipe: CodeRecipe,
    /// Wrong guesses so far.
    pub wrong_guesses: u8,
    /// Wrong guesses it bears.
    pub guesses_max: u8,
    /// Its messages, oldest first.
    pub deliveries: Vec<Delivery>,
    /// Who the provider says received its messages, while the policy wants to know.
    pub identity: Option<IdentityHash>,
    /// How far it got.
    pub state: VerificationState,
}

impl Verification {
    /// Whether the code can still be given.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, VerificationState::Open)
    }

    /// Why it ended; `None` while it is open. An expiry says whether the person had a chance: a message that reached
    /// the phone later, by late truth, changes the reason and never the state.
    pub fn end_reason(&self) -> Option<EndReason> {
        match self.state {
            VerificationState::Open => None,
            VerificationState::Approved { .. } => Some(EndReason::CodeCorrect),
            VerificationState::Expired { .. } if self.reached() => Some(EndReason::NotEntered),
            VerificationState::Expired { .. } => Some(EndReason::NotConfirmed),
            VerificationState::Exhausted { .. } => Some(EndReason::GuessesUsedUp),
            VerificationState::Canceled { by, .. } => Some(EndReason::Canceled(by)),
            VerificationState::Failed { reason, .. } => Some(EndReason::Failed(reason)),
            VerificationState::Blocked { .. } => Some(EndReason::BlockedByGuard),
        }
    }

    fn reached(&self) -> bool {
        self.deliveries.iter().any(|delivery| delivery.state.reached())
    }
}

/// How far a verification got. All but `Open` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerificationState {
    /// The code can be given.
    Open,
    /// The right code was given.
    Approved {
        /// When.
        at: Timestamp,
    },
    /// The code's life is over.
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// The guesses are used up.
    Exhausted {
        /// When the last one was made.
        at: Timestamp,
    },
    /// Somebody ended it.
    Canceled {
        /// When.
        at: Timestamp,
        /// Who.
        by: CanceledBy,
    },
    /// It could not be delivered and nothing is left to try.
    Failed {
        /// When the last hope went.
        at: Timestamp,
        /// Why.
        reason: FailureReason,
    },
    /// The guard refused to send.
    Blocked {
        /// When.
        at: Timestamp,
    },
}

impl VerificationState {
    /// Whether the right code was given.
    pub const fn is_approved(&self) -> bool {
        matches!(self, Self::Approved { .. })
    }

    /// When it ended, if it did.
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match *self {
            Self::Open => None,
            Self::Approved { at }
            | Self::Expired { at }
            | Self::Exhausted { at }
            | Self::Canceled { at, .. }
            | Self::Failed { at, .. }
            | Self::Blocked { at } => Some(at),
        }
    }
}

impl VerificationState {
    /// The state as one word, for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved { .. } => "approved",
            Self::Expired { .. } => "expired",
            Self::Exhausted { .. } => "exhausted",
            Self::Canceled { .. } => "canceled",
            Self::Failed { .. } => "failed",
            Self::Blocked { .. } => "blocked",
        }
    }
}

/// Why a verification ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The right code was given in time.
    CodeCorrect,
    /// A message reached the phone and the right code was not given in time.
    NotEntered,
    /// The code's life ended with no word that a message reached the phone.
    NotConfirmed,
    /// Every guess was wrong.
    GuessesUsedUp,
    /// Somebody ended it before its time.
    Canceled(CanceledBy),
    /// It could not be delivered.
    Failed(FailureReason),
    /// The guard refused to send.
    BlockedByGuard,
}

impl EndReason {
    /// The reason as one word, for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CodeCorrect => "code_correct",
            Self::NotEntered => "not_entered",
            Self::NotConfirmed => "not_confirmed",
            Self::GuessesUsedUp => "guesses_used_up",
            Self::Canceled(CanceledBy::Caller) => "canceled_by_caller",
            Self::Canceled(CanceledBy::Person) => "canceled_by_person",
            Self::Canceled(CanceledBy::Newer) => "superseded",
            Self::Canceled(CanceledBy::KeyWithdrawn) => "key_withdrawn",
            Self::Failed(reason) => reason.name(),
            Self::BlockedByGuard => "blocked_by_guard",
        }
    }
}

/// Who ended a verification before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanceledBy {
    /// The caller.
    Caller,
    /// The person, with "I didn't request a code".
    Person,
    /// A newer verification of the same recipient.
    Newer,
    /// The operator, who took the key of its code out of the ring.
    KeyWithdrawn,
}

/// What a start did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartOutcome {
    /// Opened a verification.
    Opened,
    /// Found one open and the wait not over.
    Joined,
    /// Sent the open one again.
    Resent,
}

impl StartOutcome {
    /// The outcome as one word, for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Joined => "joined",
            Self::Resent => "resent",
        }
    }
}

/// What a check said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Right.
    Approved,
    /// Wrong, and guesses are left.
    Incorrect,
    /// The guesses are used up, by this guess or before.
    Exhausted,
    /// Approved before.
    AlreadyApproved {
        /// When.
        at: Timestamp,
    },
    /// Bound to something else. Costs a guess.
    ContextMismatch,
    /// The code's life is over.
    Expired,
    /// Somebody ended it.
    Canceled,
    /// Too many wrong guesses at this recipient; nothing was compared.
    Held {
        /// Until when.
        until: Timestamp,
    },
    /// It could not be delivered, or was never sent.
    Failed,
}

impl CheckOutcome {
    /// The outcome as one word, for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Incorrect => "incorrect",
            Self::Exhausted => "exhausted",
            Self::AlreadyApproved { .. } => "already_approved",
            Self::ContextMismatch => "context_mismatch",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::Held { .. } => "held",
            Self::Failed => "failed",
        }
    }
}
