//! How many values a message may hold. A message of a few bytes a value becomes tens of bytes a value
//! in memory, so they are counted before any is made. Allocates nothing.

use rmp::Marker;
use rmp::decode::{RmpRead, read_marker};

/// Most values in one message. Terraform's largest states have some hundred thousand; this many take
/// a few hundred MiB.
pub(super) const VALUES_MAX: u64 = 4 << 20;

/// Why a message is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    #[error("it ends in the middle of a value")]
    Cut,
    #[error("it has a byte that means nothing")]
    Meaningless,
    #[error("it holds more than {VALUES_MAX} values")]
    Values,
}

/// Whether MessagePack holds few enough values, and all that it announces.
pub(super) fn check_msgpack(mut bytes: &[u8]) -> Result<(), Unread> {
    let (mut seen, mut expected) = (0_u64, 1_u64);
    while seen < expected {
        let marker = read_marker(&mut bytes).map_err(|_end| Unread::Cut)?;
        let (skipped, parts) = extent(marker, &mut bytes)?;
        seen += 1;
        expected = expected.saturating_add(parts);
        if expected > VALUES_MAX {
            return Err(Unread::Values);
        }
        bytes = usize::try_from(skipped).ok().and_then(|skipped| bytes.get(skipped..)).ok_or(Unread::Cut)?;
    }
    Ok(())
}

/// How many bytes follow a marker and its length, and how many values.
fn extent(marker: Marker, bytes: &mut &[u8]) -> Result<(u64, u64), Unread> {
    Ok(match marker {
        Marker::Reserved => return Err(Unread::Meaningless),
        Marker::Null | Marker::True | Marker::False => (0, 0),
        Marker::FixPos(_) | Marker::FixNeg(_) => (0, 0),
        Marker::U8 | Marker::I8 => (1, 0),
        Marker::U16 | Marker::I16 => (2, 0),
        Marker::U32 | Marker::I32 | Marker::F32 => (4, 0),
        Marker::U64 | Marker::I64 | Marker::F64 => (8, 0),
        Marker::FixStr(length) => (length.into(), 0),
        Marker::Str8 | Marker::Bin8 => (length8(bytes)?, 0),
        Marker::Str16 | Marker::Bin16 => (length16(bytes)?, 0),
        Marker::Str32 | Marker::Bin32 => (length32(bytes)?, 0),
        // An extension has a byte for its code.
        Marker::FixExt1 => (2, 0),
        Marker::FixExt2 => (3, 0),
        Marker::FixExt4 => (5, 0),
        Marker::FixExt8 => (9, 0),
        Marker::FixExt16 => (17, 0),
        Marker::Ext8 => (length8(bytes)? + 1, 0),
        Marker::Ext16 => (length16(bytes)? + 1, 0),
        Marker::Ext32 => (length32(bytes)? + 1, 0),
        Marker::FixArray(length) => (0, length.into()),
        Marker::Array16 => (0, length16(bytes)?),
        Marker::Array32 => (0, length32(bytes)?),
        Marker::FixMap(length) => (0, 2 * u64::from(length)),
        Marker::Map16 => (0, 2 * length16(bytes)?),
        Marker::Map32 => (0, 2 * length32(bytes)?),
    })
}

fn length8(bytes: &mut &[u8]) -> Result<u64, Unread> {
    bytes.read_data_u8().map(u64::from).map_err(|_end| Unread::Cut)
}

fn length16(bytes: &mut &[u8]) -> Result<u64, Unread> {
    bytes.read_data_u16().map(u64::from).map_err(|_end| Unread::Cut)
}

fn length32(bytes: &mut &[u8]) -> Result<u64, Unread> {
    bytes.read_data_u32().map(u64::from).map_err(|_end| Unread::Cut)
}

/// Whether JSON holds few enough values: one more than it has separators and brackets, at most.
pub(crate) fn check_json(bytes: &[u8]) -> Result<(), Unread> {
    let (mut values, mut in_text, mut escaped) = (1_u64, false, false);
    for byte in bytes {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else if *byte == b'"' {
            in_text = true;
        } else if matches!(byte, b',' | b'[' | b'{') {
            values += 1;
        }
    }
    if values > VALUES_MAX { Err(Unread::Values) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_announces_more_than_it_has_is_refused_before_it_is_read() {
        assert_eq!(check_msgpack(b"\xdd\xff\xff\xff\xff"), Err(Unread::Values));
        assert_eq!(check_msgpack(b"\xdf\xff\xff\xff\xff\x00"), Err(Unread::Values));
        assert_eq!(check_msgpack(b"\xc6\xff\xff\xff\xff\x00"), Err(Unread::Cut));
        assert_eq!(check_msgpack(b"\xc9\xff\xff\xff\xff\x00"), Err(Unread::Cut));
        assert_eq!(check_msgpack(b"\x92\x01"), Err(Unread::Cut));
        assert_eq!(check_msgpack(b""), Err(Unread::Cut));
        assert_eq!(check_msgpack(b"\xc1"), Err(Unread::Meaningless));
        assert_eq!(check_msgpack(b"\x82\xa1a\xd4\x00\x00\xa1b\x92\x01\xcb\0\0\0\0\0\0\0\0"), Ok(()));
    }

    #[test]
    fn values_are_counted_and_texts_are_not() {
        let many = usize::try_from(VALUES_MAX).unwrap() + 1;
        assert_eq!(check_msgpack(&[&[0xdd, 0, 0x40, 0, 1][..], &vec![0xc0; many]].concat()), Err(Unread::Values));
        assert_eq!(check_json(&[b"[".as_slice(), &b"0,".repeat(many), b"0]"].concat()), Err(Unread::Values));
        assert_eq!(check_json(&[b"\"\\\"".as_slice(), &b",".repeat(many), b"\""].concat()), Ok(()));
    }
}
