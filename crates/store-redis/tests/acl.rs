//! The user of `deploy/redis.conf`: it can do everything an instance does, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::Path;
use std::time::Duration;

use countersign_domain::limit::{Charge, ChargeMode, KeyParts, LimitKey, Quota, RuleName};
use countersign_domain::ports::{ChangeFeed, LimitStore, RecipientStore, Version};
use countersign_store_redis::Redis;
use countersign_store_redis::config::Config;
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::{now, owed, phone};
use countersign_testkit::redis_server::{RedisServer, Reply};
use zeroize::Zeroizing;

use crate::common::guard;
use crate::common::records::{key_in, record};
use crate::common::service::{check, house_on, instance_of_house, start};
use crate::common::{config, instance};
use countersign_testkit::wait::{eventually, soon};

const USER: &str = "countersign";
const PASSWORD: &str = "correct horse battery staple";
/// SHA-256 of the password.
const DIGEST: &str = "c4bbcb1fbec99d65bf59d85c8cb62ee2db963f0fe106f483d9afa73bd4e39a8a";

/// What `redis.conf` says of the user, with a password.
fn rules() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/redis.conf");
    let text = fs::read_to_string(path).unwrap();
    assert!(text.lines().any(|line| line == "user default off"));
    let line = text.lines().find(|line| line.starts_with("user countersign ")).unwrap();
    let zeros = "0".repeat(64);
    assert!(line.contains(&zeros));
    line.strip_prefix("user ").unwrap().replace(&zeros, DIGEST)
}

/// The commands the line allows, such as `script|load`.
fn allowed() -> BTreeSet<String> {
    let rules = rules();
    let allowed = rules.split_whitespace().filter_map(|word| word.strip_prefix('+'));
    allowed.map(str::to_owned).collect()
}

/// A server with that user, and with a password for the test's own connection in place of "off".
fn server() -> RedisServer {
    RedisServer::start_with(&[("user", &rules()), ("requirepass", "admin")])
}

fn as_user(server: &RedisServer) -> Config {
    Config {
        username: Some(USER.to_owned()),
        password: Some(Zeroizing::new(PASSWORD.to_owned())),
        ..config(server)
    }
}

/// What the server refused so far.
fn refused(server: &RedisServer) -> Vec<String> {
    let log = server.ask_text("ACL LOG");
    let object = |entry: &Reply| {
        let words = entry.items();
        let place = words
            .iter()
            .position(|word| matches!(word, Reply::Bulk(word) if word == b"object"));
        words[place.unwrap() + 1].text().to_owned()
    };
    // Every connection of the library tells its name, and lives without it.
    let objects = log.items().iter().map(object).filter(|it| it != "client|setinfo");
    objects.collect()
}

fn charge(n: u8) -> Charge {
    Charge {
        rule: RuleName::UnansweredSends,
        key: LimitKey::from_bytes([n; 16]),
        quota: Quota::Unfinished {
            amount: NonZeroU32::new(10).unwrap(),
            life: Duration::from_secs(3_600),
        },
        parts: KeyParts::EVERYTHING,
        mode: ChargeMode::Refuse,
        amount: NonZeroU64::MIN,
    }
}

