//! The check a server has to pass before any call gets through, and again while it is used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use redis::{cmd, pipe};
use thiserror::Error;

use crate::config::Installation;
use crate::guard::{BLOCK, SCORE};
use crate::keys::{Keys, META_LIFE};
use crate::limits::{GIVE_BACK, TAKE};
use crate::link::{Link, Trouble};
use crate::recipients::{ERASE, FORGET, SWAP};
use crate::server::{Notice, Refusal, is_cluster, judge};
use crate::tallies::TALLY;

/// What this code writes into `cs:meta` as its format.
const FORMAT: &str = "1";
/// How the fields of `cs:meta` begin that hold the fingerprint of a code key.
const CODE_KEY: &str = "code:";
/// How many looks in a row may be late before the connection counts as dead.
const LATE_MAX: u32 = 2;
/// How many looks there are from one whole check to the next.
const LOOKS_PER_CHECK: u32 = 60;

/// Why the store cannot be used now.
#[derive(Debug, Error)]
pub enum CheckError {
    /// The server cannot be reached, or cannot answer now. Look again soon.
    #[error("{0}")]
    Away(String),
    /// The server, or what is in it, does not fit. Somebody has to change something.
    #[error("{}", listed(.0))]
    Refused(Vec<Refusal>),
}

/// Looks after the server: checks it whole at first, then looks at it, and opens or shuts the gate.
#[derive(Debug)]
pub(crate) struct Inspector {
    pub(crate) link: Arc<Link>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) installation: Installation,
    pub(crate) accept_data_loss: bool,
    late: AtomicU32,
    looks: AtomicU32,
    /// Whether the last look failed.
    unfit: AtomicBool,
}

impl Inspector {
    pub(crate) fn new(link: Arc<Link>, keys: Arc<Keys>, installation: Installation, accept_data_loss: bool) -> Self {
        Self {
            link,
            keys,
            installation,
            accept_data_loss,
            late: AtomicU32::new(0),
            looks: AtomicU32::new(0),
            unfit: AtomicBool::new(false),
        }
    }

    /// Looks once. Notices come only from whole checks.
    pub(crate) async fn look(&self) -> Result<Vec<Notice>, CheckError> {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        // What a call was refused for, such as a full memory or a master that became a replica, a glance would not see.
        let doubted = self.link.take_doubt();
        let unfit = self.unfit.load(Ordering::Relaxed) || doubted || !self.link.is_open();
        let is_whole = unfit || looks.is_multiple_of(LOOKS_PER_CHECK);
        let looked = if is_whole {
            self.check().await
        } else {
            self.glance().await
        };
        match looked {
            Ok(notices) => {
                self.late.store(0, Ordering::Relaxed);
                self.unfit.store(false, Ordering::Relaxed);
                self.link.set_open(true);
                Ok(notices)
            }
            Err(Fault::Refused(refusals)) => {
                self.unfit.store(true, Ordering::Relaxed);
                if refusals.iter().any(shuts_the_gate) {
                    self.link.set_open(false);
                }
                Err(CheckError::Refused(refusals))
            }
            Err(Fault::Trouble(trouble)) => {
                // What a glance would not see, such as a full disk, is looked for until it is gone; and whoever answers
                // after a break may be another server, or the same one with other settings.
                self.unfit.store(true, Ordering::Relaxed);
                Err(self.shaken(trouble))
            }
        }
    }

    /// What a call that did not succeed means for the connection.
    fn shaken(&self, trouble: Trouble) -> CheckError {
        match trouble {
            Trouble::Forbidden(words) => {
                // The library never tries refused credentials again.
                self.link.renew();
                self.link.set_open(false);
                CheckError::Refused(vec![Refusal::Forbidden(words)])
            }
            Trouble::Late(_) => {
                if self.late.fetch_add(1, Ordering::Relaxed) + 1 >= LATE_MAX {
                    // Neither answers nor breaks: what waits on this connection would wait for ever.
                    self.link.renew();
                    self.late.store(0, Ordering::Relaxed);
                }
                CheckError::Away(trouble.to_string())
            }
            Trouble::Failed(_) => {
                // What refuses or garbles the greeting is not tried again by the library either.
                self.link.renew();
                CheckError::Away(trouble.to_string())
            }
            Trouble::Unchecked | Trouble::Broken(_) => CheckError::Away(trouble.to_string()),
        }
    }

    async fn check(&self) -> Result<Vec<Notice>, Fault> {
        let info: String = self.link.ask_unchecked(&cmd("INFO")).await?;
        let (mut refusals, notices) = judge(&info, self.accept_data_loss);
        let is_cluster = is_cluster(&info);
        if is_cluster && !self.has_every_shard().await? {
            refusals.push(Refusal::Cluster);
        }
        self.link.set_cluster(is_cluster);
        let meta = match self.meta().await {
            Ok(meta) => meta,
            // A node of a cluster and a replica without its master refuse to say more.
            Err(_) if !refusals.is_empty() => return Err(Fault::Refused(refusals)),
            Err(trouble) => return Err(trouble.into()),
        };
        if meta.is_empty() && self.link.is_open() {
            tracing::error!("Redis has lost what it held: open codes are gone and budgets are full again");
        }
        refusals.extend(self.compare(&meta));
        if !refusals.is_empty() {
            return Err(Fault::Refused(refusals));
        }
        if self.facts().iter().all(|(field, _)| meta.contains_key(field)) {
            self.renew_claim().await?;
        } else {
            self.claim().await?;
        }
        for script in [&SWAP, &FORGET, &ERASE, &TAKE, &GIVE_BACK, &BLOCK, &SCORE, &TALLY] {
            self.link.teach(script).await?;
        }
        Ok(notices)
    }

