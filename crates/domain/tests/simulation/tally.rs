//! What happened, counted, so that a run that tested nothing cannot pass.

/// What happened over many histories, so that a run that tested nothing cannot pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) histories: u64,
    pub(crate) opened: u64,
    pub(crate) resent: u64,
    pub(crate) joined: u64,
    pub(crate) refused: u64,
    pub(crate) approved: u64,
    pub(crate) incorrect: u64,
    pub(crate) exhausted: u64,
    pub(crate) held: u64,
    pub(crate) crashes: u64,
    pub(crate) webhooks_applied: u64,
}

impl Tally {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            histories: self.histories + other.histories,
            opened: self.opened + other.opened,
            resent: self.resent + other.resent,
            joined: self.joined + other.joined,
            refused: self.refused + other.refused,
            approved: self.approved + other.approved,
            incorrect: self.incorrect + other.incorrect,
            exhausted: self.exhausted + other.exhausted,
            held: self.held + other.held,
            crashes: self.crashes + other.crashes,
            webhooks_applied: self.webhooks_applied + other.webhooks_applied,
        }
    }

    pub(crate) fn assert_the_histories_were_worth_playing(&self) {
        let Self {
            histories,
            opened,
            resent,
            joined,
            refused,
            approved,
            incorrect,
            exhausted,
            held,
            crashes,
            webhooks_applied,
        } = *self;
        let all = [
            opened,
            resent,
            joined,
            refused,
            approved,
            incorrect,
            exhausted,
            held,
            crashes,
            webhooks_applied,
        ];
        assert!(
            all.iter().all(|count| *count > histories / 50),
            "something hardly ever happened"
        );
    }
}
