//! Something that is measured: the service or a floor, called in exactly the same way.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_grpc::{Client, ClientToken, connect, v1};
use tokio::time::{sleep, timeout};

use crate::Outcome;
use crate::clock::now;
use crate::load::{self, Made, Span};
use crate::process::Process;
use crate::service::{APP, CALLER_TOKEN, PURPOSE};
use crate::sink::{Sink, number_of};

/// Connections to each server for four clients and more; one in all for fewer.
const CONNECTIONS: usize = 4;
/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long everything behind the answers may take to be done.
const SETTLE_MAX: Duration = Duration::from_secs(180);
/// How often one looks, and how busy a process may be that counts as idle.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const IDLE_MAX: Duration = Duration::from_millis(6);
/// Starts in flight while verifications are prepared.
const PREPARING: usize = 64;
/// A verification that was prepared is not used when it is older: its code lives for ten minutes.
const STOCK_LIFE: Duration = Duration::from_secs(5 * 60);

/// Verifications that are looked at after a load, at most, besides the first.
const LOOKED_AT: usize = 500;

/// The next number that nobody has used yet, over all targets.
static NEXT_PERSON: AtomicU64 = AtomicU64::new(0);

/// A verification that is open, and what is needed to answer it.
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) code: String,
    pub(crate) phone: String,
    pub(crate) reference: String,
    since: Instant,
}

/// What is called.
pub(crate) struct Caller {
    clients: Vec<Client>,
    /// Where its messages go.
    pub(crate) sink: Sink,
    stock: Mutex<VecDeque<Opened>>,
    started: AtomicU64,
    /// What was opened by sends and not looked at yet.
    sent: Mutex<Vec<String>>,
}

impl Caller {
    /// Connects to the servers at `addresses`, whose messages go to `sink`. Clients are spread over all of them.
    pub(crate) async fn connect(addresses: &[SocketAddr], sink: Sink) -> Outcome<Arc<Self>> {
        let mut clients = Vec::new();
        for address in addresses.iter().cycle().take(addresses.len() * CONNECTIONS) {
            let token = ClientToken::new(CALLER_TOKEN).map_err(|error| error.to_string())?;
            let client = connect(&format!("http://{address}"), Some(token), CALL_TIMEOUT).await;
            clients.push(client.map_err(|error| format!("{address}: {error}"))?);
        }
        Ok(Arc::new(Self {
            clients,
            sink,
            stock: Mutex::default(),
            started: AtomicU64::new(0),
            sent: Mutex::default(),
        }))
    }

    /// The connection of one of so many clients.
    fn client(&self, client: usize, clients: usize) -> Client {
        let place = if clients < CONNECTIONS {
            0
        } else {
            client % self.clients.len()
        };
        self.clients[place].clone()
    }

    /// Calls that nothing stands behind: the answer is not looked at.
    pub(crate) async fn echo(&self, client: usize, clients: usize) -> Outcome<Made> {
        let answer = self
            .client(client, clients)
            .start_verification(start_request(&phone()))
            .await;
        answer.map_err(|status| format!("echo: {status}"))?;
        Ok(Made::Call)
    }

    /// Starts for a fresh number and demands that a verification was opened.
    pub(crate) async fn start(&self, client: usize, clients: usize) -> Outcome<Made> {
        self.begin(client, clients).await?;
        Ok(Made::Call)
    }

    /// The same; answers with the id of the verification, and the number it is for.
    pub(crate) async fn begin(&self, client: usize, clients: usize) -> Outcome<(String, u64)> {
        let phone = phone();
        let answer = self.open(client, clients, &phone).await?;
        let id = answer.verification.map(|it| it.id).unwrap_or_default();
        Ok((id, number_of(&phone).unwrap_or_default()))
    }

    /// Checks the next prepared verification and demands its approval.
    pub(crate) async fn check(&self, client: usize, clients: usize) -> Outcome<Made> {
        let opened = self.stock.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(opened) = opened else { return Ok(Made::Nothing) };
        self.approve(client, clients, &opened.id, &opened.code).await?;
        Ok(Made::Call)
    }

    /// Starts, waits for the message, and checks its code.
    pub(crate) async fn pair(&self, client: usize, clients: usize) -> Outcome<Made> {
        let phone = phone();
        let message = self.sink.expect(number_of(&phone).unwrap_or_default());
        let answer = self.open(client, clients, &phone).await?;
        let id = answer.verification.map(|it| it.id).unwrap_or_default();
        let message = timeout(CALL_TIMEOUT, message).await;
        let message = message
            .ok()
            .and_then(Result::ok)
            .ok_or("a message did not arrive in time")?;
        self.approve(client, clients, &id, &message.code).await?;
        Ok(Made::Call)
    }

