//! What remembered tokens have in common, each kept once.

mod moulds;

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;

use ahash::RandomState;
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use ztag_types::Value;

use crate::claims::{Cast, Claims, Mould, size_of_value};
use moulds::Moulds;

/// Most headers kept to be shared.
const MAX_HEADERS: usize = 16;
/// What a list takes, for their number.
const TYPICAL_LIST: u64 = 512;

/// Parts of accepted tokens that other tokens have as well. All are found by a hash with a secret
/// key, or one after the other, and then compared: two parts are never taken for each other.
#[derive(Debug)]
pub(crate) struct Commons {
    hasher: RandomState,
    /// Headers of the tokens accepted last: there are as many as keys in use, and each is that of
    /// a great many tokens.
    headers: Mutex<VecDeque<Arc<str>>>,
    /// What claims say but for the values of each token's own: one for all that an issuer gives the
    /// same rights for the same use.
    moulds: Mutex<Moulds>,
    /// Lists of the moulds seen last, such as roles and permissions: where moulds differ, most of
    /// these do not, and they take more than all the rest.
    lists: Cache<u64, Value, ListWeight, RandomState>,
}

impl Commons {
    /// Nothing yet, and never more than `max_bytes` beside a few headers.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let of_lists = max_bytes / 4;
        let number = usize::try_from(of_lists / TYPICAL_LIST).unwrap_or(usize::MAX);
        Self {
            hasher: RandomState::new(),
            headers: Mutex::default(),
            moulds: Mutex::new(Moulds::new(max_bytes - of_lists)),
            lists: Cache::with(
                number.max(1),
                of_lists,
                ListWeight,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
        }
    }

    /// The `header` of an accepted token, shared with the tokens before it.
    pub(crate) fn share_header(&self, header: Arc<str>) -> Arc<str> {
        let mut headers = self.headers.lock();
        if let Some(known) = headers.iter().find(|known| **known == header) {
            return Arc::clone(known);
        }
        if headers.len() >= MAX_HEADERS {
            headers.pop_front();
        }
        headers.push_back(Arc::clone(&header));
        header
    }

    /// The `claims` of an accepted token, sharing what others say as well.
    pub(crate) fn share_claims(&self, claims: Claims) -> Claims {
        claims.shared(|mould| self.share_mould(mould))
    }

    /// Bytes of the parts that no token accounts for.
    pub(crate) fn bytes(&self) -> u64 {
        self.moulds.lock().bytes() + self.lists.weight()
    }

    /// Forgets all that no token holds.
    pub(crate) fn sweep(&self) {
        self.moulds.lock().sweep();
        self.lists.clear();
    }

    fn share_mould(&self, mut mould: Box<Mould>) -> Cast {
        let place = self.hasher.hash_one(mould.text());
        // In a statement of its own: the lock is not held while lists are looked for.
        let known = self.moulds.lock().find(place, &mould);
        if let Some(known) = known {
            return Cast::Shared(known);
        }
        mould.share_lists(|list| self.share_list(list));
        self.moulds.lock().offer(place, mould)
    }

    /// `list`, shared with the tokens before it where one of them holds an equal one.
    fn share_list(&self, list: Value) -> Value {
        let Some(place) = self.place_of_list(&list) else {
            return list;
        };
        match self.lists.get(&place) {
            Some(known) if known == list => known,
            _ => {
                self.lists.insert(place, list.clone());
                list
            }
        }
    }

    /// Where a list of texts is kept. Other lists are not shared.
    fn place_of_list(&self, list: &Value) -> Option<u64> {
        let Value::List(items) = list else {
            return None;
        };
        let mut hasher = self.hasher.build_hasher();
        for item in items.iter() {
            item.as_str()?.hash(&mut hasher);
        }
        Some(hasher.finish())
    }
}

#[derive(Clone, Debug)]
struct ListWeight;

impl Weighter<u64, Value> for ListWeight {
    fn weight(&self, _: &u64, list: &Value) -> u64 {
        u64::try_from(size_of_value(list)).unwrap_or(u64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lists_of_texts_are_kept_once() {
        let list = |items: &[&str]| Value::List(items.iter().map(Value::text).collect());
        let place = |value: &Value| match value {
            Value::List(items) => items.as_ptr().addr(),
            _ => 0,
        };
        let commons = Commons::new(1024 * 1024);
        let first = commons.share_list(list(&["staff", "sales"]));
        let second = commons.share_list(list(&["staff", "sales"]));
        assert_eq!(place(&first), place(&second));
        for other in [&["staff"][..], &["sales", "staff"], &["staffsales"], &[]] {
            let own = list(other);
            assert_eq!(commons.share_list(own.clone()), own);
            assert_ne!(place(&commons.share_list(own)), place(&first));
        }
        let mixed = Value::List([Value::Int(1), Value::text("staff")].into());
        let own = place(&mixed);
        assert_eq!(place(&commons.share_list(mixed)), own);
    }

    #[test]
    fn equal_headers_are_kept_once_and_only_the_last() {
        let commons = Commons::new(0);
        let first = commons.share_header("eyJh".into());
        assert!(Arc::ptr_eq(&first, &commons.share_header("eyJh".into())));
        for number in 0..MAX_HEADERS {
            commons.share_header(number.to_string().into());
        }
        assert!(!Arc::ptr_eq(&first, &commons.share_header("eyJh".into())));
        assert_eq!(commons.headers.lock().len(), MAX_HEADERS);
    }
}
