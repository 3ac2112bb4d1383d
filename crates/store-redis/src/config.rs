//! How to reach Redis, and what this installation expects to find there.

use std::fmt;
use std::time::Duration;

use countersign_domain::id::ShardCount;
use countersign_domain::key::{Identity, KeyRing};
use redis::{ConnectionAddr, IntoConnectionInfo};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::keys::Prefix;

/// How to reach a Redis server.
#[derive(Clone)]
pub struct Config {
    /// Where it is.
    pub address: Address,
    /// The ACL user; without one, `default`.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Zeroizing<String>>,
    /// Certificate authorities in PEM that may vouch for the server; without them, the system's.
    pub authorities: Option<Vec<u8>>,
    /// How long one call of the store may take, connecting included.
    pub timeout: Duration,
    /// What stands before every key.
    pub prefix: Prefix,
    /// Whether a server that keeps nothing through a restart is good enough.
    pub accept_data_loss: bool,
}

impl Config {
    /// The shortest time-out that makes sense over a network.
    pub const TIMEOUT_MIN: Duration = Duration::from_millis(50);
    /// The longest time-out: a call of the API has five seconds for up to three calls of the store.
    pub const TIMEOUT_MAX: Duration = Duration::from_secs(4);

    /// A server at `address`, with a time-out of one second and everything else as it comes.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            username: None,
            password: None,
            authorities: None,
            timeout: Duration::from_secs(1),
            prefix: Prefix::default(),
            accept_data_loss: false,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("address", &self.address)
            .field("timeout", &self.timeout)
            .field("prefix", &self.prefix)
            .field("accept_data_loss", &self.accept_data_loss)
            .finish_non_exhaustive()
    }
}

/// Where a Redis server is: `redis://host:port/db`, `rediss://host:port/db` with TLS, or `unix:///path/to/socket`.
///
/// Holds no user and no password; both have settings of their own, because an address is printed.
#[derive(Clone)]
pub struct Address {
    text: String,
    info: redis::ConnectionInfo,
}

impl Address {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let info = text.into_connection_info().map_err(|_| AddressError::Shape)?;
        let supported = matches!(
            info.addr(),
            ConnectionAddr::Tcp(..) | ConnectionAddr::TcpTls { insecure: false, .. } | ConnectionAddr::Unix(_)
        );
        if !supported {
            return Err(AddressError::Shape);
        }
        let settings = info.redis_settings();
        if settings.username().is_some() || settings.password().is_some() {
            return Err(AddressError::Credentials);
        }
        Ok(Self {
            text: text.to_owned(),
            info,
        })
    }

    /// Whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.info.addr(), ConnectionAddr::TcpTls { .. })
    }

    pub(crate) const fn info(&self) -> &redis::ConnectionInfo {
        &self.info
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.text)
    }
}

/// Why a text is not an address. Never repeats the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// It has another shape.
    #[error("must be \"redis://host:port/db\", \"rediss://host:port/db\" (TLS) or \"unix:///path/to/socket\"")]
    Shape,
    /// It holds a user or a password.
    #[error("must hold neither a user nor a password: addresses are printed; write them in username and password")]
    Credentials,
}

/// What all instances on one Redis have to agree on. Only fingerprints of keys: they tell keys apart and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// How many shards the recipients are in.
    pub shards: ShardCount,
    /// The fingerprint of the installation's own key.
    pub identity: [u8; 8],
    /// The name and the fingerprint of each code key.
    pub code_keys: Vec<(String, [u8; 8])>,
}

impl Installation {
    /// What these keys and this number of shards make up.
    pub fn new(shards: ShardCount, identity: &Identity, keys: &KeyRing) -> Self {
        let code_keys = keys.fingerprints().map(|(id, print)| (id.as_str().to_owned(), print));
        Self {
            shards,
            identity: identity.fingerprint(),
            code_keys: code_keys.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_kind_are_read_and_printed_as_they_came() {
        for text in [
            "redis://localhost",
            "redis://10.0.0.1:6380/3",
            "rediss://redis.internal:6379/0",
            "unix:///run/redis/redis.sock",
            "unix:///run/redis/redis.sock?db=2",
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.is_encrypted(), text.starts_with("rediss"), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://",
            "rediss://host/#insecure",
        ] {
            assert_eq!(Address::parse(text).err(), Some(AddressError::Shape), "{text}");
        }
    }

    #[test]
    fn an_address_holds_no_credentials() {
        for text in [
            "redis://:secret@localhost",
            "redis://user:secret@localhost",
            "redis://user@localhost",
        ] {
            assert_eq!(Address::parse(text).err(), Some(AddressError::Credentials), "{text}");
        }
    }
}
