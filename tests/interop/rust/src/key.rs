//! The provider record's key, as go-libp2p's RoutingDiscovery makes it.
//!
//! go-libp2p provides CIDv1(raw, sha2-256(phrase)); its DHT, like every other, puts only the CID's
//! multihash into the messages. rust-libp2p has no discovery of this kind, so both are made here,
//! by hand and without the libraries the tests compare them with.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use libp2p::kad::RecordKey;
use sha2::{Digest, Sha256};

/// Multihash prefix: code of sha2-256, then the length of the digest (32 bytes).
const SHA2_256: [u8; 2] = [0x12, 0x20];
/// CID prefix: version 1, then the code of the `raw` codec.
const CID_V1_RAW: [u8; 2] = [0x01, 0x55];

/// The multihash of the phrase's bytes, taken as they are: the caller has normalised them.
fn multihash(phrase: &str) -> Vec<u8> {
    let digest = Sha256::digest(phrase.as_bytes());
    [SHA2_256.as_slice(), digest.as_slice()].concat()
}

/// The key in the DHT's messages and stores.
pub fn record_key(phrase: &str) -> RecordKey {
    RecordKey::from(multihash(phrase))
}

/// The key as lower-case hex (68 digits).
pub fn key_hex(phrase: &str) -> String {
    HEXLOWER.encode(&multihash(phrase))
}

/// The CID as text: multibase prefix `b`, then lower-case base32 without padding.
pub fn cid_text(phrase: &str) -> String {
    let bytes = [CID_V1_RAW.as_slice(), &multihash(phrase)].concat();
    format!("b{}", BASE32_NOPAD.encode(&bytes).to_lowercase())
}