    /// Whether a node of a cluster takes calls for every key of ours: it sends away who asks for a slot it has not.
    async fn has_every_shard(&self) -> Result<bool, Trouble> {
        let mut lookups = pipe();
        lookups.cmd("EXISTS").arg(self.keys.meta());
        for shard in self.keys.shard_count().shards() {
            lookups.cmd("EXISTS").arg(self.keys.wake_ups(shard));
        }
        match self.link.ask_all_unchecked::<Vec<bool>>(&lookups).await {
            Ok(_) => Ok(true),
            Err(Trouble::Failed(_)) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// Sees that the server answers and still holds our data. A server that lost it is checked whole.
    async fn glance(&self) -> Result<Vec<Notice>, Fault> {
        let meta = self.meta().await?;
        if meta.is_empty() {
            return self.check().await;
        }
        let refusals = self.compare(&meta);
        if refusals.is_empty() {
            Ok(Vec::new())
        } else {
            Err(Fault::Refused(refusals))
        }
    }

    async fn meta(&self) -> Result<BTreeMap<String, Vec<u8>>, Trouble> {
        self.link.ask_unchecked(cmd("HGETALL").arg(self.keys.meta())).await
    }

    /// Writes down what this installation is, unless somebody was first, and compares with what is there then. The names
    /// of the code keys come last, so that whoever is not of this installation takes none away.
    async fn claim(&self) -> Result<(), Fault> {
        let (code_keys, installation): (Vec<_>, Vec<_>) = self
            .facts()
            .into_iter()
            .partition(|(field, _)| field.starts_with(CODE_KEY));
        for facts in [installation, code_keys] {
            let mut claim = pipe();
            claim.atomic();
            for (field, value) in facts {
                claim.cmd("HSETNX").arg(self.keys.meta()).arg(field).arg(value).ignore();
            }
            claim.cmd("PEXPIRE").arg(self.keys.meta()).arg(META_LIFE).ignore();
            claim.cmd("HGETALL").arg(self.keys.meta());
            let (meta,): (BTreeMap<String, Vec<u8>>,) = self.link.ask_all_unchecked(&claim).await?;
            let refusals = self.compare(&meta);
            if !refusals.is_empty() {
                return Err(Fault::Refused(refusals));
            }
        }
        Ok(())
    }

    /// Renews the life of what is written down, with a write that changes nothing: a server whose memory or disk is full
    /// refuses it and says why.
    async fn renew_claim(&self) -> Result<(), Trouble> {
        let mut renewal = pipe();
        renewal.atomic();
        renewal
            .cmd("HSETNX")
            .arg(self.keys.meta())
            .arg("format")
            .arg(FORMAT)
            .ignore();
        renewal.cmd("PEXPIRE").arg(self.keys.meta()).arg(META_LIFE).ignore();
        self.link.ask_all_unchecked(&renewal).await
    }

    /// What all instances have to agree on, by field.
    fn facts(&self) -> Vec<(String, Vec<u8>)> {
        let Installation {
            shards,
            identity,
            code_keys,
        } = &self.installation;
        let mut facts = vec![
            ("format".to_owned(), FORMAT.into()),
            ("shards".to_owned(), shards.get().to_string().into()),
            ("identity".to_owned(), identity.to_vec()),
        ];
        facts.extend(
            code_keys
                .iter()
                .map(|(id, print)| (format!("{CODE_KEY}{id}"), print.to_vec())),
        );
        facts
    }

    fn compare(&self, meta: &BTreeMap<String, Vec<u8>>) -> Vec<Refusal> {
        let differs = |(field, ours): (String, Vec<u8>)| {
            let theirs = meta.get(&field).filter(|theirs| **theirs != ours)?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(16).collect::<String>();
            Some(match field.as_str() {
                "format" => Refusal::Format(text(theirs)),
                "shards" => Refusal::Shards {
                    ours: text(&ours),
                    theirs: text(theirs),
                },
                "identity" => Refusal::Identity,
                _ => Refusal::CodeKey(field.trim_start_matches(CODE_KEY).to_owned()),
            })
        };
        self.facts().into_iter().filter_map(differs).collect()
    }
}

/// Why a look failed, before anything was made of it.
enum Fault {
    Trouble(Trouble),
    Refused(Vec<Refusal>),
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// Whether a server that had passed cannot be used any more. One that now evicts, or would forget, is still the one that
/// holds the truth.
const fn shuts_the_gate(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Age(_) | Refusal::Evicts(_) | Refusal::Forgets => false,
        Refusal::Replica
        | Refusal::Cluster
        | Refusal::Forbidden(_)
        | Refusal::Shards { .. }
        | Refusal::Identity
        | Refusal::CodeKey(_)
        | Refusal::Format(_) => true,
    }
}

fn listed(refusals: &[Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
