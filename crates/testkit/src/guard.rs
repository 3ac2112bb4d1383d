//! A guard's stores for houses whose guard is off.

use async_trait::async_trait;
use countersign_domain::client::Client;
use countersign_domain::guard::{Block, BucketKey, PersonKey, SeriesKey};
use countersign_domain::ports::{
    BatchId, ChallengePass, ChallengeRefusal, ChallengeSubject, ChallengeVerifier, GuardStore, GuardView,
    IssuedChallenge, ScoreChange, StoreError, StoredBlock, Tally, TallyStore, Version,
};
use countersign_domain::time::Timestamp;

/// Remembers nothing and stops nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGuard;

#[async_trait]
impl GuardStore for NoGuard {
    async fn look(&self, buckets: &[BucketKey], _: Option<PersonKey>) -> Result<GuardView, StoreError> {
        Ok(GuardView {
            blocks: vec![None; buckets.len()],
            is_returning: false,
            line: None,
        })
    }

    async fn scores(&self, buckets: &[BucketKey]) -> Result<Vec<i64>, StoreError> {
        Ok(vec![0; buckets.len()])
    }

    async fn score(&self, _: BatchId, changes: &[ScoreChange], _: Timestamp) -> Result<Vec<i64>, StoreError> {
        Ok(vec![0; changes.len()])
    }

    async fn replace<'a>(
        &self,
        _: BucketKey,
        _: Option<Version>,
        _: Option<&'a Block>,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn blocks(&self, _: usize) -> Result<Vec<StoredBlock>, StoreError> {
        Ok(Vec::new())
    }

    async fn remember(&self, _: PersonKey, _: Timestamp, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn learn_line(&self, _: PersonKey, _: PersonKey, _: Timestamp, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn forget(&self, _: PersonKey) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl TallyStore for NoGuard {
    async fn add(&self, _: BatchId, _: &[Tally], _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn read(
        &self,
        series: &[SeriesKey],
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Vec<Vec<(Timestamp, u64)>>, StoreError> {
        Ok(vec![Vec::new(); series.len()])
    }
}

/// A challenge that is met by answering `met`; each passes once.
#[derive(Clone, Copy, Debug, Default)]
pub struct EasyChallenge;

impl ChallengeVerifier for EasyChallenge {
    fn issue(&self, _: &ChallengeSubject<'_>, _: [u8; 16], now: Timestamp) -> Option<IssuedChallenge> {
        Some(IssuedChallenge {
            text: "answer met".to_owned(),
            expires_at: now.plus(std::time::Duration::from_secs(300)),
        })
    }

    fn verify(
        &self,
        _: &ChallengeSubject<'_>,
        client: &Client,
        _: Timestamp,
    ) -> Result<ChallengePass, ChallengeRefusal> {
        match client.challenge_answer.as_deref() {
            None => Err(ChallengeRefusal::Missing),
            Some("met") => Ok(ChallengePass { once: Some([9; 16]) }),
            Some(_) => Err(ChallengeRefusal::Wrong),
        }
    }
}
