//! What a server has to be like, read from what `INFO` says about it.

use std::collections::BTreeMap;

use thiserror::Error;

/// The oldest server this adapter is tested with.
const OLDEST: (u32, u32) = (7, 0);

/// Why an installation does not work with this Redis. Each says what to change.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The server is too old.
    #[error("Redis is {0}: Countersign needs 7.0 or newer (Valkey 7.2 or newer will do)")]
    Age(String),
    /// The server throws keys away when it is full.
    #[error(
        "Redis evicts keys when its memory is full (maxmemory-policy is {0}), and with a key goes a budget or an open \
         verification: set maxmemory-policy noeviction"
    )]
    Evicts(String),
    /// The server keeps nothing through a restart.
    #[error(
        "Redis keeps nothing through a restart (appendonly is no), so budgets would fill up again and open codes be \
         lost: set appendonly yes, or accept it with store.accept_data_loss = true"
    )]
    Forgets,
    /// The server takes no writes.
    #[error("this Redis is a replica and takes no writes: use the address of the master")]
    Replica,
    /// The server is a node of a cluster, and has not all of it.
    #[error(
        "this Redis is a node of a Redis Cluster and does not have all of its slots: this version of Countersign speaks \
         to a single node, which has to have them all"
    )]
    Cluster,
    /// The server refuses who we are, or what we ask.
    #[error("{0}: docs/operations.md has the user to make")]
    Forbidden(String),
    /// Other instances have another number of shards.
    #[error(
        "store.shards is {ours}, but what this Redis holds was written with {theirs}: set store.shards = {theirs}, or \
         use another store.prefix"
    )]
    Shards {
        /// What the configuration says.
        ours: String,
        /// What the first instance said.
        theirs: String,
    },
    /// Other instances have another key of the installation.
    #[error(
        "keys.identity is not the key with which what this Redis holds was written: use that key, or another \
         store.prefix (a new key makes every recipient a stranger)"
    )]
    Identity,
    /// Other instances have another code key under that name.
    #[error(
        "keys.codes.{0} is not the key this installation has had under that name: codes that are open would be refused. \
         Give a new key a new name"
    )]
    CodeKey(String),
    /// What is there was written by something newer, or by something else.
    #[error("what this Redis holds has the format {0:?}, and this version of Countersign knows \"1\"")]
    Format(String),
}

/// What is allowed and should be known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Notice {
    /// Nothing bounds the server's memory.
    #[error("Redis has no maxmemory: without it the system ends Redis when memory is full, instead of Redis saying so")]
    NoMemoryBound,
    /// The server keeps nothing, and the configuration accepts it.
    #[error("Redis keeps nothing through a restart (store.accept_data_loss): budgets fill up again and codes are lost")]
    Forgets,
    /// The append-only file cannot be written.
    #[error("Redis could not write its append-only file: look at its disk; it will take no writes until it can")]
    WriteFailed,
    /// The server has replicas.
    #[error(
        "Redis has replicas. They follow a moment behind: after a failover what was written last may be gone, and a code \
         might be accepted twice"
    )]
    Replicas,
}

/// Whether the server that answers so to `INFO` is a node of a cluster.
pub(crate) fn is_cluster(info: &str) -> bool {
    info.lines().any(|line| line.trim_end() == "cluster_enabled:1")
}

/// Judges a server by its answer to `INFO`: why not to use it, and what should be known.
pub(crate) fn judge(info: &str, accept_data_loss: bool) -> (Vec<Refusal>, Vec<Notice>) {
    let facts: BTreeMap<_, _> = info
        .lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .collect();
    let fact = |name: &str| facts.get(name).copied().unwrap_or_default();
    let (mut refusals, mut notices) = (Vec::new(), Vec::new());
    let version = fact("redis_version");
    if !is_young_enough(version) {
        refusals.push(Refusal::Age(version.to_owned()));
    }
    if fact("role") == "slave" {
        refusals.push(Refusal::Replica);
    }
    if fact("maxmemory_policy") != "noeviction" {
        refusals.push(Refusal::Evicts(fact("maxmemory_policy").to_owned()));
    }
    match (fact("aof_enabled"), accept_data_loss) {
        ("1", _) if fact("aof_last_write_status") == "err" => notices.push(Notice::WriteFailed),
        ("1", _) => {}
        (_, true) => notices.push(Notice::Forgets),
        (_, false) => refusals.push(Refusal::Forgets),
    }
    if fact("maxmemory") == "0" {
        notices.push(Notice::NoMemoryBound);
    }
    if !matches!(fact("connected_slaves"), "" | "0") {
        notices.push(Notice::Replicas);
    }
    (refusals, notices)
}

fn is_young_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nmaxmemory:1000\r\nmaxmemory_policy:noeviction\r\n\
        # Persistence\r\naof_enabled:1\r\naof_last_write_status:ok\r\n# Replication\r\nrole:master\r\n\
        connected_slaves:0\r\n# Cluster\r\ncluster_enabled:0\r\n";

    fn with(change: &str) -> String {
        let name = change.split(':').next().unwrap();
        let old = GOOD.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        GOOD.replace(old, change)
    }

    #[test]
    fn a_server_as_it_should_be_passes_without_a_word() {
        assert_eq!(judge(GOOD, false), (Vec::new(), Vec::new()));
    }

    #[test]
    fn each_fault_has_its_refusal() {
        for (change, refusal) in [
            ("redis_version:6.2.14", Refusal::Age("6.2.14".to_owned())),
            (
                "maxmemory_policy:volatile-ttl",
                Refusal::Evicts("volatile-ttl".to_owned()),
            ),
            ("aof_enabled:0", Refusal::Forgets),
            ("role:slave", Refusal::Replica),
        ] {
            assert_eq!(judge(&with(change), false), (vec![refusal], Vec::new()), "{change}");
        }
    }

    #[test]
    fn a_node_of_a_cluster_says_so() {
        assert!(!is_cluster(GOOD));
        assert!(is_cluster(&with("cluster_enabled:1")));
        assert!(!is_cluster(""));
    }

    #[test]
    fn newer_servers_pass_and_an_answer_without_facts_does_not() {
        for version in ["7.0.0", "7.2.4", "8.2.1", "10.0.0"] {
            assert_eq!(
                judge(&with(&format!("redis_version:{version}")), false).0,
                [],
                "{version}"
            );
        }
        assert_eq!(judge("", false).0.len(), 3);
    }

    #[test]
    fn what_is_allowed_is_said() {
        for (change, accept, notice) in [
            ("maxmemory:0", false, Notice::NoMemoryBound),
            ("aof_enabled:0", true, Notice::Forgets),
            ("aof_last_write_status:err", false, Notice::WriteFailed),
            ("connected_slaves:2", false, Notice::Replicas),
        ] {
            assert_eq!(judge(&with(change), accept), (Vec::new(), vec![notice]), "{change}");
        }
    }
}