/// Everything an instance ever does.
async fn live(server: &RedisServer, redis: &Redis) -> Result<(), Box<dyn Error>> {
    redis.look().await?;
    redis.look().await?;
    let (store, limits, feed) = (redis.recipients(), redis.limits(), redis.feed());
    let mut hints = feed.subscribe(key_in(1, 1)).await?;
    for n in 1..3 {
        let new = record(n, now(), Some(now()));
        store.replace(key_in(1, n), None, &new, now()).await?;
        store.replace(key_in(1, n), None, &new, now()).await?;
        let seen = store.load(key_in(1, n)).await?.map(|it| it.version);
        store
            .replace(key_in(1, n), seen, &record(n, now(), None), now())
            .await?;
        let seen = store.load(key_in(1, n)).await?.map(|it| it.version);
        store.replace(key_in(1, n), seen, &new, now()).await?;
    }
    server.ask(&[b"DEL", &[b"cs:{1}:r:", &key_in(1, 1).as_bytes()[..]].concat()]);
    store.due(now(), key_in(1, 1).shard(SHARDS), 9).await?;
    store.backlog(now()).await?;
    limits.take(&[charge(1), charge(2)], now()).await?;
    limits.peek(&[charge(1)]).await?;
    limits.give_back(&owed(&[charge(1)], now()), now()).await?;
    let seen = store.load(key_in(1, 2)).await?.map_or(Version(1), |it| it.version);
    store.erase(key_in(1, 2), seen).await?;
    guard::live(redis, 3, now()).await?;
    feed.publish(key_in(1, 1));
    soon("a hint", hints.next()).await;
    drop(hints);
    eventually("the end of the channel", async || {
        server.ask_text("PUBSUB CHANNELS *").items().is_empty().then_some(())
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn a_whole_life_needs_nothing_the_user_may_not_do() {
    let server = server();
    live(&server, &instance(&as_user(&server))).await.unwrap();
    server.ask_text("DEL cs:meta");
    let redis = instance_of_house(&as_user(&server));
    redis.look().await.unwrap();
    let house = house_on(&redis);
    let id = start(&house, &phone()).await.unwrap().view.id;
    house.run_errands().await;
    let code = house.messenger.last_code_for(&phone()).unwrap();
    let name = countersign_domain::use_case::VerificationName::Id(id);
    check(&house, name, &code).await.unwrap();
    house.run_errands().await;
    assert_eq!(refused(&server), Vec::<String>::new());
}

#[tokio::test]
async fn every_command_the_user_may_run_is_needed() {
    let server = server();
    for command in allowed() {
        server.ask_text("FLUSHALL");
        server.ask_text("SCRIPT FLUSH");
        server.ask_text("ACL LOG RESET");
        assert_eq!(server.ask_text(&format!("ACL SETUSER {USER} -{command}")).text(), "OK");
        let redis = instance(&as_user(&server));
        let missed = eventually("a refusal", async || refused(&server).contains(&command).then_some(()));
        tokio::select! {
            // What goes on behind an answer fails no call, but is refused as well.
            lived = live(&server, &redis) => {
                let told = refused(&server).contains(&command);
                assert!(told, "without {command} it lived: {lived:?}");
            }
            () = missed => {}
        }
        assert_eq!(server.ask_text(&format!("ACL SETUSER {USER} +{command}")).text(), "OK");
    }
    live(&server, &instance(&as_user(&server)))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
}

/// One command as `COMMAND` tells of it.
struct Told {
    name: String,
    arity: i64,
    /// Whether everybody may run it, since it is how one logs in or leaves: AUTH, HELLO, QUIT and RESET.
    is_before_login: bool,
}

fn told(reply: &Reply, all: &mut Vec<Told>) {
    let fields = reply.items();
    let subcommands = fields[9].items();
    for subcommand in subcommands {
        told(subcommand, all);
    }
    // What has subcommands does nothing by itself.
    if subcommands.is_empty() {
        all.push(Told {
            name: fields[0].text().to_lowercase(),
            arity: fields[1].integer(),
            is_before_login: fields[2].items().iter().any(|flag| flag.text() == "no_auth"),
        });
    }
}

#[test]
fn every_other_command_is_refused() {
    let server = server();
    let mut all = Vec::new();
    for reply in server.ask_text("COMMAND").items() {
        told(reply, &mut all);
    }
    assert!(all.len() > 300, "{} commands", all.len());
    let allowed = allowed();
    let (mut seen, mut open) = (BTreeSet::new(), BTreeSet::new());
    for Told {
        name,
        arity,
        is_before_login,
    } in all
    {
        let mut words: Vec<_> = name.split('|').collect();
        let length = usize::try_from(arity.unsigned_abs()).unwrap().max(words.len());
        words.resize(length, "cs:{0}:x");
        let verdict = server.ask_text(&format!("ACL DRYRUN {USER} {}", words.join(" ")));
        let is_refused =
            matches!(&verdict, Reply::Bulk(words) if words.starts_with(b"This user has no permissions to run"));
        if is_before_login {
            open.insert(name);
        } else if allowed.contains(&name) {
            assert!(!is_refused, "{name}: {verdict:?}");
            seen.insert(name);
        } else {
            assert!(is_refused, "{name}: {verdict:?}");
        }
    }
    assert_eq!(seen, allowed);
    assert_eq!(open, ["auth", "hello", "quit", "reset"].map(str::to_owned).into());
}

#[test]
fn keys_and_channels_of_others_are_refused() {
    let server = server();
    for (command, is_allowed) in [
        ("GET cs:{1}:r:x", true),
        ("GET csx", false),
        ("GET other:{1}:r:x", false),
        ("MGET cs:a other", false),
        ("SET other 1", false),
        ("ZRANGE other 0 1", false),
        ("EVALSHA 0000000000000000000000000000000000000000 2 cs:a other", false),
        ("EVALSHA 0000000000000000000000000000000000000000 2 cs:a cs:b", true),
        ("PUBLISH cs:{1}:c:x m", true),
        ("PUBLISH other m", false),
        ("SUBSCRIBE other", false),
        ("SUBSCRIBE cs:a other", false),
        ("SUBSCRIBE cs:a", true),
    ] {
        let verdict = server.ask_text(&format!("ACL DRYRUN {USER} {command}"));
        assert_eq!(
            verdict == Reply::Simple("OK".to_owned()),
            is_allowed,
            "{command}: {verdict:?}"
        );
    }
}
