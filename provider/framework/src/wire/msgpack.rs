//! Values as MessagePack, read and written by the type that the schema gives.
//! Unknown is any extension code when read, and code 0 when written.

use super::limits::check_msgpack;
use crate::path::Path;
use crate::value::{Dynamic, Number, Type, Value};
use rmpv::Value as Pack;
use std::collections::BTreeMap;

/// Deepest nesting that is read: deeper than any schema, shallow enough for every stack.
const DEPTH_MAX: usize = 200;

/// What stands in a message does not fit its type, or a value does not fit its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    #[error("the message is not MessagePack: {0}")]
    Malformed(String),
    #[error("at {}: expected {expected}, found {found}", place(.path))]
    Type { path: Path, expected: &'static str, found: String },
}

fn place(path: &Path) -> String {
    if path.steps().is_empty() { "the top".to_owned() } else { path.to_string() }
}

pub(super) fn decode(mut bytes: &[u8], ty: &Type) -> Result<Value, Misfit> {
    check_msgpack(bytes).map_err(|error| Misfit::Malformed(error.to_string()))?;
    let pack = rmpv::decode::read_value_with_max_depth(&mut bytes, DEPTH_MAX)
        .map_err(|error| Misfit::Malformed(error.to_string()))?;
    read(pack, ty, &mut Path::root())
}

pub(super) fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Misfit> {
    let pack = write(value, ty, &mut Path::root())?;
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &pack).map_err(|error| Misfit::Malformed(error.to_string()))?;
    Ok(bytes)
}

fn read(pack: Pack, ty: &Type, path: &mut Path) -> Result<Value, Misfit> {
    match (ty, pack) {
        (_, Pack::Nil) => Ok(Value::Null),
        (_, Pack::Ext(_any_code, _refinements)) => Ok(Value::Unknown),
        (Type::Bool, Pack::Boolean(value)) => Ok(Value::Bool(value)),
        (Type::Number, pack) => number(&pack).map(Value::Number).ok_or_else(|| misfit(path, ty, &pack)),
        (Type::String, Pack::String(text)) => match text.into_str() {
            Some(text) => Ok(Value::String(text)),
            None => Err(Misfit::Malformed(format!("{} is not UTF-8", place(path)))),
        },
        (Type::List(element), Pack::Array(parts)) => Ok(Value::List(read_elements(parts, element, path)?)),
        (Type::Set(element), Pack::Array(parts)) => Ok(Value::set(read_elements(parts, element, path)?)),
        (Type::Tuple(types), Pack::Array(parts)) if parts.len() == types.len() => {
            let mut values = Vec::with_capacity(parts.len());
            for (index, (part, ty)) in parts.into_iter().zip(types).enumerate() {
                values.push(path.within_index(index, |path| read(part, ty, path))?);
            }
            Ok(Value::List(values))
        }
        (Type::Map(element), Pack::Map(parts)) => {
            let mut map = BTreeMap::new();
            for (key, part) in named(parts) {
                let value = path.within_key(&key, |path| read(part, element, path))?;
                map.insert(key, value);
            }
            Ok(Value::Map(map))
        }
        (Type::Object(attributes), Pack::Map(parts)) => read_object(parts, attributes, path),
        (Type::Dynamic, Pack::Array(parts)) => read_dynamic(parts, path),
        (ty, pack) => Err(misfit(path, ty, &pack)),
    }
}

fn read_elements(parts: Vec<Pack>, ty: &Type, path: &mut Path) -> Result<Vec<Value>, Misfit> {
    let convert = |(index, part)| path.within_index(index, |path| read(part, ty, path));
    parts.into_iter().enumerate().map(convert).collect()
}

fn read_object(
    parts: Vec<(Pack, Pack)>,
    attributes: &BTreeMap<String, Type>,
    path: &mut Path,
) -> Result<Value, Misfit> {
    let mut parts: BTreeMap<String, Pack> = named(parts).collect();
    let mut object = BTreeMap::new();
    for (name, ty) in attributes {
        let part = parts.remove(name).unwrap_or(Pack::Nil);
        object.insert(name.clone(), path.within_attribute(name, |path| read(part, ty, path))?);
    }
    Ok(Value::Object(object))
}

