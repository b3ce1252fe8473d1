//! The wire: code generated from `/proto`.

/// `coditect.v1`
#[expect(missing_docs, reason = "generated; documented in the proto files")]
#[allow(clippy::all)]
pub mod v1 {
    tonic::include_proto!("coditect.v1");
}

/// The encoded file descriptors, for server reflection.
pub const FILE_DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
