//! Every limit of the server, in one plain struct. Defaults are those of the threat table (A17).

use std::time::Duration;

use countersign_domain::policy::Mistake;

/// The limits of the gRPC server. [`Default`] is fit for production.
///
/// Without limits of our own one connection can hold any number of unfinished streams: the protocol's libraries
/// default to none (measured: 100,000 streams, 870 MB).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Calls a client may have open on one connection; further ones are refused with `REFUSED_STREAM`. Not below 100
    /// (RFC 9113, 6.5.2): clients begin with so many before they have read what the server takes. Default 100.
    pub streams_per_connection_max: u32,
    /// Connections from one address; further ones are closed at once. Raise it when callers come through a proxy that
    /// shows one address for many. Default 32.
    pub connections_per_peer_max: usize,
    /// Connections from everybody; further ones are closed at once. Default 1024.
    pub connections_max: usize,
    /// Calls carried out at a time over all connections, those included whose caller has gone; further ones are shed
    /// with `UNAVAILABLE` before anything is done. Default 1024.
    pub calls_in_flight_max: usize,
    /// Watches at a time over all connections; further ones are refused with `RESOURCE_EXHAUSTED`. Each is one of its
    /// connection's calls too. Default 10,000.
    pub watches_max: usize,
    /// Bytes of one message, in either direction. Default 64 KiB.
    pub message_bytes_max: usize,
    /// Bytes of a call's headers, names, values and 32 each (RFC 9113, 6.5.2). Default 16 KiB.
    pub header_list_bytes_max: u32,
    /// Bytes of one HTTP/2 frame, 16 KiB to 16 MiB - 1. Default 16 KiB.
    pub frame_bytes_max: u32,
    /// Bytes a client may send ahead on one call. Default 64 KiB - 1.
    pub stream_window_bytes: u32,
    /// Bytes a client may send ahead on one connection, and so the most that is buffered for it. Default 256 KiB.
    pub connection_window_bytes: u32,
    /// Malformed calls the server resets before it gives a connection up (RUSTSEC-2024-0003). Default 1024.
    pub local_resets_max: usize,
    /// Calls the client reset before they were looked at, before the server gives the connection up
    /// (CVE-2023-44487, rapid reset). Default 20.
    pub pending_resets_max: usize,
    /// How long a call may take; a shorter deadline of the caller's counts instead. Default 5 s.
    pub request_timeout: Duration,
    /// How long a call about templates may take, which asks the provider behind it; a shorter deadline of the caller's
    /// counts instead. An apply has only its caller's. Default 60 s.
    pub template_timeout: Duration,
    /// How long a new connection may take to say that it speaks HTTP/2. Default 5 s.
    pub handshake_timeout: Duration,
    /// How long a connection may be silent before it is asked for a sign of life. Default 20 s.
    pub keep_alive_interval: Duration,
    /// How long the sign of life may take. Default 10 s.
    pub keep_alive_timeout: Duration,
    /// How old a connection may get before its client is asked to open another, so that callers spread over new
    /// instances; some are asked up to a tenth earlier, so that not all come back at once. Default 10 min.
    pub connection_age_max: Duration,
    /// How long a connection that was asked to end may finish its calls. Default 30 s.
    pub connection_age_grace: Duration,
    /// How long calls may finish when the server stops. Default 10 s.
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            streams_per_connection_max: 100,
            connections_per_peer_max: 32,
            connections_max: 1024,
            calls_in_flight_max: 1024,
            watches_max: 10_000,
            message_bytes_max: 64 * 1024,
            header_list_bytes_max: 16 * 1024,
            frame_bytes_max: 16 * 1024,
            stream_window_bytes: 64 * 1024 - 1,
            connection_window_bytes: 256 * 1024,
            local_resets_max: 1024,
            pending_resets_max: 20,
            request_timeout: Duration::from_secs(5),
            template_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(5),
            keep_alive_interval: Duration::from_secs(20),
            keep_alive_timeout: Duration::from_secs(10),
            connection_age_max: Duration::from_secs(10 * 60),
            connection_age_grace: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Everything that is wrong with the numbers, each alone and against each other.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut add = |field, problem: &str| {
            mistakes.push(Mistake {
                field,
                problem: problem.to_owned(),
            });
        };
        let counts = [
            ("streams_per_connection_max", self.streams_per_connection_max == 0),
            ("connections_per_peer_max", self.connections_per_peer_max == 0),
            ("connections_max", self.connections_max == 0),
            ("calls_in_flight_max", self.calls_in_flight_max == 0),
            ("watches_max", self.watches_max == 0),
            ("local_resets_max", self.local_resets_max == 0),
            ("pending_resets_max", self.pending_resets_max == 0),
            ("request_timeout", self.request_timeout.is_zero()),
            ("template_timeout", self.template_timeout.is_zero()),
            ("handshake_timeout", self.handshake_timeout.is_zero()),
            ("keep_alive_interval", self.keep_alive_interval.is_zero()),
            ("keep_alive_timeout", self.keep_alive_timeout.is_zero()),
            ("connection_age_max", self.connection_age_max.is_zero()),
        ];
        for (field, is_zero) in counts {
            if is_zero {
                add(field, "must be above zero");
            }
        }
        for (field, count) in [
            ("calls_in_flight_max", self.calls_in_flight_max),
            ("watches_max", self.watches_max),
        ] {
            if count > 1 << 20 {
                add(field, "must be at most 1048576");
            }
        }
        if !(1024..=4 * 1024 * 1024).contains(&self.message_bytes_max) {
            add("message_bytes_max", "must be 1 KiB to 4 MiB");
        }
        if !(4 * 1024..=1024 * 1024).contains(&self.header_list_bytes_max) {
            add("header_list_bytes_max", "must be 4 KiB to 1 MiB");
        }
        if !(16 * 1024..1 << 24).contains(&self.frame_bytes_max) {
            add("frame_bytes_max", "must be 16384 to 16777215 (RFC 9113, 4.2)");
        }
        for (field, bytes) in [
            ("stream_window_bytes", self.stream_window_bytes),
            ("connection_window_bytes", self.connection_window_bytes),
        ] {
            if !(65_535..1 << 31).contains(&bytes) {
                add(field, "must be 65535 to 2147483647 (RFC 9113, 6.9.1)");
            }
        }
        if self.drain_timeout < self.request_timeout {
            add(
                "drain_timeout",
                "must be at least request_timeout, or a stopping server cuts calls it had accepted",
            );
        }
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_together() {
        assert_eq!(Config::default().mistakes(), []);
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let config = Config {
            streams_per_connection_max: 0,
            frame_bytes_max: 1,
            drain_timeout: Duration::ZERO,
            ..Config::default()
        };
        let fields: Vec<_> = config.mistakes().iter().map(|mistake| mistake.field).collect();
        assert_eq!(
            fields,
            ["streams_per_connection_max", "frame_bytes_max", "drain_timeout"]
        );
    }
}
