//! REST requests to operations: method, path, query keys and headers, by table.
//!
//! Takes a service's operations once and builds a tree over path segments; then takes requests
//! and gives the operations that they can be. A literal segment wins over a label and a label
//! over a greedy label, as AWS's own routers have it. Among operations of one path the one wins
//! that demands most of what the request has: S3 tells `UploadPart` from `PutObject` only by
//! `partNumber` and `uploadId`. What a winner does not know makes parsing fail later, so that an
//! operation is never chosen by ignoring evidence.

use crate::catalog::{Catalog, Location, Operation, Service};
use crate::protocol::form::Pair;
use http::HeaderMap;
use std::sync::OnceLock;

/// The routes of one service.
#[derive(Debug, Default)]
pub(super) struct Routes {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    literals: Vec<(&'static str, Node)>,
    label: Option<Box<Node>>,
    /// What follows a greedy label, to the end.
    greedy: Vec<(Vec<Step>, Vec<Route>)>,
    routes: Vec<Route>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Literal(&'static str),
    Label,
    Greedy,
}

#[derive(Debug)]
struct Route {
    operation: Operation,
    method: &'static str,
    labels: Vec<&'static str>,
    trailing_slash: bool,
    /// Keys of the template's own query; `None` for a key without a value.
    query: Vec<(&'static str, Option<&'static str>)>,
    required_query: Vec<&'static str>,
    required_headers: Vec<&'static str>,
}

/// One operation that a request can be, and the path segments that fill its labels.
#[derive(Debug, Clone)]
pub(super) struct Match<'p> {
    pub(super) operation: Operation,
    pub(super) labels: Vec<(&'static str, &'p str)>,
    /// How much the operation demands that the request has; more is better.
    pub(super) demands: usize,
    /// Whether it is spelt with or without a slash at its end just as the model has it.
    pub(super) exact: bool,
}

/// What routing looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'r> {
    pub(super) method: &'r str,
    /// Percent-encoded, starts with `/`.
    pub(super) path: &'r str,
    pub(super) query: &'r [Pair<'r>],
    pub(super) headers: &'r HeaderMap,
}

/// The routes of `service`, built when first asked for and kept.
pub(super) fn of(catalog: &'static Catalog, service: Service) -> &'static Routes {
    static ROUTES: OnceLock<Vec<OnceLock<Routes>>> = OnceLock::new();
    static NONE: OnceLock<Routes> = OnceLock::new();
    let all = ROUTES.get_or_init(|| catalog.services().map(|_| OnceLock::new()).collect());
    match all.get(service.index()) {
        Some(routes) => routes.get_or_init(|| Routes::new(service)),
        None => NONE.get_or_init(Routes::default),
    }
}

impl Routes {
    fn new(service: Service) -> Self {
        let mut routes = Self::default();
        for operation in service.operations() {
            routes.add(operation);
        }
        routes
    }

    fn add(&mut self, operation: Operation) {
        let path = operation.path();
        let trimmed = path.trim_start_matches('/');
        let trailing_slash = trimmed.ends_with('/');
        let mut labels = Vec::new();
        let mut steps: Vec<Step> = Vec::new();
        for segment in trimmed
            .trim_end_matches('/')
            .split('/')
            .filter(|s| !s.is_empty())
        {
            let label = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
            steps.push(match label {
                None => Step::Literal(segment),
                Some(name) => {
                    labels.push(name.trim_end_matches('+'));
                    if name.ends_with('+') {
                        Step::Greedy
                    } else {
                        Step::Label
                    }
                }
            });
        }
        let route = Route {
            operation,
            method: operation.method(),
            labels,
            trailing_slash,
            query: operation.static_query(),
            required_query: required(operation, Location::QueryString),
            required_headers: required(operation, Location::Header),
        };
        self.root.insert(&steps, route);
    }

    /// The best operations for `head`: none, one, or several that demand the same.
    pub(super) fn find<'p>(&self, head: Head<'p>) -> Vec<Match<'p>> {
        let path = head.path.strip_prefix('/').unwrap_or(head.path);
        let (path, slash) = match path.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (path, false),
        };
        let segments: Vec<&str> = match path {
            "" => Vec::new(),
            _ => path.split('/').collect(),
        };
        let walk = Walk { head, slash };
        let mut labels = Vec::new();
        self.root
            .find(&segments, &mut labels, &walk)
            .unwrap_or_default()
    }
}

struct Walk<'p> {
    head: Head<'p>,
    slash: bool,
}

