//! What the cells of the tables hold, whichever database has them.

use sqlx::{FromRow, Row};
use ztag_fga::{NumberedChange, Revision, Tuple, TupleChange, TupleCondition};
use ztag_types::Timestamp;

use crate::error::JournalError;
use crate::journal::StoreRow;
use crate::store_id::StoreId;

/// A row of a table: its cells in the order in which statements name them.
macro_rules! cells {
    ($(#[$doc:meta])* $name:ident { $($cell:ident: $kind:ty,)+ }) => {
        $(#[$doc])*
        pub(crate) struct $name {
            $(pub(crate) $cell: $kind,)+
        }

        impl<'r, R: Row> FromRow<'r, R> for $name
        where
            ($($kind,)+): FromRow<'r, R>,
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                let ($($cell,)+) = FromRow::from_row(row)?;
                Ok(Self { $($cell),+ })
            }
        }
    };
}

cells! {
    /// A row of `stores`.
    StoreCells {
        number: i64,
        id: String,
        name: String,
        created: i64,
        revision: i64,
        folded: i64,
        generation: i64,
    }
}

cells! {
    /// A row of `changes`.
    ChangeCells {
        revision: i64,
        deletion: bool,
        object: String,
        relation: String,
        subject: String,
        condition: Option<String>,
        context: Option<String>,
        changed: i64,
    }
}

impl StoreCells {
    pub(crate) fn read(self) -> Result<StoreRow, JournalError> {
        Ok(StoreRow {
            number: self.number,
            id: StoreId::parse(&self.id).ok_or_else(|| damaged("the id of a store"))?,
            name: self.name,
            created: timestamp(self.created),
            revision: revision(self.revision)?,
            folded: revision(self.folded)?,
            generation: self.generation,
        })
    }
}

impl ChangeCells {
    pub(crate) fn write(own: &NumberedChange) -> Self {
        let tuple = &own.change.tuple;
        let condition = tuple.condition.as_ref();
        let context = condition.and_then(|condition| condition.context.as_ref());
        Self {
            revision: signed(own.revision),
            deletion: own.change.is_delete,
            object: tuple.object.clone(),
            relation: tuple.relation.clone(),
            subject: tuple.user.clone(),
            condition: condition.map(|condition| condition.name.clone()),
            context: context.map(|context| serde_json::Value::Object(context.clone()).to_string()),
            changed: milliseconds(own.change.at),
        }
    }

    pub(crate) fn read(self) -> Result<NumberedChange, JournalError> {
        let context = self.context.map(|text| serde_json::from_str(&text));
        let context = context.transpose();
        let context = context.map_err(|_| damaged("the context of a tuple"))?;
        Ok(NumberedChange {
            revision: revision(self.revision)?,
            change: TupleChange {
                is_delete: self.deletion,
                tuple: Tuple {
                    object: self.object,
                    relation: self.relation,
                    user: self.subject,
                    condition: self.condition.map(|name| TupleCondition { name, context }),
                },
                at: timestamp(self.changed),
            },
        })
    }
}

pub(crate) fn signed(revision: Revision) -> i64 {
    i64::try_from(revision.number()).unwrap_or(i64::MAX)
}

pub(crate) fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(crate) fn milliseconds(at: Timestamp) -> i64 {
    at.seconds()
        .saturating_mul(1000)
        .saturating_add(i64::from(at.nanos() / 1_000_000))
}

/// A row that is not as it was when we looked was changed by somebody else.
pub(crate) fn expect_one(touched: u64) -> Result<(), JournalError> {
    if touched == 1 {
        return Ok(());
    }
    Err(JournalError::Conflict)
}

fn revision(number: i64) -> Result<Revision, JournalError> {
    let number = u64::try_from(number).ok();
    let revision = number.and_then(Revision::from_number);
    revision.ok_or_else(|| damaged("the number of a change"))
}

fn timestamp(millis: i64) -> Timestamp {
    let nanos = u32::try_from(millis.rem_euclid(1000) * 1_000_000).unwrap_or_default();
    Timestamp::new(millis.div_euclid(1000), nanos).unwrap_or_default()
}

fn damaged(what: &str) -> JournalError {
    JournalError::Damaged(format!("{what} cannot be read"))
}
