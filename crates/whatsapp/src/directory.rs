//! How Meta thinks of our senders (Meta: business phone numbers, `quality_rating`).

use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::ports::{Cause, LookError, SenderDirectory, SenderFacts};
use countersign_domain::sender::{Quality, SenderId};
use reqwest::header::ACCEPT;
use serde_json::Value;
use thiserror::Error;

use crate::client::{ANSWER_BYTES_MAX, Answered, CloudApi, read};
use crate::config::Route;

/// How long a look may take. Nobody waits for it.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

#[async_trait]
impl SenderDirectory for CloudApi {
    async fn look(&self, sender: &SenderId) -> Result<SenderFacts, LookError> {
        let route = self.routes.get(sender).ok_or_else(|| LookError(NoPlace.into()))?;
        let body = self.ask(route).await.map_err(LookError)?;
        let body: Value = serde_json::from_slice(&body).map_err(|error| LookError(error.into()))?;
        let quality = body.get("quality_rating").and_then(Value::as_str);
        Ok(SenderFacts {
            quality: quality.map_or(Quality::Unknown, rating),
        })
    }
}

impl CloudApi {
    async fn ask(&self, route: &Route) -> Result<Vec<u8>, Cause> {
        let mut url = route.itself.clone().ok_or(NoPlace)?;
        url.query_pairs_mut().append_pair("fields", "quality_rating");
        let request = self
            .http
            .get(url)
            .header(&self.header, &route.auth)
            .header(ACCEPT, "application/json")
            .timeout(LOOK_TIMEOUT);
        // The URL may carry the proof of the app secret.
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(Answered(status).into());
        }
        Ok(read(response, ANSWER_BYTES_MAX)
            .await
            .map_err(reqwest::Error::without_url)?)
    }
}

/// A rating nobody knows says nothing.
pub(crate) fn rating(text: &str) -> Quality {
    match text {
        "GREEN" => Quality::Green,
        "YELLOW" => Quality::Yellow,
        "RED" => Quality::Red,
        _ => Quality::Unknown,
    }
}

#[derive(Debug, Error)]
#[error("the provider has no place where this sender can be asked about")]
struct NoPlace;
