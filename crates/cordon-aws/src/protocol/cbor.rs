//! CBOR bodies of Smithy's RPC v2 protocol.
//!
//! Reads item by item (`minicbor`), guided by the model. Maps and arrays may have indefinite
//! length, because AWS's Java and Rust SDKs write them so; text and byte strings may not, and
//! neither may keys repeat, tags other than 1 (seconds since the epoch) occur, or bytes trail.

use super::{Budget, Name, ParseError, Placement, member_on_wire, scalar, timestamp};
use crate::catalog::{Member, Shape, ShapeKind};
use crate::value::Value;
use minicbor::data::{Tag, Type};
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};
use std::collections::BTreeMap;

/// Reads a body that is one structure.
pub(crate) fn parse(body: &[u8], shape: Shape) -> Result<Value, ParseError> {
    let mut reader = Reader {
        decoder: Decoder::new(body),
        budget: Budget::new(),
    };
    let value = reader.shaped(shape, shape.name())?;
    reader.finish(body)?;
    Ok(value)
}

/// Reads a body that must be a map without entries: an operation that takes nothing.
pub(crate) fn parse_empty(body: &[u8]) -> Result<(), ParseError> {
    match body {
        // An empty map, of definite and of indefinite length.
        [0xa0] | [0xbf, 0xff] => Ok(()),
        _ => Err(ParseError::UnexpectedBody),
    }
}

/// Writes a structure as a CBOR map: definite lengths, keys in order.
pub(crate) fn write(value: &Value, shape: Shape) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // Writing to a vector does not fail.
    let _ = write_structure(&mut encoder, value, shape);
    encoder.into_writer()
}

struct Reader<'b> {
    decoder: Decoder<'b>,
    budget: Budget,
}

impl<'b> Reader<'b> {
    fn finish(&self, body: &[u8]) -> Result<(), ParseError> {
        match self.decoder.position() == body.len() {
            true => Ok(()),
            false => Err(ParseError::malformed(
                "CBOR body",
                "something follows the value",
            )),
        }
    }

    fn kind(&self) -> Result<Type, ParseError> {
        self.decoder.datatype().map_err(malformed)
    }

    fn shaped(&mut self, shape: Shape, at: &str) -> Result<Value, ParseError> {
        self.budget.spend()?;
        let data = self.kind()?;
        if data == Type::Null {
            self.decoder.null().map_err(malformed)?;
            return Ok(Value::Null);
        }
        match (shape.kind(), data) {
            (ShapeKind::Structure | ShapeKind::Union, Type::Map | Type::MapIndef) => {
                self.structure(shape, at)
            }
            (ShapeKind::List, Type::Array | Type::ArrayIndef) => self.list(shape, at),
            (ShapeKind::Map, Type::Map | Type::MapIndef) => self.map(shape, at),
            (ShapeKind::String, Type::String) => Ok(Value::String(self.text()?.into())),
            (ShapeKind::Blob, Type::Bytes) => {
                let bytes = self.decoder.bytes().map_err(malformed)?;
                Ok(Value::Blob(bytes.to_vec().into()))
            }
            (ShapeKind::Boolean, Type::Bool) => {
                self.decoder.bool().map(Value::Bool).map_err(malformed)
            }
            (ShapeKind::Integer, _) => match is_integer(data) {
                true => self.integer().map(Value::Integer),
                false => Err(ParseError::wrong_type(ShapeKind::Integer, at)),
            },
            (ShapeKind::Float, _) => self
                .float(data)?
                .map(Value::Float)
                .ok_or_else(|| ParseError::wrong_type(ShapeKind::Float, at)),
            (ShapeKind::Timestamp, Type::Tag) => self.timestamp(at),
            (kind, _) => Err(ParseError::wrong_type(kind, at)),
        }
    }

    fn structure(&mut self, shape: Shape, at: &str) -> Result<Value, ParseError> {
        self.budget.enter()?;
        let length = self.decoder.map().map_err(malformed)?;
        let mut members = BTreeMap::new();
        let mut read = 0;
        while self.more(length, &mut read)? {
            let name = self.text()?;
            let member = member_on_wire(shape, name, Placement::All)
                .ok_or_else(|| ParseError::Unknown(Name::new(name)))?;
            let value = self.shaped(member.shape(), member.name())?;
            if members.insert(member.name().into(), value).is_some() {
                return Err(ParseError::Duplicate(Name::new(name)));
            }
        }
        self.budget.leave();
        let set = members
            .values()
            .filter(|value| **value != Value::Null)
            .count();
        match shape.kind() == ShapeKind::Union && set != 1 {
            true => Err(ParseError::wrong_type(ShapeKind::Union, at)),
            false => Ok(Value::Structure(members)),
        }
    }

    fn list(&mut self, shape: Shape, at: &str) -> Result<Value, ParseError> {
        let item = shape
            .item()
            .ok_or_else(|| ParseError::wrong_type(ShapeKind::List, at))?;
        self.budget.enter()?;
        let length = self.decoder.array().map_err(malformed)?;
        let mut items = Vec::new();
        let mut read = 0;
        while self.more(length, &mut read)? {
            items.push(self.shaped(item.shape(), at)?);
        }
        self.budget.leave();
        Ok(Value::List(items))
    }

    fn map(&mut self, shape: Shape, at: &str) -> Result<Value, ParseError> {
        let (_, value) = shape
            .entry()
            .ok_or_else(|| ParseError::wrong_type(ShapeKind::Map, at))?;
        self.budget.enter()?;
        let length = self.decoder.map().map_err(malformed)?;
        let mut entries = BTreeMap::new();
        let mut read = 0;
        while self.more(length, &mut read)? {
            let key = self.text()?;
            let value = self.shaped(value.shape(), key)?;
            if entries.insert(key.into(), value).is_some() {
                return Err(ParseError::Duplicate(Name::new(key)));
            }
        }
        self.budget.leave();
        Ok(Value::Map(entries))
    }

