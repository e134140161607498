//! The file under construction: strings, each kept once, and tables of records.

use super::Fault;
use cordon_aws::catalog::layout::{MAGIC, Record, Section, Text};
use std::collections::HashMap;

/// Strings by number.
pub(super) struct Strings {
    numbers: HashMap<String, Text>,
    order: Vec<String>,
}

impl Default for Strings {
    fn default() -> Self {
        Self {
            numbers: HashMap::from([(String::new(), 0)]),
            order: vec![String::new()],
        }
    }
}

impl Strings {
    /// The number of `text`.
    pub(super) fn number(&mut self, text: &str) -> Result<Text, Fault> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let number = Text::try_from(self.order.len())?;
        self.numbers.insert(text.to_owned(), number);
        self.order.push(text.to_owned());
        Ok(number)
    }
}

/// Sections by place.
pub(super) struct File {
    sections: Vec<Vec<u8>>,
}

impl File {
    pub(super) fn new(version: &str, strings: &Strings) -> Result<Self, Fault> {
        let mut file = Self {
            sections: vec![Vec::new(); Section::COUNT],
        };
        let mut offsets = Vec::new();
        let mut blob = String::new();
        for text in &strings.order {
            offsets.extend_from_slice(&u32::try_from(blob.len())?.to_le_bytes());
            blob.push_str(text);
        }
        offsets.extend_from_slice(&u32::try_from(blob.len())?.to_le_bytes());
        file.set(Section::Version, version.as_bytes().to_vec());
        file.set(Section::Strings, blob.into_bytes());
        file.set(Section::StringOffsets, offsets);
        Ok(file)
    }

    /// Puts the records of one section.
    pub(super) fn put<R: Record>(&mut self, section: Section, records: &[R]) {
        let mut bytes = Vec::with_capacity(records.len() * R::SIZE);
        for record in records {
            record.write(&mut bytes);
        }
        self.set(section, bytes);
    }

    fn set(&mut self, section: Section, bytes: Vec<u8>) {
        if let Some(place) = self.sections.get_mut(section as usize) {
            *place = bytes;
        }
    }

    /// The finished file.
    pub(super) fn finish(self) -> Result<Vec<u8>, Fault> {
        let mut bytes = MAGIC.to_vec();
        let mut offset = MAGIC.len() + Section::COUNT * 8;
        for section in &self.sections {
            bytes.extend_from_slice(&u32::try_from(offset)?.to_le_bytes());
            bytes.extend_from_slice(&u32::try_from(section.len())?.to_le_bytes());
            offset += section.len();
        }
        bytes.extend(self.sections.into_iter().flatten());
        Ok(bytes)
    }
}
