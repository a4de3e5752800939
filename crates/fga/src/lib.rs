#![doc = include_str!("../README.md")]

mod activity;
mod check;
mod condition;
pub mod dsl;
mod error;
mod expand;
mod explain;
mod ids;
mod index;
mod limits;
mod list_objects;
mod list_users;
mod model;
mod names;
pub mod spec;
mod store;
pub mod store_file;
mod symbols;
mod tuple;
mod ulid;

pub use activity::{Tally, Times};
pub use check::{
    BatchCheckItem, BatchCheckRequest, BatchCheckResult, CheckRequest, Checker, ResolvedRelation,
    ResolvedUser,
};
pub use error::{Error, ErrorCode};
pub use expand::{Branch, ExpandRequest, Tree};
pub use explain::{Explanation, Part, Reason};
pub use ids::EntityId;
pub use limits::{Limits, Semantics};
pub use list_objects::{ListObjectsRequest, ListedObjects};
pub use list_users::{ListUsersRequest, ListedUser, UserFilter};
pub use model::{Model, ModelId};
pub use names::is_plain_object_id;
pub use store::{
    Assertion, ChangesPage, ChangesRequest, DeleteRequest, Edit, Edited, ExpireRequest, Fold,
    NumberedChange, OnDuplicate, OnMissing, ReadPage, ReadRequest, RelatedUser, Renewal,
    ReplaceRequest, Restore, Revision, Size, StagedModel, Staging, Store, StoredTuple, TupleChange,
    TupleFilter, WriteRequest, Writer,
};
pub use tuple::{Fields, Tuple, TupleCondition};
