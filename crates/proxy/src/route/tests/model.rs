//! The rules of routing, read plainly: every entry is looked at, one rule after the other.

use http::{HeaderMap, Method};

use crate::route::condition::Conditions;
use crate::route::pattern::{HostPattern, PathPattern};

#[derive(Clone, Debug)]
pub(super) enum Entry {
    Put(HostPattern, PathPattern, Conditions),
    Close(HostPattern, String),
    CloseHosts(&'static str, String),
}

pub(super) struct Model<'m>(pub(super) &'m [Entry]);

impl Model<'_> {
    /// The number of the entry found, or why there is none.
    pub(super) fn find(
        &self,
        host: &str,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<usize, String> {
        let numbered = || self.0.iter().enumerate();
        let blanket = numbered().find(|(_, entry)| match entry {
            Entry::CloseHosts(end, stem) => is_host_under(host, end) && is_path_under(path, stem),
            _ => false,
        });
        if let Some((number, _)) = blanket {
            return Ok(number);
        }
        let fitting = numbered().filter_map(|(_, entry)| match entry {
            Entry::Put(own, ..) | Entry::Close(own, _) => specific(own, host),
            Entry::CloseHosts(..) => None,
        });
        let Some(best) = fitting.max() else {
            return Err("nothing".into());
        };
        let of_host = |own: &HostPattern| specific(own, host) == Some(best);
        let closed = numbered().find(|(_, entry)| match entry {
            Entry::Close(own, stem) => of_host(own) && is_path_under(path, stem),
            _ => false,
        });
        if let Some((number, _)) = closed {
            return Ok(number);
        }
        let below: Vec<(usize, &PathPattern, &Conditions)> = numbered()
            .filter_map(|(number, entry)| match entry {
                Entry::Put(own, pattern, conditions) if of_host(own) => {
                    Some((number, pattern, conditions))
                }
                _ => None,
            })
            .collect();
        let Some(best) = below
            .iter()
            .filter_map(|(_, own, _)| length(own, path))
            .max()
        else {
            return Err("nothing".into());
        };
        let mut group = below;
        group.retain(|(_, own, _)| length(own, path) == Some(best));
        group.sort_by_key(|(number, _, conditions)| (conditions.rank(), *number));
        choose(&group, method, headers)
    }
}

fn choose(
    group: &[(usize, &PathPattern, &Conditions)],
    method: &Method,
    headers: &HeaderMap,
) -> Result<usize, String> {
    let mut allow: Vec<&str> = Vec::new();
    let mut refused = false;
    for (number, _, conditions) in group {
        for header in &conditions.headers {
            if headers.get_all(&header.name).into_iter().count() > 1 {
                return Err("ambiguous".into());
            }
        }
        if !conditions.fit_headers(headers) {
            continue;
        }
        if conditions.methods.is_empty() || conditions.methods.contains(method) {
            return Ok(*number);
        }
        refused = true;
        allow.extend(conditions.methods.iter().map(Method::as_str));
    }
    if !refused {
        return Err("nothing".into());
    }
    allow.sort_unstable();
    allow.dedup();
    Err(format!("allow {}", allow.join(", ")))
}

/// How specific a pattern that fits is; the greatest wins.
fn specific(pattern: &HostPattern, host: &str) -> Option<(u8, usize)> {
    match pattern {
        HostPattern::Exact(name) => (**name == *host).then_some((2, 0)),
        HostPattern::Below(name) => host
            .ends_with(&format!(".{name}"))
            .then_some((1, name.len())),
        HostPattern::Any => Some((0, 0)),
    }
}

fn length(pattern: &PathPattern, path: &str) -> Option<(bool, usize)> {
    let mut own = String::new();
    for segment in &pattern.segments {
        own += "/";
        own += segment;
    }
    if pattern.below {
        is_path_under(path, &own).then_some((false, own.len()))
    } else {
        (own == path).then_some((true, 0))
    }
}

fn is_path_under(path: &str, stem: &str) -> bool {
    path == stem || path.starts_with(&format!("{stem}/"))
}

fn is_host_under(host: &str, end: &str) -> bool {
    end.is_empty() || host == end || host.ends_with(&format!(".{end}"))
}
