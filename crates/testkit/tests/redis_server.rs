//! The server that tests of the Redis store stand on: that it is real, alone, and gone when it should be.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use countersign_testkit::redis_server::{RedisServer, Reply};

fn config(server: &RedisServer, name: &str) -> String {
    let reply = server.ask_text(&format!("CONFIG GET {name}"));
    reply.items()[1].text().to_owned()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The `n`-th of a series of keys.
fn key(n: usize) -> Vec<u8> {
    format!("key {n:05}").into_bytes()
}

#[test]
fn a_started_server_answers_on_its_socket_and_on_no_port() {
    let server = RedisServer::start();
    assert_eq!(server.ask_text("PING"), Reply::Simple("PONG".to_owned()));
    assert_eq!(
        server.address(),
        format!("unix://{}", server.folder().join("redis.sock").display())
    );
    assert!(server.socket().is_absolute());
    for (name, value) in [
        ("port", "0"),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("save", ""),
        ("maxmemory-policy", "noeviction"),
    ] {
        assert_eq!(config(&server, name), value, "{name}");
    }
    let info = server.ask_text("INFO server");
    assert!(info.text().contains(&format!("process_id:{}\r\n", server.pid())));
}

#[test]
fn later_settings_win_and_a_password_is_given() {
    let server = RedisServer::start_with(&[
        ("maxmemory-policy", "allkeys-lru"),
        ("appendonly", "no"),
        ("maxmemory", "64mb"),
        ("save", "60 1"),
        ("requirepass", "open-sesame"),
    ]);
    assert_eq!(config(&server, "maxmemory-policy"), "allkeys-lru");
    assert_eq!(config(&server, "maxmemory"), (64 * 1024 * 1024).to_string());
    assert_eq!(config(&server, "save"), "60 1");
    assert_eq!(config(&server, "requirepass"), "open-sesame");
    assert_eq!(server.ask_text("SET a 1").text(), "OK");
    assert_eq!(server.appended(), b"");
    assert_eq!(server.monitor().finish(), []);
}

#[test]
#[should_panic(expected = "no-such-setting")]
fn a_setting_that_redis_refuses_is_told_with_its_log() {
    RedisServer::start_with(&[("no-such-setting", "1")]);
}

#[test]
fn two_servers_at_once_do_not_see_each_other() {
    let (one, other) = (RedisServer::start(), RedisServer::start());
    assert_eq!(one.ask_text("SET whose one").text(), "OK");
    assert_eq!(other.ask_text("GET whose"), Reply::Nil);
    assert_ne!(one.address(), other.address());
    assert_ne!(one.pid(), other.pid());
}

#[test]
fn every_shape_of_answer_is_read() {
    let server = RedisServer::start();
    let any: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    assert_eq!(server.ask(&[b"SET", b"\r\n", &any]).text(), "OK");
    assert_eq!(server.ask(&[b"GET", b"\r\n"]).bytes(), any);
    assert_eq!(server.ask_text("INCRBY n -7").integer(), -7);
    assert_eq!(server.ask_text("GET nothing"), Reply::Nil);
    assert_eq!(server.ask_text("LRANGE nothing 0 -1").items(), []);
    let Reply::Error(error) = server.ask_text("NO-SUCH-COMMAND") else {
        panic!("an unknown command is refused");
    };
    assert!(error.starts_with("ERR unknown command"), "{error}");
    let nested = server.ask(&[b"EVAL", b"return {1, {'two', false}, ''}", b"0"]);
    let inner = Reply::Array(vec![Reply::Bulk(b"two".to_vec()), Reply::Nil]);
    assert_eq!(nested.items(), [Reply::Integer(1), inner, Reply::Bulk(Vec::new())]);
}

#[test]
fn every_key_is_found_however_many_there_are() {
    let server = RedisServer::start();
    assert_eq!(server.every_key(), Vec::<Vec<u8>>::new());
    let keys: Vec<Vec<u8>> = (0..2500).map(key).collect();
    let mut command: Vec<&[u8]> = vec![b"MSET"];
    command.extend(keys.iter().flat_map(|key| [key.as_slice(), b"1"]));
    assert_eq!(server.ask(&command).text(), "OK");
    assert_eq!(server.every_key(), keys);
}

#[test]
fn what_was_written_survives_a_kill_and_a_restart() {
    let mut server = RedisServer::start();
    let (socket, before) = (server.socket().to_owned(), server.pid());
    for n in 0..20 {
        assert_eq!(server.ask(&[b"SET", &key(n), b"kept"]).text(), "OK");
    }
    server.wait_until_written();
    server.kill();
    assert!(UnixStream::connect(&socket).is_err(), "the server is killed");
    assert!(contains(&server.appended(), &key(19)), "its files are still there");
    server.restart();
    assert_eq!(server.socket(), socket);
    assert_ne!(server.pid(), before);
    assert_eq!(server.every_key(), (0..20).map(key).collect::<Vec<_>>());
}

#[test]
fn what_was_answered_is_in_the_append_only_file() {
    let server = RedisServer::start();
    for n in 0..200 {
        assert_eq!(server.ask(&[b"SET", &key(n), b"1"]).text(), "OK");
        assert!(contains(&server.appended(), &key(n)), "{n}");
    }
    assert!(!contains(&server.appended(), &key(200)));
}

#[test]
fn a_dropped_server_is_gone_with_all_it_wrote() {
    let server = RedisServer::start();
    let (socket, folder) = (server.socket().to_owned(), server.folder().to_owned());
    let mut open = UnixStream::connect(&socket).unwrap();
    open.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    open.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    open.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
    drop(server);
    // Only the end of the process closes a connection that was answered.
    assert_eq!(open.read(&mut answer).unwrap(), 0);
    assert!(UnixStream::connect(&socket).is_err());
    assert!(!folder.exists());
}

#[test]
fn a_monitor_tells_what_clients_send_from_what_scripts_do() {
    let server = RedisServer::start();
    assert_eq!(server.ask_text("SET before 1").text(), "OK");
    let (monitor, other) = (server.monitor(), server.monitor());
    assert_eq!(server.ask_text("get before").text(), "1");
    let script = b"redis.call('incr', KEYS[1]) return redis.call('GET', KEYS[1])";
    assert_eq!(server.ask(&[b"EVAL", script, b"1", b"n\"] \""]).text(), "1");
    let heard = monitor.finish();
    let told: Vec<(&str, bool)> = heard.iter().map(|it| (it.command.as_str(), it.from_script)).collect();
    assert_eq!(told, [("GET", false), ("EVAL", false), ("INCR", true), ("GET", true)]);
    assert!(heard[0].line.ends_with(r#""get" "before""#), "{}", heard[0].line);
    assert_eq!(other.finish(), heard);
}
