//! The law of the house as plain data: who may depend on whom, and what the domain may be built from.
//!
//! A new edge is a decision about the architecture. Change this file in the commit that needs it, and say why there.

/// One member of the workspace and the members it depends on.
pub(crate) struct Room {
    /// The package name.
    pub(crate) name: &'static str,
    /// The folder, from the repository's root.
    pub(crate) folder: &'static str,
    /// The members it is built from.
    pub(crate) normal: &'static [&'static str],
    /// The members only its tests use.
    pub(crate) dev: &'static [&'static str],
}

/// Every member with every edge it has: no edge more, and none that has gone.
pub(crate) const ROOMS: &[Room] = &[
    Room {
        name: DOMAIN,
        folder: "crates/domain",
        normal: &[],
        dev: &["countersign-store-memory", "countersign-testkit"],
    },
    Room {
        name: "countersign-testkit",
        folder: "crates/testkit",
        normal: &[DOMAIN],
        dev: &[],
    },
    Room {
        name: "countersign-store-memory",
        folder: "crates/store-memory",
        normal: &[DOMAIN],
        dev: &["countersign-testkit"],
    },
    // Its tests compare every answer with those of the store in memory.
    Room {
        name: "countersign-store-redis",
        folder: "crates/store-redis",
        normal: &[DOMAIN],
        dev: &["countersign-store-memory", "countersign-testkit"],
    },
    Room {
        name: "countersign-whatsapp",
        folder: "crates/whatsapp",
        normal: &[DOMAIN],
        dev: &["countersign-testkit"],
    },
    Room {
        name: "countersign-numbering",
        folder: "crates/numbering",
        normal: &[DOMAIN],
        dev: &["countersign-testkit"],
    },
    Room {
        name: "countersign-challenge",
        folder: "crates/challenge",
        normal: &[DOMAIN],
        dev: &["countersign-testkit"],
    },
    // Own wire types on purpose: a misreading of Meta in `whatsapp` must not be repeated here.
    Room {
        name: "countersign-simulator",
        folder: "crates/simulator",
        normal: &[],
        dev: &[],
    },
    Room {
        name: "countersign-grpc",
        folder: "crates/grpc",
        normal: &[DOMAIN],
        dev: &["countersign-testkit"],
    },
    // Its metrics are an observer, so it knows the domain's events. Its tests ask a real service what it counted.
    Room {
        name: "countersign-monitor",
        folder: "crates/monitor",
        normal: &[DOMAIN],
        dev: &["countersign-store-memory", "countersign-testkit"],
    },
    // Wiring: the one room that sees all others, and that no other sees.
    Room {
        name: "countersign",
        folder: "crates/app",
        normal: &[
            DOMAIN,
            "countersign-challenge",
            "countersign-grpc",
            "countersign-monitor",
            "countersign-numbering",
            "countersign-simulator",
            "countersign-store-memory",
            "countersign-store-redis",
            "countersign-whatsapp",
        ],
        dev: &["countersign-testkit"],
    },
    Room {
        name: "xtask",
        folder: "xtask",
        normal: &[],
        dev: &[],
    },
    // Calls the service as any client does, and knows nothing else of it.
    Room {
        name: "countersign-bench",
        folder: "xtask/bench",
        normal: &["countersign-grpc"],
        dev: &[],
    },
];

/// The package with the rules in it.
pub(crate) const DOMAIN: &str = "countersign-domain";

/// Everything the domain may be built from, at any depth and on any platform. Nothing here does I/O, keeps time,
/// draws randomness, serialises or logs.
pub(crate) const DOMAIN_MAY_USE: &[&str] = &[
    // What its manifest names.
    "async-trait",
    "data-encoding",
    "hmac",
    "sha2",
    "subtle",
    "thiserror",
    "zeroize",
    // What the digests bring; `libc` only asks the processor what it can do.
    "block-buffer",
    "cfg-if",
    "cmov",
    "const-oid",
    "cpufeatures",
    "crypto-common",
    "ctutils",
    "digest",
    "hybrid-array",
    "libc",
    "typenum",
    // What the derive macros bring; none of it is in the binary.
    "proc-macro2",
    "quote",
    "syn",
    "thiserror-impl",
    "unicode-ident",
    "zeroize_derive",
];

/// What never belongs in the domain's tree, and why. Stands above [`DOMAIN_MAY_USE`].
pub(crate) const DOMAIN_REFUSES: &[(&str, &str)] = &[
    ("async-std", "it is a runtime"),
    ("axum", "it speaks to the network"),
    ("chrono", "it reads the clock"),
    ("getrandom", "randomness is the `Random` port"),
    ("h2", "it speaks to the network"),
    ("hyper", "it speaks to the network"),
    ("jiff", "it reads the clock; time is an argument"),
    ("log", "facts go to the `Observer` port"),
    ("mio", "it speaks to the network"),
    ("prost", "wire types live in the adapters"),
    ("rand", "randomness is the `Random` port"),
    ("rand_core", "randomness is the `Random` port"),
    ("redis", "storage is a port"),
    ("regex", "the domain parses by hand what it has to parse"),
    ("reqwest", "it speaks to the network"),
    ("rustls", "it speaks to the network"),
    ("serde", "the domain serialises nothing"),
    ("serde_core", "the domain serialises nothing"),
    ("serde_json", "the domain serialises nothing"),
    ("socket2", "it speaks to the network"),
    ("time", "it reads the clock; time is an argument"),
    ("tokio", "it is a runtime"),
    ("tonic", "wire types live in the adapters"),
    ("tower", "it belongs to the wire"),
    ("tracing", "facts go to the `Observer` port"),
    ("uuid", "randomness is the `Random` port"),
];

/// The optional dependencies of the domain. They stand behind a feature that only tests switch on.
pub(crate) const DOMAIN_OPTIONAL: &[&str] = &["mockall"];

/// Libraries that belong to the members named beside them: nobody else names them, not even in tests. The benchmark
/// asks Redis what the store costs; it is no part of the service.
pub(crate) const RESERVED: &[(&str, &[&str])] = &[
    ("redis", &["countersign-store-redis", "countersign-bench"]),
    ("reqwest", &["countersign-whatsapp"]),
];
