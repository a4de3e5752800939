//! The values that are one token's own, as one text.

/// Values one after the other, each behind a letter whose number is the length of the value in
/// bytes: the least that tells them apart without looking for their ends.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Own(Box<str>);

impl Own {
    /// Bytes held.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The first byte of all.
    pub(super) fn first_byte(&self) -> Option<u8> {
        self.0.as_bytes().first().copied()
    }

    /// The values in their order.
    pub(super) const fn iter(&self) -> OwnValues<'_> {
        OwnValues(&self.0)
    }
}

/// Values not given yet.
pub(super) struct OwnValues<'a>(&'a str);

impl<'a> Iterator for OwnValues<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let mut letters = self.0.chars();
        let length = usize::try_from(u32::from(letters.next()?)).ok()?;
        let (value, rest) = letters.as_str().split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }
}

/// Values in the making.
#[derive(Default)]
pub(super) struct OwnWriter(String);

impl OwnWriter {
    /// Adds `value`, unless it is longer than any letter says: 54 KiB.
    pub(super) fn push(&mut self, value: &str) -> Option<()> {
        let length = u32::try_from(value.len()).ok().and_then(char::from_u32)?;
        self.0.push(length);
        self.0.push_str(value);
        Some(())
    }

    pub(super) fn finish(self) -> Own {
        Own(self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_any_length_are_told_apart() {
        let values = [0, 1, 127, 128, 2_047, 2_048, 55_295].map(|length| "é".repeat(length / 2));
        let mut writer = OwnWriter::default();
        for value in &values {
            writer.push(value).unwrap();
        }
        assert!(writer.push(&"x".repeat(0xd800)).is_none());
        let own = writer.finish();
        assert!(own.iter().eq(values.iter().map(String::as_str)));
    }
}
