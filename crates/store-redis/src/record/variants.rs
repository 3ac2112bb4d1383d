//! Between the domain's enums and their stored variants. Every variant is named on both sides.

use countersign_domain::delivery::{DeliveryState, FailureReason};
use countersign_domain::request::RememberedAnswer;
use countersign_domain::verification::{CanceledBy, CheckOutcome, StartOutcome, VerificationState};

use super::convert::Base;
use super::stored::{
    StoredAnswer, StoredCanceledBy, StoredCheckOutcome, StoredDeliveryState, StoredReason, StoredStartOutcome,
    StoredState,
};

impl StoredState {
    pub(super) const fn of(state: VerificationState, base: Base) -> Self {
        match state {
            VerificationState::Open => Self::Open,
            VerificationState::Approved { at } => Self::Approved(base.offset(at)),
            VerificationState::Expired { at } => Self::Expired(base.offset(at)),
            VerificationState::Exhausted { at } => Self::Exhausted(base.offset(at)),
            VerificationState::Canceled { at, by } => {
                let by = match by {
                    CanceledBy::Caller => StoredCanceledBy::Caller,
                    CanceledBy::Person => StoredCanceledBy::Person,
                    CanceledBy::Newer => StoredCanceledBy::Newer,
                    CanceledBy::KeyWithdrawn => StoredCanceledBy::KeyWithdrawn,
                };
                Self::Canceled(base.offset(at), by)
            }
            VerificationState::Failed { at, reason } => Self::Failed(base.offset(at), StoredReason::of(reason)),
            VerificationState::Blocked { at } => Self::Blocked(base.offset(at)),
        }
    }

    pub(super) const fn into_state(self, base: Base) -> VerificationState {
        match self {
            Self::Open => VerificationState::Open,
            Self::Approved(at) => VerificationState::Approved { at: base.moment(at) },
            Self::Expired(at) => VerificationState::Expired { at: base.moment(at) },
            Self::Exhausted(at) => VerificationState::Exhausted { at: base.moment(at) },
            Self::Canceled(at, by) => VerificationState::Canceled {
                at: base.moment(at),
                by: match by {
                    StoredCanceledBy::Caller => CanceledBy::Caller,
                    StoredCanceledBy::Person => CanceledBy::Person,
                    StoredCanceledBy::Newer => CanceledBy::Newer,
                    StoredCanceledBy::KeyWithdrawn => CanceledBy::KeyWithdrawn,
                },
            },
            Self::Failed(at, reason) => VerificationState::Failed {
                at: base.moment(at),
                reason: reason.into_reason(),
            },
            Self::Blocked(at) => VerificationState::Blocked { at: base.moment(at) },
        }
    }
}

impl StoredDeliveryState {
    pub(super) fn of(state: DeliveryState, base: Base) -> Self {
        match state {
            DeliveryState::Due { at } => Self::Due(base.offset(at)),
            DeliveryState::Sending { lease_until } => Self::Sending(base.offset(lease_until)),
            DeliveryState::Unknown { settle_at } => Self::Unknown(settle_at.map(|at| base.offset(at))),
            DeliveryState::Accepted => Self::Accepted,
            DeliveryState::Held => Self::Held,
            DeliveryState::Sent => Self::Sent,
            DeliveryState::Dropped => Self::Dropped,
            DeliveryState::Failed(reason) => Self::Failed(StoredReason::of(reason)),
            DeliveryState::Delivered => Self::Delivered,
            DeliveryState::Read => Self::Read,
        }
    }

    pub(super) fn into_state(self, base: Base) -> DeliveryState {
        match self {
            Self::Due(at) => DeliveryState::Due { at: base.moment(at) },
            Self::Sending(at) => DeliveryState::Sending {
                lease_until: base.moment(at),
            },
            Self::Unknown(at) => DeliveryState::Unknown {
                settle_at: at.map(|at| base.moment(at)),
            },
            Self::Accepted => DeliveryState::Accepted,
            Self::Held => DeliveryState::Held,
            Self::Sent => DeliveryState::Sent,
            Self::Dropped => DeliveryState::Dropped,
            Self::Failed(reason) => DeliveryState::Failed(reason.into_reason()),
            Self::Delivered => DeliveryState::Delivered,
            Self::Read => DeliveryState::Read,
        }
    }
}

