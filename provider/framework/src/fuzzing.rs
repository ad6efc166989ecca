//! What fuzzers throw bytes at: whatever comes over the wire, from its frames to its values. Each
//! function panics where the framework does, and where what it reads is not what it writes again.
//! For the targets in `fuzz/`, and, a bounded number of times, for the tests below.

use crate::action::{Action, Progress};
use crate::context::Context;
use crate::data_source::DataSource;
use crate::diagnostics::Diagnostics;
use crate::function::{Function, FunctionError, Parameter, Signature};
use crate::identity::IdentitySchema;
use crate::implied;
use crate::provider::{Named, Provider};
use crate::resource::{Change, Failure, Resource};
use crate::schema::{Attribute, Attributes, Kind, Modifier, Nesting, Schema, attributes};
use crate::server::Probe;
use crate::value::{Type, Value};
use crate::wire;
use std::sync::LazyLock;
use tonic::async_trait;

/// Reads a value of every kind of type, writes it, and reads it again.
pub fn values(data: &[u8]) {
    let any = Resource::schema(&Thing::PLAIN).object_type();
    for ty in [Type::Dynamic, Type::Number, Type::list(Type::Dynamic), Type::set(Type::Number), any] {
        let message = wire::message(data);
        let Ok(value) = wire::decode(Some(message), &ty) else { continue };
        let Ok(written) = wire::encode(&value, &ty) else { panic!("{value:?} was read and cannot be written") };
        assert_eq!(wire::decode(Some(written), &ty), Ok(value), "it is read as something else");
    }
}

/// Reads a state of a resource whose defaults are implied twice: nothing has changed in between, so the second time it is
/// what it was.
pub fn refreshes(data: &[u8]) {
    let schema = Resource::schema(&Thing::IMPLIED);
    let Ok(given) = wire::decode(Some(wire::message(data)), &schema.object_type()) else { return };
    let refresh =
        |state: &Value| implied::recalled(&schema.attributes, complete(&schema.attributes, state.clone()), state);
    let state = refresh(&given);
    assert_eq!(refresh(&state), state, "{given:?} does not settle");
}

/// Reads a state as JSON.
pub fn states(data: &[u8]) {
    let Ok(json) = wire::json_document(data) else { return };
    for ty in [Type::Dynamic, Type::Number, Resource::schema(&Thing::PLAIN).object_type()] {
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
        Resource::schema(&Thing::PLAIN)
    }
    fn configure(&self, _terraform_version: &str, _config: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }
    fn resources(&self) -> Named<dyn Resource<()>> {
        vec![("t", Box::new(Thing::PLAIN)), ("u", Box::new(Thing::IMPLIED))]
    }
    fn data_sources(&self) -> Named<dyn DataSource<()>> {
        Vec::new()
    }
    fn actions(&self) -> Named<dyn Action<()>> {
        vec![("t", Box::new(Thing::PLAIN))]
    }
    fn functions(&self) -> Named<dyn Function> {
        vec![("f", Box::new(Same))]
    }
}

/// A resource with an attribute of every kind.
struct Thing {
    /// Whether null stands for a default; it is read as the default then.
    implied: bool,
}

impl Thing {
    const PLAIN: Self = Self { implied: false };
    const IMPLIED: Self = Self { implied: true };
}

#[async_trait]
impl Resource<()> for Thing {
    fn schema(&self) -> Schema {
        let part = attributes([
            ("n", Attribute::number("").integer(0, 9).with_default(1_u32)),
            ("s", Attribute::string("").computed()),
            ("w", Attribute::string("").write_only()),
        ]);
        let element = attributes([("x", Attribute::number("").range(0.0, 1.0).with_default(1_u32))]);
        let schema = Schema::new(
            "",
            attributes([
                ("a", Attribute::string("").required().modified(Modifier::RequiresReplace)),
                ("d", Attribute::new(Type::Dynamic, "")),
                ("i", Attribute::string("").computed().modified(Modifier::UseStateForUnknown)),
                ("l", Attribute::nested(Nesting::List, part.clone(), "")),
                ("m", Attribute::nested(Nesting::Map, part.clone(), "")),
                ("o", Attribute::nested(Nesting::Single, part, "")),
                ("t", Attribute::new(Type::Tuple(vec![Type::Bool, Type::map(Type::Number)]), "")),
                ("u", Attribute::nested(Nesting::Set, element, "")),
            ]),
        );
        if self.implied { schema.with_implied_defaults() } else { schema }
    }