impl Node {
    fn insert(&mut self, steps: &[Step], route: Route) {
        match steps {
            [] => self.routes.push(route),
            [Step::Literal(literal), rest @ ..] => {
                let place = self.literals.iter().position(|(name, _)| name == literal);
                match place.and_then(|place| self.literals.get_mut(place)) {
                    Some((_, node)) => node.insert(rest, route),
                    None => {
                        let mut node = Self::default();
                        node.insert(rest, route);
                        self.literals.push((literal, node));
                        self.literals.sort_unstable_by_key(|(name, _)| *name);
                    }
                }
            }
            [Step::Label, rest @ ..] => self.label.get_or_insert_default().insert(rest, route),
            [Step::Greedy, rest @ ..] => {
                let place = self.greedy.iter().position(|(suffix, _)| suffix == rest);
                match place.and_then(|place| self.greedy.get_mut(place)) {
                    Some((_, routes)) => routes.push(route),
                    None => {
                        self.greedy.push((rest.to_vec(), vec![route]));
                        // A longer suffix is more particular.
                        self.greedy
                            .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
                    }
                }
            }
        }
    }

    fn find<'p>(
        &self,
        segments: &[&'p str],
        labels: &mut Vec<&'p str>,
        walk: &Walk<'p>,
    ) -> Option<Vec<Match<'p>>> {
        let Some((first, rest)) = segments.split_first() else {
            return best(&self.routes, labels, walk);
        };
        let literal = self
            .literals
            .binary_search_by_key(first, |(name, _)| name)
            .ok()
            .and_then(|place| self.literals.get(place));
        if let Some(found) = literal.and_then(|(_, node)| node.find(rest, labels, walk)) {
            return Some(found);
        }
        if let Some(node) = self.label.as_deref().filter(|_| !first.is_empty()) {
            labels.push(first);
            if let Some(found) = node.find(rest, labels, walk) {
                return Some(found);
            }
            labels.pop();
        }
        self.find_greedy(segments, labels, walk)
    }

    fn find_greedy<'p>(
        &self,
        segments: &[&'p str],
        labels: &[&'p str],
        walk: &Walk<'p>,
    ) -> Option<Vec<Match<'p>>> {
        self.greedy.iter().find_map(|(suffix, routes)| {
            let taken = segments
                .len()
                .checked_sub(suffix.len())
                .filter(|taken| *taken > 0)?;
            let (greedy, tail) = segments.split_at_checked(taken)?;
            let mut filled = labels.to_vec();
            // A slash at the end belongs to the greedy value, unless something follows it.
            filled.push(span(
                walk.head.path,
                greedy,
                walk.slash && suffix.is_empty(),
            )?);
            for (step, segment) in suffix.iter().zip(tail) {
                match step {
                    Step::Literal(literal) if literal == segment => {}
                    Step::Label if !segment.is_empty() => filled.push(segment),
                    Step::Literal(_) | Step::Label | Step::Greedy => return None,
                }
            }
            best(routes, &filled, walk)
        })
    }
}

/// The part of `path` that `segments`, which are slices of it, cover.
fn span<'p>(path: &'p str, segments: &[&'p str], slash: bool) -> Option<&'p str> {
    let length = segments.iter().map(|segment| segment.len()).sum::<usize>()
        + segments.len().checked_sub(1)?
        + usize::from(slash);
    let before = segments
        .first()?
        .as_ptr()
        .addr()
        .checked_sub(path.as_ptr().addr())?;
    path.get(before..before + length)
}

fn best<'p>(routes: &[Route], labels: &[&'p str], walk: &Walk<'p>) -> Option<Vec<Match<'p>>> {
    let mut found: Vec<(usize, &Route)> = routes
        .iter()
        .filter_map(|route| Some((route.demands(&walk.head)?, route)))
        .collect();
    let most = found.iter().map(|(demands, _)| *demands).max()?;
    found.retain(|(demands, _)| *demands == most);
    let matches = found.into_iter().map(|(demands, route)| Match {
        operation: route.operation,
        labels: route
            .labels
            .iter()
            .copied()
            .zip(labels.iter().copied())
            .collect(),
        demands,
        exact: route.trailing_slash == walk.slash,
    });
    Some(matches.collect())
}

impl Route {
    /// How many of the things it demands the request has; nothing where one is missing.
    fn demands(&self, head: &Head<'_>) -> Option<usize> {
        let fits = self.method == head.method
            && self.query.iter().all(|(name, value)| {
                head.query.iter().any(|pair| {
                    pair.name == *name
                        && match value {
                            Some(value) => pair.value.as_deref() == Some(*value),
                            // `?acl` and `?acl=` are one thing.
                            None => pair.value.as_deref().unwrap_or_default().is_empty(),
                        }
                })
            })
            && self
                .required_query
                .iter()
                .all(|name| head.query.iter().any(|pair| pair.name == *name))
            && self
                .required_headers
                .iter()
                .all(|name| head.headers.contains_key(*name));
        fits.then(|| self.query.len() + self.required_query.len() + self.required_headers.len())
    }
}

fn required(operation: Operation, location: Location) -> Vec<&'static str> {
    let Some(input) = operation.input() else {
        return Vec::new();
    };
    input
        .members()
        .filter(|member| member.required() && member.location() == location)
        // A required map of free query keys may be empty.
        .filter(|member| member.shape().entry().is_none())
        .map(|member| member.wire_name())
        .collect()
}
