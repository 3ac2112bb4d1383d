//! Encrypted connections: whom the client trusts, and what it says when it does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use countersign_domain::ports::ChangeFeed;
use countersign_store_redis::check::CheckError;
use countersign_store_redis::config::{Address, Config};
use countersign_testkit::fixture::{now, phone};
use countersign_testkit::redis_server::RedisServer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::common::instance;
use crate::common::records::{key, record, write};
use crate::common::service::{house_on, instance_of_house, start};
use countersign_testkit::wait::soon;

/// How many ports are tried: somebody else may take one between its choice and its use.
const PORTS_MAX: usize = 20;

/// A server that speaks nothing but TLS on its port, under a certificate for `name` of an authority of its own.
struct Encrypted {
    server: RedisServer,
    port: u16,
    authority: Vec<u8>,
    _certificates: TempDir,
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn encrypted(names: &[&str]) -> Encrypted {
    let authority = authority();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let pair = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names)
        .unwrap()
        .signed_by(&pair, &authority)
        .unwrap();
    let certificates = tempfile::tempdir().unwrap();
    let path = |name: &str| certificates.path().join(name).display().to_string();
    fs::write(path("ca.pem"), authority.pem()).unwrap();
    fs::write(path("cert.pem"), certificate.pem()).unwrap();
    fs::write(path("key.pem"), pair.serialize_pem()).unwrap();
    let server = RedisServer::start_with(&[
        ("tls-ca-cert-file", &path("ca.pem")),
        ("tls-cert-file", &path("cert.pem")),
        ("tls-key-file", &path("key.pem")),
        ("tls-auth-clients", "no"),
    ]);
    let listens = |port: &u16| server.ask_text(&format!("CONFIG SET tls-port {port}")).eq(&ok());
    let mut ports = (0..PORTS_MAX).map(|_| free_port());
    let port = ports.find(listens).expect("a free port is found");
    Encrypted {
        server,
        port,
        authority: authority.pem().into_bytes(),
        _certificates: certificates,
    }
}

fn ok() -> countersign_testkit::redis_server::Reply {
    countersign_testkit::redis_server::Reply::Simple("OK".to_owned())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Encrypted {
    fn config(&self, host: &str, authorities: Option<&[u8]>) -> Config {
        let address = Address::parse(&format!("rediss://{host}:{}", self.port)).unwrap();
        Config {
            authorities: authorities.map(<[u8]>::to_vec),
            timeout: Duration::from_secs(4),
            ..Config::new(address)
        }
    }
}

/// Looks, and expects that the server is not trusted, in words that name its certificate.
async fn expect_distrust(config: &Config) {
    let words = match instance(config).look().await {
        Err(CheckError::Away(words)) => words,
        looked => panic!("it should not be trusted: {looked:?}"),
    };
    assert!(words.contains("certificate"), "{words}");
}

#[tokio::test]
async fn a_server_our_authority_vouches_for_is_used_by_name_and_by_address() {
    let encrypted = encrypted(&["localhost", "127.0.0.1"]);
    for host in ["localhost", "127.0.0.1"] {
        let redis = instance(&encrypted.config(host, Some(&encrypted.authority)));
        redis.look().await.unwrap();
        let n = u32::from(host == "localhost");
        write(&redis.recipients(), key(n), None, &record(n, now(), None), now()).await;
        let feed = redis.feed();
        let mut hints = feed.subscribe(key(n)).await.unwrap();
        feed.publish(key(n));
        soon("a hint", hints.next()).await.unwrap();
    }
}

#[tokio::test]
async fn a_whole_service_runs_over_an_encrypted_connection() {
    let encrypted = encrypted(&["localhost"]);
    let redis = instance_of_house(&encrypted.config("localhost", Some(&encrypted.authority)));
    redis.look().await.unwrap();
    let house = house_on(&redis);
    start(&house, &phone()).await.unwrap();
    house.run_errands().await;
    assert_eq!(house.messenger.sent().len(), 1);
    assert_eq!(encrypted.server.ask_text("CONFIG GET port").items()[1].text(), "0");
}

#[tokio::test]
async fn a_server_nobody_known_vouches_for_is_not_trusted() {
    let encrypted = encrypted(&["localhost"]);
    let stranger = authority().pem();
    for authorities in [None, Some(stranger.as_bytes())] {
        expect_distrust(&encrypted.config("localhost", authorities)).await;
    }
}

#[tokio::test]
async fn a_server_of_another_name_is_not_trusted() {
    let encrypted = encrypted(&["redis.example"]);
    for host in ["localhost", "127.0.0.1"] {
        expect_distrust(&encrypted.config(host, Some(&encrypted.authority))).await;
    }
}

#[tokio::test]
async fn a_plain_connection_to_an_encrypted_port_is_away_and_the_other_way_round() {
    let encrypted = encrypted(&["localhost"]);
    let plain = Address::parse(&format!("redis://localhost:{}", encrypted.port)).unwrap();
    let looked = instance(&Config::new(plain)).look().await;
    assert!(matches!(looked, Err(CheckError::Away(_))), "{looked:?}");

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let redirected = Encrypted { port, ..encrypted };
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"-ERR this is plain text\r\n")
            .await
            .unwrap();
    });
    let looked = instance(&redirected.config("localhost", Some(&redirected.authority)))
        .look()
        .await;
    assert!(matches!(looked, Err(CheckError::Away(_))), "{looked:?}");
    answering.await.unwrap();
}

#[tokio::test]
async fn authorities_that_are_none_are_a_mistake_in_the_configuration() {
    let address = Address::parse("rediss://localhost:6379").unwrap();
    let config = Config {
        authorities: Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
        ..Config::new(address)
    };
    let random = std::sync::Arc::new(countersign_testkit::random::SeededRandom::default());
    let made = countersign_store_redis::Redis::new(
        &config,
        countersign_testkit::contract::recipient_store::SHARDS,
        &common::identity(1),
        &common::code_keys(&[("k1", 1)]),
        random,
    );
    assert!(made.is_err());
}