    fn identity(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema::of_text("a", ""))
    }

    async fn create(&self, _context: &Context<()>, change: Change) -> Result<Value, Failure> {
        Ok(change.planned)
    }
    async fn read(&self, _context: &Context<()>, state: Value) -> Result<Option<Value>, Diagnostics> {
        Ok(Some(if self.implied { complete(&Resource::schema(self).attributes, state) } else { state }))
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

/// A state with every default in it, as a store has it.
fn complete(attributes: &Attributes, mut state: Value) -> Value {
    if let Value::Object(values) = &mut state {
        for (name, attribute) in attributes {
            if let Some(value) = values.get_mut(name) {
                *value = complete_part(attribute, std::mem::take(value));
            }
        }
    }
    state
}

fn complete_part(attribute: &Attribute, value: Value) -> Value {
    match (&attribute.kind, value) {
        (_, Value::Null) => attribute.default.clone().unwrap_or_default(),
        (Kind::Nested(Nesting::Single, attributes), part) => complete(attributes, part),
        (Kind::Nested(_, attributes), Value::List(parts)) => {
            Value::List(parts.into_iter().map(|part| complete(attributes, part)).collect())
        }
        (Kind::Nested(_, attributes), Value::Set(parts)) => {
            Value::set(parts.into_iter().map(|part| complete(attributes, part)))
        }
        (Kind::Nested(_, attributes), Value::Map(parts)) => {
            Value::Map(parts.into_iter().map(|(key, part)| (key, complete(attributes, part))).collect())
        }
        (_, other) => other,
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

    /// States that fit the schema, with nulls and defaults.
    fn fitting() -> impl Strategy<Value = rmpv::Value> {
        let number = || prop_oneof![Just(rmpv::Value::Nil), (0..3_u8).prop_map(Into::into)];
        let object = |name: &'static str| number().prop_map(move |value| rmpv::Value::Map(vec![(name.into(), value)]));
        let parts = |name| prop::collection::vec(prop_oneof![1 => Just(rmpv::Value::Nil), 9 => object(name)], 0..4);
        let by_key = |parts: Vec<rmpv::Value>| {
            rmpv::Value::Map(
                parts.into_iter().enumerate().map(|(key, part)| (format!("k{key}").into(), part)).collect(),
            )
        };
        (parts("n"), parts("n"), object("n"), parts("x")).prop_map(move |(list, map, single, set)| {
            let list = rmpv::Value::Array(list);
            let set = rmpv::Value::Array(set);
            rmpv::Value::Map(vec![
                ("l".into(), list),
                ("m".into(), by_key(map)),
                ("o".into(), single),
                ("u".into(), set),
            ])
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
            refreshes(&data);
            states(&data);
            calls(&data);
        }

        #[test]
        fn any_message_is_read_or_refused(value in packed(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)) {
            let mut bytes = bytes(&value);
            values(&bytes);
            refreshes(&bytes);
            for (place, byte) in flips {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            values(&bytes);
            refreshes(&bytes);
        }

        #[test]
        fn what_did_not_change_stays_as_it_was(state in fitting()) {
            refreshes(&bytes(&state));
        }

        #[test]
        fn any_call_is_answered(which in any::<u8>(), implied in any::<bool>(), config in packed(), prior in packed()) {
            let type_name = if implied { "u" } else { "t" };
            calls(&Probe::<Anything>::frame(which, type_name, bytes(&config), bytes(&prior)));
        }

        #[test]
        fn any_json_is_read_or_refused(text in r#"[\[\]{}",:0-9.eE+a-]{0,40}|\{"a":"[0-9]{0,30}","d":\{"type":"(number|dynamic)","value":[0-9]{1,40}(e[0-9]{1,3})?\}\}"#) {
            states(text.as_bytes());
        }
    }
}