    /// Whether a container of `length` (or of indefinite length) has an entry after `read`.
    fn more(&mut self, length: Option<u64>, read: &mut u64) -> Result<bool, ParseError> {
        let more = match length {
            Some(length) => *read < length,
            None => self.kind()? != Type::Break,
        };
        *read += 1;
        if !more && length.is_none() {
            self.decoder.set_position(self.decoder.position() + 1);
        }
        Ok(more)
    }

    fn text(&mut self) -> Result<&'b str, ParseError> {
        match self.kind()? {
            Type::String => self.decoder.str().map_err(malformed),
            _ => Err(ParseError::malformed(
                "CBOR body",
                "a key or text that is not a text string",
            )),
        }
    }

    fn integer(&mut self) -> Result<Box<str>, ParseError> {
        let value = self.decoder.int().map_err(malformed)?;
        Ok(i128::from(value).to_string().into())
    }

    fn float(&mut self, data: Type) -> Result<Option<Box<str>>, ParseError> {
        let value = match data {
            Type::F16 => f64::from(self.decoder.f16().map_err(malformed)?),
            // The shortest text of the single is shorter than that of the double it widens to.
            Type::F32 => {
                let single = self.decoder.f32().map_err(malformed)?;
                return Ok(match single.is_finite() {
                    true => scalar::decimal(&format!("{single:e}")),
                    false => Some(scalar::float_from(f64::from(single))),
                });
            }
            Type::F64 => self.decoder.f64().map_err(malformed)?,
            // A whole number is a number: JavaScript cannot tell them apart when it writes.
            _ if is_integer(data) => return self.integer().map(Some),
            _ => return Ok(None),
        };
        Ok(Some(scalar::float_from(value)))
    }

    fn timestamp(&mut self, at: &str) -> Result<Value, ParseError> {
        let tag = self.decoder.tag().map_err(malformed)?;
        let data = self.kind()?;
        let number = match tag.as_u64() {
            1 => self.float(data)?,
            _ => None,
        };
        number
            .and_then(|text| timestamp::epoch(&text))
            .map(Value::Timestamp)
            .ok_or_else(|| ParseError::wrong_type(ShapeKind::Timestamp, at))
    }
}

fn is_integer(data: Type) -> bool {
    matches!(
        data,
        Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int
    )
}

fn malformed(error: Error) -> ParseError {
    let reason = match error.is_end_of_input() {
        true => "it ends too early",
        false => "an item that is not valid here",
    };
    ParseError::malformed("CBOR body", reason)
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn write_structure(out: &mut Encoder<Vec<u8>>, value: &Value, shape: Shape) -> Written {
    let Value::Structure(members) = value else {
        return out.null()?.ok();
    };
    let known: Vec<(Member, &Value)> = members
        .iter()
        .filter_map(|(name, value)| shape.member(name).map(|member| (member, value)))
        .collect();
    out.map(known.len() as u64)?;
    for (member, value) in known {
        out.str(member.wire_name())?;
        write_value(out, value, member.shape())?;
    }
    Ok(())
}

fn write_value(out: &mut Encoder<Vec<u8>>, value: &Value, shape: Shape) -> Written {
    match value {
        Value::Null | Value::Stream => out.null()?.ok(),
        Value::Bool(value) => out.bool(*value)?.ok(),
        Value::Integer(text) => write_integer(out, text),
        Value::Float(text) => out.f64(text.parse().unwrap_or(f64::NAN))?.ok(),
        Value::String(text) | Value::Document(text) => out.str(text)?.ok(),
        Value::Blob(bytes) => out.bytes(bytes)?.ok(),
        Value::Timestamp(text) => {
            out.tag(Tag::new(1))?;
            match text.contains(['.', 'e']) {
                true => out.f64(text.parse().unwrap_or(f64::NAN))?.ok(),
                false => write_integer(out, text),
            }
        }
        Value::List(items) => {
            out.array(items.len() as u64)?;
            let item = shape.item().map(Member::shape);
            items
                .iter()
                .zip(std::iter::repeat(item))
                .try_for_each(|(value, item)| match item {
                    Some(item) => write_value(out, value, item),
                    None => out.null()?.ok(),
                })
        }
        Value::Map(entries) => {
            out.map(entries.len() as u64)?;
            let entry = shape.entry().map(|(_, value)| value.shape());
            entries.iter().try_for_each(|(key, value)| {
                out.str(key)?;
                match entry {
                    Some(entry) => write_value(out, value, entry),
                    None => out.null()?.ok(),
                }
            })
        }
        Value::Structure(_) => write_structure(out, value, shape),
    }
}

fn write_integer(out: &mut Encoder<Vec<u8>>, text: &str) -> Written {
    match (text.parse::<u64>(), text.parse::<i64>()) {
        (Ok(value), _) => out.u64(value)?.ok(),
        (_, Ok(value)) => out.i64(value)?.ok(),
        // CBOR's negative numbers reach to -2^64; whatever is beyond came from elsewhere and is
        // written as the nearest thing that the reader on the other side refuses.
        _ => match text
            .parse::<i128>()
            .ok()
            .and_then(|n| minicbor::data::Int::try_from(n).ok())
        {
            Some(value) => out.int(value)?.ok(),
            None => out.str(text)?.ok(),
        },
    }
}