    /// Starts, and waits until the message is with Meta.
    pub(crate) async fn send(&self, client: usize, clients: usize) -> Outcome<Made> {
        let phone = phone();
        let message = self.sink.expect(number_of(&phone).unwrap_or_default());
        let answer = self.open(client, clients, &phone).await?;
        let message = timeout(CALL_TIMEOUT, message).await;
        message
            .ok()
            .and_then(Result::ok)
            .ok_or("a message did not arrive in time")?;
        let id = answer.verification.map(|it| it.id).unwrap_or_default();
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        Ok(Made::Call)
    }

    /// Demands that of what was sent since the last look the service has recorded that Meta took it.
    pub(crate) async fn demand_recorded(&self) -> Outcome<()> {
        let sent = std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner));
        self.demand_state(&sent, v1::DeliveryState::Accepted).await
    }

    /// Demands that the one message of each of these verifications is in a state. Looks at some of them, the first and
    /// the last among them.
    pub(crate) async fn demand_state(&self, ids: &[String], state: v1::DeliveryState) -> Outcome<()> {
        let step = ids.len().div_ceil(LOOKED_AT).max(1);
        for id in ids.iter().rev().step_by(step).chain(ids.first()) {
            let deliveries = self.deliveries(0, 1, id).await?;
            let states: Vec<_> = deliveries.iter().map(|it| it.state().as_str_name()).collect();
            if states != [state.as_str_name()] {
                return Err(format!("messages are {states:?} and not {}", state.as_str_name()));
            }
        }
        Ok(())
    }

    /// The messages of a verification.
    pub(crate) async fn deliveries(&self, client: usize, clients: usize, id: &str) -> Outcome<Vec<v1::Delivery>> {
        let name = v1::verification_name::Name::Id(id.to_owned());
        let request = v1::GetVerificationRequest {
            verification: Some(v1::VerificationName { name: Some(name) }),
        };
        let answer = self.client(client, clients).get_verification(request).await;
        let answer = answer.map_err(|status| format!("get: {status}"))?.into_inner();
        Ok(answer.verification.map(|it| it.deliveries).unwrap_or_default())
    }

    async fn open(&self, client: usize, clients: usize, phone: &str) -> Outcome<v1::StartVerificationResponse> {
        self.started.fetch_add(1, Ordering::Relaxed);
        let answer = self
            .client(client, clients)
            .start_verification(start_request(phone))
            .await;
        let answer = answer.map_err(|status| format!("start: {status}"))?.into_inner();
        if answer.outcome() == v1::StartOutcome::Opened {
            Ok(answer)
        } else {
            Err(format!(
                "a start answered {} and not OPENED",
                answer.outcome().as_str_name()
            ))
        }
    }

    async fn approve(
        &self,
        client: usize,
        clients: usize,
        id: &str,
        code: &str,
    ) -> Outcome<v1::CheckVerificationResponse> {
        let request = v1::CheckVerificationRequest {
            verification: Some(v1::VerificationName {
                name: Some(v1::verification_name::Name::Id(id.to_owned())),
            }),
            code: code.to_owned(),
            ..v1::CheckVerificationRequest::default()
        };
        let answer = self.client(client, clients).check_verification(request).await;
        let answer = answer.map_err(|status| format!("check: {status}"))?.into_inner();
        if answer.outcome() == v1::CheckOutcome::Approved {
            Ok(answer)
        } else {
            Err(format!(
                "a right code was answered with {}",
                answer.outcome().as_str_name()
            ))
        }
    }

    /// One start and one check: what the server answers, and how long its reference is.
    pub(crate) async fn answers(
        &self,
    ) -> Outcome<(v1::StartVerificationResponse, v1::CheckVerificationResponse, usize)> {
        let phone = phone();
        let message = self.sink.expect(number_of(&phone).unwrap_or_default());
        let start = self.open(0, 1, &phone).await?;
        let message = timeout(CALL_TIMEOUT, message).await;
        let message = message
            .ok()
            .and_then(Result::ok)
            .ok_or("the first message did not arrive")?;
        let id = start.verification.as_ref().map(|it| it.id.clone()).unwrap_or_default();
        let check = self.approve(0, 1, &id, &message.code).await?;
        Ok((start, check, message.reference.len()))
    }

    /// Sees to it that so many open verifications are in stock.
    pub(crate) async fn prepare(self: &Arc<Self>, wanted: u64) -> Outcome<()> {
        let held = {
            let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
            stock.retain(|opened| now().duration_since(opened.since) < STOCK_LIFE);
            u64::try_from(stock.len()).unwrap_or(u64::MAX)
        };
        let fresh = self.fresh(wanted.saturating_sub(held)).await?;
        self.stock.lock().unwrap_or_else(PoisonError::into_inner).extend(fresh);
        Ok(())
    }

    /// Opens so many verifications, and waits until their messages have arrived.
    pub(crate) async fn fresh(self: &Arc<Self>, wanted: u64) -> Outcome<Vec<Opened>> {
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let opened = Arc::new(Mutex::new(Vec::new()));
        let (caller, keep) = (Arc::clone(self), Arc::clone(&opened));
        load::run(PREPARING, Span::Calls(wanted), move |client| {
            let (caller, keep) = (Arc::clone(&caller), Arc::clone(&keep));
            async move {
                let phone = phone();
                let answer = caller.open(client, PREPARING, &phone).await?;
                let id = answer.verification.map(|it| it.id).unwrap_or_default();
                keep.lock().unwrap_or_else(PoisonError::into_inner).push((phone, id));
                Ok(Made::Call)
            }
        })
        .await?;
        self.all_sent().await?;
        let opened = std::mem::take(&mut *opened.lock().unwrap_or_else(PoisonError::into_inner));
        let found = opened.into_iter().map(|(phone, id)| {
            let arrived = self.sink.take(number_of(&phone)?)?;
            Some(Opened {
                id,
                code: arrived.code,
                reference: arrived.reference,
                phone,
                since: now(),
            })
        });
        found
            .collect::<Option<_>>()
            .ok_or_else(|| "a message is missing".to_owned())
    }

    /// How many messages are still to come.
    pub(crate) fn behind(&self) -> u64 {
        self.started.load(Ordering::Relaxed).saturating_sub(self.sink.count())
    }

    /// Waits until every message has arrived.
    pub(crate) async fn all_sent(&self) -> Outcome<()> {
        let begin = now();
        while self.behind() > 0 {
            if now().duration_since(begin) > SETTLE_MAX {
                return Err(format!("{} messages never arrived", self.behind()));
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Waits until every message has arrived and the server has nothing more to do, then forgets the messages.
    pub(crate) async fn settle(&self, process: &Process) -> Outcome<()> {
        self.all_sent().await?;
        idle(process).await?;
        self.sink.forget();
        Ok(())
    }
}

/// Waits until a process does next to nothing.
pub(crate) async fn idle(process: &Process) -> Outcome<()> {
    let begin = now();
    let mut before = process.cpu()?;
    loop {
        sleep(LOOK_EVERY).await;
        let after = process.cpu()?;
        if after.saturating_sub(before) <= IDLE_MAX {
            return Ok(());
        }
        if now().duration_since(begin) > SETTLE_MAX {
            return Err("a server does not come to rest".to_owned());
        }
        before = after;
    }
}

/// How many mobile numbers São Paulo has here, and how many networks of 256 addresses people come from.
const NUMBERS: u64 = 100_000_000;
const NETWORKS: u64 = 1 << 16;

/// A mobile number in São Paulo that is nobody else's. Those that follow each other are far apart: a crowd is in all
/// blocks of numbers, and not in one after the other.
fn phone() -> String {
    let person = NEXT_PERSON.fetch_add(1, Ordering::Relaxed) % NUMBERS;
    format!("+55119{:08}", person * 61_803_399 % NUMBERS)
}

/// The device of whoever has this number: its address, which few others share, and its own id.
fn client(phone: &str) -> v1::Client {
    let number = number_of(phone).unwrap_or_default() % NUMBERS;
    let (network, host) = (number % NETWORKS, number / NETWORKS % 254 + 1);
    v1::Client {
        ip_address: format!("10.{}.{}.{host}", network / 256, network % 256),
        device_id: format!("device-{number:08}"),
        ..v1::Client::default()
    }
}

fn start_request(phone: &str) -> v1::StartVerificationRequest {
    v1::StartVerificationRequest {
        recipient: Some(v1::RecipientName {
            app: APP.to_owned(),
            phone: phone.to_owned(),
            purpose: PURPOSE.to_owned(),
        }),
        client: Some(client(phone)),
        ..v1::StartVerificationRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn a_crowd_has_numbers_of_its_own_in_many_blocks_and_stays_below_the_rules_of_addresses() {
        let crowd: Vec<_> = (0..300_000).map(|_| phone()).collect();
        let numbers: BTreeSet<_> = crowd.iter().collect();
        assert_eq!(numbers.len(), crowd.len());
        let (mut blocks, mut addresses, mut networks) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for phone in &crowd {
            let address = client(phone).ip_address;
            let network = address.rsplit_once('.').unwrap().0.to_owned();
            *blocks.entry(&phone[..phone.len() - 4]).or_insert(0) += 1;
            *addresses.entry(address.clone()).or_insert(0) += 1;
            *networks.entry(network).or_insert(0) += 1;
        }
        let most = |counts: Vec<i32>| counts.into_iter().max().unwrap();
        assert!(blocks.len() > 9_000);
        // The bursts of `sends_per_ip` and `sends_per_network`.
        assert!(most(addresses.into_values().collect()) <= 30);
        assert!(most(networks.into_values().collect()) <= 100);
    }
}
