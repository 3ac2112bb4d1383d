//! The bindings of `proto/`, written by `cargo xtask codegen`; never edited.

/// The messages, the client and the server of `countersign.v1`.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::large_enum_variant,
    clippy::pedantic,
    reason = "generated code keeps its generators' habits"
)]
pub mod v1 {
    include!("countersign.v1.rs");
}

/// The encoded `FileDescriptorSet` of `countersign.v1` and of everything it imports, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("countersign.v1.bin");
