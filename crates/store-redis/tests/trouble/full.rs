//! A server whose memory is full, and one whose keys are not what they should be: what cannot be written whole is not
//! written at all.

use std::collections::BTreeSet;

use countersign_domain::limit::Taken;
use countersign_domain::ports::{LimitStore, RecipientStore, Replaced, StoreError};
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::{now, recipient_with_everything};
use countersign_testkit::redis_server::RedisServer;

use crate::calls::charge;
use crate::common::open;
use crate::common::records::{key_in, record};

fn used_memory(server: &RedisServer) -> u64 {
    let info = server.ask_text("INFO memory");
    let used = info
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"))
        .unwrap()
        .to_owned();
    used.parse().unwrap()
}

/// Which recipients have a record, and which have a place in the index of their shard.
fn recorded_and_indexed(server: &RedisServer, shard: u16) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    let head = format!("cs:{{{shard}}}:r:").into_bytes();
    let keys = server.every_key();
    let recorded = keys
        .iter()
        .filter_map(|key| key.strip_prefix(&head[..]))
        .map(<[u8]>::to_vec);
    let index = format!("cs:{{{shard}}}:w");
    let members = server.ask(&[b"ZRANGE", index.as_bytes(), b"0", b"-1"]);
    let indexed = members.items().iter().map(|it| it.bytes().to_vec());
    (recorded.collect(), indexed.collect())
}

#[tokio::test]
async fn when_memory_runs_out_a_record_and_its_wake_up_are_written_together_or_not_at_all() {
    let (server, redis) = open().await;
    let store = redis.recipients();
    let limit = used_memory(&server) + 300_000;
    server.ask_text(&format!("CONFIG SET maxmemory {limit}"));
    let (mut written, mut refused) = (0, 0);
    for n in 0..4_000 {
        let mut new = if n % 3 == 0 {
            recipient_with_everything()
        } else {
            record(n, now(), None)
        };
        new.verifications.extend(record(n, now(), Some(now())).verifications);
        match store.replace(key_in(2, n), None, &new, now()).await {
            Ok(Replaced::Written(_)) => written += 1,
            Ok(Replaced::Conflict(there)) => panic!("a conflict with {there:?}"),
            Err(StoreError::Unavailable(_)) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
        if refused >= 50 {
            break;
        }
    }
    assert!(
        written > 50 && refused >= 50,
        "{written} were written and {refused} refused"
    );
    let (recorded, indexed) = recorded_and_indexed(&server, 2);
    assert_eq!(recorded.len(), written);
    assert_eq!(recorded, indexed);
    for key in server.every_key() {
        assert!(server.ask(&[b"PTTL", &key]).integer() > 0);
    }

    // Reading goes on.
    assert!(store.load(key_in(2, 0)).await.unwrap().is_some());
    let shard = key_in(2, 0).shard(SHARDS);
    assert_eq!(store.due(now(), shard, 10).await.unwrap().len(), 10);
    // A look says what is wrong, and shuts nothing.
    let looked = redis.look().await;
    assert!(looked.unwrap_err().to_string().contains("maxmemory"));
    assert!(store.load(key_in(2, 0)).await.unwrap().is_some());

    server.ask_text("CONFIG SET maxmemory 0");
    redis.look().await.unwrap();
    let new = record(1, now(), None);
    assert!(matches!(
        store.replace(key_in(3, 1), None, &new, now()).await,
        Ok(Replaced::Written(_))
    ));
}

#[tokio::test]
async fn when_memory_is_full_charges_are_refused_whole() {
    let (server, redis) = open().await;
    let limits = redis.limits();
    assert!(matches!(limits.take(&[charge(1)], now()).await, Ok(Taken::All(_))));
    let before = limits.peek(&[charge(1), charge(2)]).await.unwrap();
    server.ask_text("CONFIG SET maxmemory 1");
    for charges in [[charge(1), charge(2)], [charge(2), charge(1)]] {
        let taken = limits.take(&charges, now()).await;
        assert!(matches!(taken, Err(StoreError::Unavailable(_))), "{taken:?}");
    }
    assert_eq!(limits.peek(&[charge(1), charge(2)]).await.unwrap(), before);
    server.ask_text("CONFIG SET maxmemory 0");
    assert!(matches!(
        limits.take(&[charge(1), charge(2)], now()).await,
        Ok(Taken::All(_))
    ));
}

#[tokio::test]
async fn an_index_that_is_no_index_keeps_a_record_that_has_to_be_woken_from_being_written() {
    let (server, redis) = open().await;
    let store = redis.recipients();
    server.ask_text("SET cs:{2}:w something PX 100000");
    let new = record(1, now(), Some(now()));
    let replaced = store.replace(key_in(2, 1), None, &new, now()).await;
    assert!(matches!(replaced, Err(StoreError::Unavailable(_))), "{replaced:?}");
    assert_eq!(store.load(key_in(2, 1)).await.unwrap(), None);
    assert!(store.due(now(), key_in(2, 1).shard(SHARDS), 9).await.is_err());
    assert!(store.backlog(now()).await.is_err());
}