fn read_dynamic(parts: Vec<Pack>, path: &mut Path) -> Result<Value, Misfit> {
    let [Pack::Binary(ty), part] = <[Pack; 2]>::try_from(parts).unwrap_or([Pack::Nil, Pack::Nil]) else {
        return Err(misfit(path, &Type::Dynamic, &Pack::Nil));
    };
    let ty = serde_json::from_slice(&ty).ok().and_then(|json| Type::from_json(&json));
    let ty = ty.ok_or_else(|| misfit(path, &Type::Dynamic, &Pack::Nil))?;
    let value = read(part, &ty, path)?;
    Ok(Value::Dynamic(Box::new(Dynamic { ty, value })))
}

fn named(parts: Vec<(Pack, Pack)>) -> impl Iterator<Item = (String, Pack)> {
    parts.into_iter().filter_map(|(key, part)| Some((key.as_str()?.to_owned(), part)))
}

fn number(pack: &Pack) -> Option<Number> {
    if let Some(text) = pack.as_str() {
        return Number::parse(text);
    }
    let integer = pack.as_i64().map(Number::from).or_else(|| pack.as_u64().map(Number::from));
    integer.or_else(|| Number::from_f64_exact(pack.as_f64()?))
}

fn write(value: &Value, ty: &Type, path: &mut Path) -> Result<Pack, Misfit> {
    Ok(match (ty, value) {
        (_, Value::Null) => Pack::Nil,
        (_, Value::Unknown) => Pack::Ext(0, vec![0]),
        (Type::Dynamic, Value::Dynamic(dynamic)) => {
            let ty = dynamic.ty.to_json().to_string().into_bytes();
            Pack::Array(vec![Pack::Binary(ty), write(&dynamic.value, &dynamic.ty, path)?])
        }
        (Type::Bool, Value::Bool(value)) => Pack::Boolean(*value),
        (Type::String, Value::String(text)) => Pack::from(text.as_str()),
        (Type::Number, Value::Number(number)) => number_pack(number),
        (Type::List(element), Value::List(parts)) | (Type::Set(element), Value::Set(parts)) => {
            let mut list = Vec::with_capacity(parts.len());
            for (index, part) in parts.iter().enumerate() {
                list.push(path.within_index(index, |path| write(part, element, path))?);
            }
            Pack::Array(list)
        }
        (Type::Tuple(types), Value::List(parts)) if parts.len() == types.len() => {
            let mut list = Vec::with_capacity(parts.len());
            for (index, (part, ty)) in parts.iter().zip(types).enumerate() {
                list.push(path.within_index(index, |path| write(part, ty, path))?);
            }
            Pack::Array(list)
        }
        (Type::Map(element), Value::Map(parts)) => {
            let mut map = Vec::with_capacity(parts.len());
            for (key, part) in parts {
                map.push((Pack::from(key.as_str()), path.within_key(key, |path| write(part, element, path))?));
            }
            Pack::Map(map)
        }
        (Type::Object(attributes), Value::Object(_)) => {
            let mut map = Vec::with_capacity(attributes.len());
            for (name, ty) in attributes {
                let part = path.within_attribute(name, |path| write(value.get(name), ty, path))?;
                map.push((Pack::from(name.as_str()), part));
            }
            Pack::Map(map)
        }
        (ty, value) => {
            return Err(Misfit::Type { path: path.clone(), expected: ty.noun(), found: format!("{value:.40?}") });
        }
    })
}

/// Terraform reads a decimal string exactly, a float by its bits: one tenth must go as text.
fn number_pack(number: &Number) -> Pack {
    let integer = number.as_i64().map(Pack::from).or_else(|| number.as_u64().map(Pack::from));
    integer.unwrap_or_else(|| Pack::from(number.as_str()))
}

