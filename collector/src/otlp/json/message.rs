//! JSON objects as protobuf messages, and lists of them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Context;
use crate::protobuf::writer::Mark;

/// A message whose fields are the members of a JSON object.
pub(super) trait Message {
    /// Names of the members that are fields.
    const MEMBERS: &'static [&'static str];

    /// Writes the field of the member `name`, one of [`Message::MEMBERS`], whose value is next in `map`.
    fn member<'de, A: MapAccess<'de>>(
        context: &mut Context,
        name: &str,
        map: &mut A,
    ) -> Result<(), A::Error>;

    /// Called when the message, which began at `start`, has been written.
    fn end(_context: &mut Context, _start: Mark) {}
}

/// Declares a [`Message`]: for each member the function that writes it and the number of its field.
macro_rules! message {
    (
        $(#[$doc:meta])* $name:ident {
            $($member:literal => $write:path, $field:expr;)*
        } $(end $end:path;)?
    ) => {
        $(#[$doc])*
        pub(super) enum $name {}

        impl Message for $name {
            const MEMBERS: &'static [&'static str] = &[$($member),*];

            fn member<'de, A: MapAccess<'de>>(
                context: &mut Context,
                name: &str,
                map: &mut A,
            ) -> Result<(), A::Error> {
                match name {
                    $($member => $write(context, map, $field),)*
                    _ => map.next_value::<IgnoredAny>().map(drop),
                }
            }

            $(fn end(context: &mut Context, start: Mark) {
                $end(context, start);
            })?
        }
    };
}
pub(super) use message;

/// Writes the message that is next in `map` as field `field`.
pub(super) fn single<'de, A: MapAccess<'de>, M: Message>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    map.next_value_seed(Field::<M> {
        context,
        number: field,
        message: PhantomData,
    })
}

/// Writes each message of the array that is next in `map` as field `field`.
pub(super) fn list<'de, A: MapAccess<'de>, M: Message>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    map.next_value_seed(List::<M> {
        context,
        field,
        message: PhantomData,
    })
}

/// Reads an object as a message; says whether it was there, that is, not `null`.
pub(super) struct Object<'c, M> {
    context: &'c mut Context,
    message: PhantomData<M>,
}

impl<'c, M> Object<'c, M> {
    pub(super) fn new(context: &'c mut Context) -> Self {
        Self {
            context,
            message: PhantomData,
        }
    }
}

impl<'de, M: Message> DeserializeSeed<'de> for Object<'_, M> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Message> Visitor<'de> for Object<'_, M> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", M::MEMBERS.join(", "))
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(name) = map.next_key_seed(MemberName(M::MEMBERS))? {
            match name {
                Some(name) => M::member(self.context, name, &mut map)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(true)
    }
}

/// Reads an object and writes it as a field.
struct Field<'c, M> {
    context: &'c mut Context,
    number: u32,
    message: PhantomData<M>,
}

impl<'de, M: Message> DeserializeSeed<'de> for Field<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self {
            context, number, ..
        } = self;
        let start = context.out.mark();
        let open = context.out.begin(number);
        if Object::<M>::new(context).deserialize(deserializer)? {
            context.out.end(open);
            M::end(context, start);
        } else {
            context.out.rewind(start);
        }
        Ok(())
    }
}

/// Reads an array of objects and writes each as a field.
struct List<'c, M> {
    context: &'c mut Context,
    field: u32,
    message: PhantomData<M>,
}

impl<'de, M: Message> DeserializeSeed<'de> for List<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Message> Visitor<'de> for List<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of objects with {}", M::MEMBERS.join(", "))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self {
            context,
            field,
            message,
        } = self;
        while seq
            .next_element_seed(Field::<M> {
                context,
                number: field,
                message,
            })?
            .is_some()
        {}
        Ok(())
    }
}

/// Reads a member's name: the one of the list that it is, if any.
struct MemberName(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for MemberName {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberName {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|known| *known == name))
    }
}