impl StoredReason {
    pub(super) const fn of(reason: FailureReason) -> Self {
        match reason {
            FailureReason::Undeliverable => Self::Undeliverable,
            FailureReason::Misconfigured => Self::Misconfigured,
            FailureReason::Throttled => Self::Throttled,
            FailureReason::ProviderUnavailable => Self::ProviderUnavailable,
            FailureReason::TooLate => Self::TooLate,
            FailureReason::Superseded => Self::Superseded,
            FailureReason::CountryBarred => Self::CountryBarred,
            FailureReason::IdentityChanged => Self::IdentityChanged,
        }
    }

    pub(super) const fn into_reason(self) -> FailureReason {
        match self {
            Self::Undeliverable => FailureReason::Undeliverable,
            Self::Misconfigured => FailureReason::Misconfigured,
            Self::Throttled => FailureReason::Throttled,
            Self::ProviderUnavailable => FailureReason::ProviderUnavailable,
            Self::TooLate => FailureReason::TooLate,
            Self::Superseded => FailureReason::Superseded,
            Self::CountryBarred => FailureReason::CountryBarred,
            Self::IdentityChanged => FailureReason::IdentityChanged,
        }
    }
}

impl StoredAnswer {
    pub(super) const fn of(answer: RememberedAnswer, base: Base) -> Self {
        match answer {
            RememberedAnswer::Start { outcome, delivery } => {
                let outcome = match outcome {
                    StartOutcome::Opened => StoredStartOutcome::Opened,
                    StartOutcome::Joined => StoredStartOutcome::Joined,
                    StartOutcome::Resent => StoredStartOutcome::Resent,
                };
                Self::Start(outcome, delivery)
            }
            RememberedAnswer::Check(outcome) => Self::Check(match outcome {
                CheckOutcome::Approved => StoredCheckOutcome::Approved,
                CheckOutcome::Incorrect => StoredCheckOutcome::Incorrect,
                CheckOutcome::Exhausted => StoredCheckOutcome::Exhausted,
                CheckOutcome::AlreadyApproved { at } => StoredCheckOutcome::AlreadyApproved(base.offset(at)),
                CheckOutcome::ContextMismatch => StoredCheckOutcome::ContextMismatch,
                CheckOutcome::Expired => StoredCheckOutcome::Expired,
                CheckOutcome::Canceled => StoredCheckOutcome::Canceled,
                CheckOutcome::Held { until } => StoredCheckOutcome::Held(base.offset(until)),
                CheckOutcome::Failed => StoredCheckOutcome::Failed,
            }),
        }
    }

    pub(super) const fn into_answer(self, base: Base) -> RememberedAnswer {
        match self {
            Self::Start(outcome, delivery) => RememberedAnswer::Start {
                outcome: match outcome {
                    StoredStartOutcome::Opened => StartOutcome::Opened,
                    StoredStartOutcome::Joined => StartOutcome::Joined,
                    StoredStartOutcome::Resent => StartOutcome::Resent,
                },
                delivery,
            },
            Self::Check(outcome) => RememberedAnswer::Check(match outcome {
                StoredCheckOutcome::Approved => CheckOutcome::Approved,
                StoredCheckOutcome::Incorrect => CheckOutcome::Incorrect,
                StoredCheckOutcome::Exhausted => CheckOutcome::Exhausted,
                StoredCheckOutcome::AlreadyApproved(at) => CheckOutcome::AlreadyApproved { at: base.moment(at) },
                StoredCheckOutcome::ContextMismatch => CheckOutcome::ContextMismatch,
                StoredCheckOutcome::Expired => CheckOutcome::Expired,
                StoredCheckOutcome::Canceled => CheckOutcome::Canceled,
                StoredCheckOutcome::Held(until) => CheckOutcome::Held {
                    until: base.moment(until),
                },
                StoredCheckOutcome::Failed => CheckOutcome::Failed,
            }),
        }
    }
}