fn misfit(path: &Path, ty: &Type, pack: &Pack) -> Misfit {
    let found = match pack {
        Pack::Nil => "nothing of use",
        Pack::Boolean(_) => "true or false",
        Pack::Integer(_) | Pack::F32(_) | Pack::F64(_) => "a number",
        Pack::String(_) => "a string",
        Pack::Binary(_) => "bytes",
        Pack::Array(_) => "an array",
        Pack::Map(_) => "a map",
        Pack::Ext(..) => "an extension",
    };
    Misfit::Type { path: path.clone(), expected: ty.noun(), found: found.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(attributes: &[(&str, Type)]) -> Type {
        Type::Object(attributes.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect())
    }

    /// Bytes as the wire has them, the value that they mean, and back to the same bytes.
    fn check(bytes: &[u8], ty: &Type, value: &Value) {
        assert_eq!(&decode(bytes, ty).unwrap(), value, "{bytes:02x?}");
        assert_eq!(encode(value, ty).unwrap(), bytes, "{value:?}");
    }

    #[test]
    fn vectors_of_every_type() {
        let number = |text| Value::from(Number::parse(text));
        check(b"\xc0", &Type::String, &Value::Null);
        check(b"\xd4\x00\x00", &Type::String, &Value::Unknown);
        check(b"\xc3", &Type::Bool, &Value::Bool(true));
        check(b"\xa5hello", &Type::String, &"hello".into());
        check(b"\x05", &Type::Number, &number("5"));
        check(b"\xfb", &Type::Number, &number("-5"));
        check(b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", &Type::Number, &number("18446744073709551615"));
        check(b"\xa30.1", &Type::Number, &number("0.1"));
        check(b"\x92\xa1a\xc0", &Type::list(Type::String), &Value::List(vec!["a".into(), Value::Null]));
        check(b"\x92\x01\x02", &Type::set(Type::Number), &Value::set([2_u32.into(), 1_u32.into()]));
        check(b"\x81\xa1k\x01", &Type::map(Type::Number), &Value::Map([("k".to_owned(), 1_u32.into())].into()));
        check(
            b"\x82\xa1a\xc2\xa1b\xd4\x00\x00",
            &object(&[("a", Type::Bool), ("b", Type::Number)]),
            &Value::object([("a", Value::Bool(false)), ("b", Value::Unknown)]),
        );
    }

    #[test]
    fn a_dynamic_value_carries_its_type() {
        let ty = Type::Tuple(vec![Type::String, Type::Number]);
        let value = Value::Dynamic(Box::new(Dynamic { ty, value: Value::List(vec!["a".into(), 1_u32.into()]) }));
        let mut bytes = b"\x92\xc4\x1b".to_vec();
        bytes.extend(br#"["tuple",["string","number"]]"#.get(..).unwrap());
        bytes[2] = u8::try_from(bytes.len() - 3).unwrap();
        bytes.extend(b"\x92\xa1a\x01");
        check(&bytes, &Type::Dynamic, &value);
        check(b"\xc0", &Type::Dynamic, &Value::Null);
        check(b"\xd4\x00\x00", &Type::Dynamic, &Value::Unknown);
    }

    #[test]
    fn numbers_come_in_three_forms() {
        let read = |bytes: &[u8]| decode(bytes, &Type::Number).unwrap().as_number().unwrap().to_string();
        assert_eq!(read(b"\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00"), "0.5");
        assert_eq!(read(b"\xca\x3f\x00\x00\x00"), "0.5");
        assert_eq!(read(b"\xa60.0001"), "0.0001");
        assert!(decode(b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", &Type::Number).is_err());
    }

    #[test]
    fn every_extension_is_an_unknown() {
        // Code 12 with a refinement "not null", and a code of the future.
        for bytes in [b"\xc7\x03\x0c\x81\x01\xc2".as_slice(), b"\xd6\x2a\x01\x02\x03\x04"] {
            assert_eq!(decode(bytes, &Type::list(Type::String)).unwrap(), Value::Unknown);
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_place() {
        let ty = object(&[("a", Type::list(Type::Number))]);
        let error = decode(b"\x81\xa1a\x92\x01\xc3", &ty).unwrap_err();
        assert_eq!(error.to_string(), "at a[1]: expected a number, found true or false");
        assert!(decode(b"\x81", &ty).is_err());
        assert!(decode(b"\xdd\xff\xff\xff\xff", &ty).is_err());
        assert!(decode(&[0x91; 5000], &ty).is_err());
        assert!(encode(&Value::from("x"), &Type::Bool).is_err());
        assert!(encode(&Value::from("x"), &Type::Dynamic).is_err());
    }
}
