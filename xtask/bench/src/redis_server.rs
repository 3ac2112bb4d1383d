//! A Redis server of the benchmark's own, and what it says about itself.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::Outcome;
use crate::process::Process;

/// How often one looks whether a server has started, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: usize = 500;

/// A running `redis-server` on a socket in a folder of its own, with its append-only file synced each second.
pub(crate) struct RedisServer {
    pub(crate) process: Process,
    /// The socket's path.
    pub(crate) socket: PathBuf,
    connection: MultiplexedConnection,
    _folder: TempDir,
}

impl RedisServer {
    /// Starts one and waits until it answers.
    pub(crate) async fn start() -> Outcome<Self> {
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        let socket = folder.path().join("redis.sock");
        let mut command = Command::new("redis-server");
        command
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--daemonize",
                "no",
                "--logfile",
                "redis.log",
            ])
            .args(["--appendonly", "yes", "--appendfsync", "everysec"])
            // A rewrite in the middle of a cell would be measured with it.
            .args(["--auto-aof-rewrite-percentage", "0"])
            .args(["--maxmemory-policy", "noeviction"])
            .arg("--dir")
            .arg(folder.path())
            .arg("--unixsocket")
            .arg(&socket)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = Process::start("redis-server", &mut command)?;
        let client = Client::open(format!("unix://{}", socket.display())).map_err(|error| fault(&error))?;
        for _ in 0..LOOKS_MAX {
            process.demand_running()?;
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            if let Ok(connection) = client.get_multiplexed_async_connection_with_config(&config).await {
                return Ok(Self {
                    process,
                    socket,
                    connection,
                    _folder: folder,
                });
            }
            sleep(LOOK_EVERY).await;
        }
        Err("redis-server did not answer in time".to_owned())
    }

    /// The address of its socket, as the service's configuration writes it.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// A connection for the benchmark's own questions.
    pub(crate) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// Everything it says about itself.
    pub(crate) async fn info(&self) -> Outcome<Info> {
        let mut connection = self.connection();
        let text: String = redis::cmd("INFO")
            .arg("all")
            .query_async(&mut connection)
            .await
            .map_err(|error| fault(&error))?;
        Ok(Info(text))
    }

    /// How many keys it holds.
    pub(crate) async fn keys(&self) -> Outcome<u64> {
        let mut connection = self.connection();
        let size = redis::cmd("DBSIZE").query_async(&mut connection).await;
        size.map_err(|error| fault(&error))
    }
}

/// The sentence for a question that Redis did not answer.
pub(crate) fn fault(error: &redis::RedisError) -> String {
    format!("Redis: {error}")
}

/// What Redis says about itself.
pub(crate) struct Info(String);

impl Info {
    /// A field as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }

    /// Microseconds that all calls of a command took so far, with what scripts called; none before the first.
    pub(crate) fn command_us(&self, name: &str) -> u64 {
        let fields = self.text(&format!("cmdstat_{name}")).unwrap_or_default();
        let mut fields = fields.split(',');
        let usec = fields.find_map(|field| field.strip_prefix("usec="));
        usec.and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// A field as a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_names() {
        let info = Info("# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n".to_owned());
        assert_eq!(info.number("used_memory"), Some(1_048_576));
        assert_eq!(info.text("used_memory_human"), Some("1.00M"));
        assert_eq!(info.number("used_memory_human"), None);
        assert_eq!(info.number("used"), None);
        let info = Info("cmdstat_evalsha:calls=2,usec=84,usec_per_call=42.00\r\n".to_owned());
        assert_eq!((info.command_us("evalsha"), info.command_us("get")), (84, 0));
    }
}
