//! What fuzzers throw bytes at: whatever comes over the wire, from its frames to its values. Each
//! function panics where the framework does, and where what it reads is not what it writes again.
//! For the targets in `fuzz/`, and, a bounded number of times, for the tests below.

use crate::action::{Action, Progress};
use crate::context::Context;
use crate::data_source::DataSource;
use crate::diagnostics::Diagnostics;
use crate::function::{Function, FunctionError, Parameter, Signature};
use crate::identity::IdentitySchema;
use crate::provider::{Named, Provider};
use crate::resource::{Change, Failure, Resource};
use crate::schema::{Attribute, Modifier, Nesting, Schema, attributes};
use crate::server::Probe;
use crate::value::{Type, Value};
use crate::wire;
use std::sync::LazyLock;
use tonic::async_trait;

/// Reads a value of every kind of type, writes it, and reads it again.
pub fn values(data: &[u8]) {
    let any = Resource::schema(&Thing).object_type();
    for ty in [Type::Dynamic, Type::Number, Type::list(Type::Dynamic), Type::set(Type::Number), any] {
        let message = wire::message(data);
        let Ok(value) = wire::decode(Some(message), &ty) else { continue };
        let Ok(written) = wire::encode(&value, &ty) else { panic!("{value:?} was read and cannot be written") };
        assert_eq!(wire::decode(Some(written), &ty), Ok(value), "it is read as something else");
    }
}

/// Reads a state as JSON.
pub fn states(data: &[u8]) {
    let Ok(json) = wire::json_document(data) else { return };
    for ty in [Type::Dynamic, Type::Number, Resource::schema(&Thing).object_type()] {
        if let Ok(value) = wire::state(&json, &ty) {
            assert!(wire::encode(&value, &ty).is_ok(), "{value:?} was read and cannot be written");
        }
    }
}

/// Answers calls whose frames are these bytes; the first one says which call.
pub fn calls(data: &[u8]) {
    static PROBE: LazyLock<Probe<Anything>> = LazyLock::new(|| Probe::new(Anything));
    if let Some((which, frame)) = data.split_first() {
        PROBE.call(*which, frame);
    }
}

struct Anything;

impl Provider for Anything {
    type Client = ();
    fn schema(&self) -> Schema {
        Resource::schema(&Thing)
    }
    fn configure(&self, _terraform_version: &str, _config: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }
    fn resources(&self) -> Named<dyn Resource<()>> {
        vec![("t", Box::new(Thing))]
    }
    fn data_sources(&self) -> Named<dyn DataSource<()>> {
        Vec::new()
    }
    fn actions(&self) -> Named<dyn Action<()>> {
        vec![("t", Box::new(Thing))]
    }
    fn functions(&self) -> Named<dyn Function> {
        vec![("f", Box::new(Same))]
    }
}

/// A resource with an attribute of every kind.
struct Thing;

#[async_trait]
impl Resource<()> for Thing {
    fn schema(&self) -> Schema {
        let part = attributes([
            ("n", Attribute::number("").integer(0, 9).with_default(1_u32)),
            ("s", Attribute::string("").computed()),
            ("w", Attribute::string("").write_only()),
        ]);
        Schema::new(
            "",
            attributes([
                ("a", Attribute::string("").required().modified(Modifier::RequiresReplace)),
                ("d", Attribute::new(Type::Dynamic, "")),
                ("i", Attribute::string("").computed().modified(Modifier::UseStateForUnknown)),
                ("l", Attribute::nested(Nesting::List, part.clone(), "")),
                ("m", Attribute::nested(Nesting::Map, part.clone(), "")),
                ("o", Attribute::nested(Nesting::Single, part, "")),
                ("t", Attribute::new(Type::Tuple(vec![Type::Bool, Type::map(Type::Number)]), "")),
                ("u", Attribute::nested(Nesting::Set, attributes([("x", Attribute::number("").range(0.0, 1.0))]), "")),
            ]),
        )
    }

    fn identity(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema::of_text("a", ""))
    }

    async fn create(&self, _context: &Context<()>, change: Change) -> Result<Value, Failure> {
        Ok(change.planned)
    }
    async fn read(&self, _context: &Context<()>, state: Value) -> Result<Option<Value>, Diagnostics> {
        Ok(Some(state))
    }
    async fn update(&self, _context: &Context<()>, change: Change) -> Result<Value, Failure> {
        Ok(change.planned)
    }
    async fn delete(&self, _context: &Context<()>, _state: Value) -> Result<(), Diagnostics> {
        Ok(())
    }
    async fn import(&self, _context: &Context<()>, id: &str) -> Result<Value, Diagnostics> {
        Ok(Value::object([("a", Value::from(id))]))
    }
}

#[async_trait]
impl Action<()> for Thing {
    fn schema(&self) -> Schema {
        Resource::schema(self)
    }
    async fn invoke(&self, _context: &Context<()>, _config: Value, _progress: Progress) -> Result<(), Diagnostics> {
        Ok(())
    }
}

/// A function that gives back what it takes.
struct Same;

impl Function for Same {
    fn signature(&self) -> Signature {
        let any = Parameter::new("any", Type::Dynamic, "").nullable().with_unknown();
        Signature::new("", "", vec![any], Type::Dynamic)
    }
    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        Ok(arguments.first().cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes that are MessagePack more often than chance would have it.
    fn packed() -> impl Strategy<Value = rmpv::Value> {
        let leaf = prop_oneof![
            Just(rmpv::Value::Nil),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "[a-z0-9.e-]{0,4}".prop_map(Into::into),
            (any::<i8>(), any::<[u8; 2]>()).prop_map(|(code, bytes)| rmpv::Value::Ext(code, bytes.to_vec())),
            r#""(string|number|dynamic)"|\["(list|set|map)","(number|dynamic)"\]"#
                .prop_map(|ty| rmpv::Value::Binary(ty.into_bytes())),
        ];
        leaf.prop_recursive(4, 32, 8, |inner| {
            let key = prop_oneof!["[adilmotunswx]".prop_map(rmpv::Value::from), Just(rmpv::Value::Nil)];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(rmpv::Value::Array),
                prop::collection::vec((key, inner), 0..8).prop_map(rmpv::Value::Map),
            ]
        })
    }

    fn bytes(value: &rmpv::Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, value).unwrap();
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_bytes_are_read_or_refused(data in prop::collection::vec(any::<u8>(), 0..64)) {
            values(&data);
            states(&data);
            calls(&data);
        }

        #[test]
        fn any_message_is_read_or_refused(value in packed(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)) {
            let mut bytes = bytes(&value);
            values(&bytes);
            for (place, byte) in flips {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            values(&bytes);
        }

        #[test]
        fn any_call_is_answered(which in any::<u8>(), config in packed(), prior in packed()) {
            calls(&Probe::<Anything>::frame(which, bytes(&config), bytes(&prior)));
        }

        #[test]
        fn any_json_is_read_or_refused(text in r#"[\[\]{}",:0-9.eE+a-]{0,40}|\{"a":"[0-9]{0,30}","d":\{"type":"(number|dynamic)","value":[0-9]{1,40}(e[0-9]{1,3})?\}\}"#) {
            states(text.as_bytes());
        }
    }
}
