//! Which actions a call needs, on which resources.
//!
//! Takes an operation, its parameters and the place where it acts; gives every access. Each item
//! of a list is a resource of its own, and a parameter that is a whole ARN wins over the template
//! that it would have filled: it may name another region or account, and that is then what is
//! asked for. What the request does not tell is `*` in its place, never left out.
//!
//! ```text
//! rules whose condition holds ─► templates of each action ─► segments filled from parameters
//!                                        │ none filled
//!                                        └─► the pattern of the action's type, or `*`
//! ```

mod directory_bucket;
mod transform;

use crate::arn::{AccountId, Partition, Region};
use crate::call::{Access, Class, Resource};
use crate::catalog::{
    Action, Condition, Effect, Operation, Part, ResourceTemplate, Segment, Transform,
};
use crate::parameter::{self, Items};
use crate::value::Value;
use std::borrow::Cow;
use std::collections::HashSet;

/// Where a call acts.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    partition: &'a Partition,
    region: &'a Region,
    account: Option<&'a AccountId>,
}

/// How many resources one template may name, ten times what S3 deletes in one call: two long
/// lists in one ARN would else multiply, and a body could make a decision slow.
const MOST_RESOURCES: usize = 10_000;

/// The longest name or ARN of a resource, in bytes: AWS's own ARNs end at 2,048, keys of S3 at
/// 1,024. One of ten megabytes would be copied into each access, its record and its weighing.
const LONGEST_NAME: usize = 8 * 1024;

/// Every access of a call: actions, resources, levels and classes. Never empty. With them the
/// effects that its parameters tell.
///
/// Without an `account` its place in ARNs is empty. An operation whose action is a guess
/// ([`Operation::assumed_action`]) has its guess here: whether a call may rest on one is for the
/// caller to say.
///
/// # Errors
/// A constant reason where the call names more resources than one decision can weigh, or one by a
/// longer name than any has.
pub(crate) fn accesses(
    operation: Operation,
    parameters: &Value,
    partition: &Partition,
    region: &Region,
    account: Option<&AccountId>,
) -> Result<(Vec<Access>, Vec<Effect>), &'static str> {
    let named = named_account(operation, parameters);
    let place = Place {
        partition,
        region,
        account: named.as_ref().or(account),
    };
    let mut accesses: Vec<Access> = resources(operation, parameters, place)?
        .into_iter()
        .map(|(action, resource)| Access {
            action: action.name().into(),
            resource,
            level: action.level(),
            class: action.class(),
        })
        .collect();
    if accesses.is_empty() {
        accesses.push(unguarded(operation));
    }
    directory_bucket::rename(operation, parameters, place, &mut accesses);
    let told = crate::classify::weigh(operation, parameters, &mut accesses);
    Ok((accesses, told))
}

/// The account that a parameter names for the call to act in: whole, or before the name of a
/// catalog (`111122223333:s3tablescatalog/orders`).
fn named_account(operation: Operation, parameters: &Value) -> Option<AccountId> {
    let member = operation.account_member();
    if member.is_empty() {
        return None;
    }
    let texts = parameter::texts(parameters, member);
    texts.first()?.split(':').next()?.parse().ok()
}

/// Every action that the call needs with each resource that it needs it on.
fn resources(
    operation: Operation,
    parameters: &Value,
    place: Place<'_>,
) -> Result<Vec<(Action, Resource)>, &'static str> {
    let mut found = Vec::new();
    let mut actions: Vec<Action> = Vec::new();
    for rule in operation
        .actions()
        .filter(|rule| holds(rule.when, parameters))
    {
        if actions.contains(&rule.handle()) {
            continue;
        }
        actions.push(rule.handle());
        let mut known = HashSet::new();
        for resource in of_action(operation, rule.handle(), parameters, place)? {
            if known.insert(resource.arn.clone()) {
                found.push((rule.handle(), resource));
            }
        }
    }
    Ok(found)
}

/// Whether the condition holds for these parameters.
fn holds(condition: Condition, parameters: &Value) -> bool {
    let present = |path| {
        let hits = parameter::find(parameters, path, &Items::new());
        hits.into_iter().any(|hit| !hit.value.is_off())
    };
    let texts = |path| parameter::texts(parameters, path);
    match condition {
        Condition::Always => true,
        Condition::Present(path) => present(path),
        Condition::Absent(path) => !present(path),
        Condition::Equals(path, value) => texts(path).iter().any(|text| text == value),
        Condition::Contains(path, value) => texts(path).iter().any(|text| text.contains(value)),
        Condition::Lacks(path, value) => !texts(path).iter().any(|text| text.contains(value)),
        Condition::Differs(path, value) => texts(path).iter().any(|text| text != value),
        Condition::Begins(path, value) => texts(path).iter().any(|text| {
            let head = text.trim_start().get(..value.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(value))
        }),
    }
}

/// The resources of one action of the call; never empty.
fn of_action(
    operation: Operation,
    action: Action,
    parameters: &Value,
    place: Place<'_>,
) -> Result<Vec<Resource>, &'static str> {
    let templates: Vec<ResourceTemplate> = operation
        .resources()
        .filter(|template| template.action == action)
        .collect();
    let mut found: Vec<Resource> = Vec::new();
    let mut filled: HashSet<&str> = HashSet::new();
    let mut strange = Vec::new();
    for template in &templates {
        let named = Filling::of(*template, parameters, place, &mut strange)?;
        if !named.is_empty() {
            filled.insert(template.kind);
        }
        found.extend(named);
    }
    if found.is_empty() {
        return Ok(unnamed(action, &templates, place));
    }
    if strange.iter().any(|it| !it.is_known_to(&templates)) {
        found.extend(unnamed(action, &templates, place));
    }
    // What a call creates has no name yet, and what it leaves to the service (the default subnet)
    // has none in the request: AWS asks whether the caller may have each.
    if action.class() == Class::Create {
        let named = |kind: &str| {
            filled.contains(kind) || found.iter().any(|resource| &*resource.kind == kind)
        };
        let unnamed: Vec<Resource> = action
            .types()
            .filter(|kind| kind.required && !named(kind.kind))
            .map(|kind| pattern(kind.kind, kind.pattern, place))
            .collect();
        found.extend(unnamed);
    }
    Ok(found)
}

/// What stands for resources that no parameter names: the patterns of the types that the action
/// must have, or of its only type, or of the types that a parameter could have named; else `*`.
fn unnamed(action: Action, templates: &[ResourceTemplate], place: Place<'_>) -> Vec<Resource> {
    let types: Vec<_> = action.types().collect();
    let templated = |kind: &str| templates.iter().any(|template| template.kind == kind);
    let mut chosen: Vec<_> = types.iter().filter(|kind| kind.required).collect();
    if chosen.is_empty() && types.len() == 1 {
        chosen = types.iter().collect();
    }
    if chosen.is_empty() {
        chosen = types.iter().filter(|kind| templated(kind.kind)).collect();
    }
    match chosen.is_empty() {
        true => vec![Resource {
            arn: "*".into(),
            kind: action.prefix().into(),
            source: "".into(),
        }],
        false => chosen
            .iter()
            .map(|kind| pattern(kind.kind, kind.pattern, place))
            .collect(),
    }
}

fn pattern(kind: &str, pattern: &str, place: Place<'_>) -> Resource {
    let arn = pattern
        .replace("${Partition}", place.partition.as_str())
        .replace("${Region}", place.region.as_str())
        .replace("${Account}", place.account.map_or("", AccountId::as_str));
    Resource {
        arn: arn.into(),
        kind: kind.into(),
        source: "".into(),
    }
}

/// An operation that no IAM action guards still has an access, under its own name.
fn unguarded(operation: Operation) -> Access {
    let prefix = operation.service().iam_prefix();
    let mutates = !operation.read_only();
    Access {
        action: format!("{prefix}:{}", operation.name()).into(),
        resource: Resource {
            arn: "*".into(),
            kind: prefix.into(),
            source: "".into(),
        },
        level: if mutates {
            crate::call::AccessLevel::Write
        } else {
            crate::call::AccessLevel::Read
        },
        class: if mutates {
            Class::Update
        } else {
            Class::Observe
        },
    }
}

/// A value that is none of a template's, by how it begins.
struct Strange {
    path: &'static str,
    text: String,
}

impl Strange {
    /// Whether another template takes it. One that none takes may name anything: beside values that
    /// are taken it would go under.
    fn is_known_to(&self, templates: &[ResourceTemplate]) -> bool {
        let segments = templates.iter().flat_map(|template| template.segments());
        segments.into_iter().any(|segment| {
            let of_path = matches!(segment.part, Part::Parameter(path) | Part::Beside(path) if path == self.path);
            of_path && transform::apply(segment.transform, &self.text).is_some()
        })
    }
}

/// One template being filled.
struct Filling<'v> {
    template: ResourceTemplate,
    segments: Vec<Segment>,
    /// How many different parameters it takes: a whole ARN stands for a template of one.
    groups: usize,
    parameters: &'v Value,
    place: Place<'v>,
    found: Vec<Resource>,
    strange: &'v mut Vec<Strange>,
    too_long: bool,
}

/// The text so far, and what it came from.
#[derive(Clone, Default)]
struct Draft {
    arn: String,
    source: Vec<&'static str>,
    items: Items,
    /// Whether a `*` stands for a part that no parameter named.
    open: bool,
}

impl<'v> Filling<'v> {
    /// Every resource that the template names.
    fn of(
        template: ResourceTemplate,
        parameters: &'v Value,
        place: Place<'v>,
        strange: &'v mut Vec<Strange>,
    ) -> Result<Vec<Resource>, &'static str> {
        let segments: Vec<Segment> = template.segments().collect();
        let takes = |segment: &&Segment| {
            matches!(segment.part, Part::Parameter(_)) && !is_optional(segment.transform)
        };
        let groups = segments.iter().filter(takes).count();
        let found = Vec::new();
        let mut filling = Self {
            template,
            segments,
            groups,
            parameters,
            place,
            found,
            strange,
            too_long: false,
        };
        filling.fill(0, Draft::default());
        if filling.too_long {
            return Err("it names a resource by a longer name than any has");
        }
        if filling.found.len() > MOST_RESOURCES {
            return Err("it names more resources than one call may");
        }
        Ok(filling.found)
    }

    /// Fills from segment `at` on.
    fn fill(&mut self, at: usize, mut draft: Draft) {
        if self.found.len() > MOST_RESOURCES {
            return;
        }
        let Some(segment) = self.segments.get(at).copied() else {
            let kind = self.template.kind;
            if draft.open && draft.source.is_empty() {
                // Nothing named it; the patterns of the action's types say the same better.
                return;
            }
            return self.push(draft.arn, kind, &draft.source);
        };
        match segment.part {
            Part::Literal(text) => draft.arn.push_str(text),
            Part::Partition => draft.arn.push_str(self.place.partition.as_str()),
            Part::Region => draft.arn.push_str(self.place.region.as_str()),
            Part::Account => {
                draft
                    .arn
                    .push_str(self.place.account.map_or("", AccountId::as_str));
            }
            Part::Whole(path) => return self.fill_whole(path),
            Part::Parameter(_) | Part::Beside(_) => return self.fill_parameters(at, &draft),
        }
        self.fill(at + 1, draft);
    }

    /// A parameter that is a whole ARN; one that is a bare name stays what it is, since only its
    /// service knows what it means.
    fn fill_whole(&mut self, path: &'static str) {
        for hit in parameter::find(self.parameters, path, &Items::new()) {
            let Some(text) = hit.value.text() else {
                continue;
            };
            if text.len() > LONGEST_NAME {
                self.too_long = true;
            } else if text.starts_with("arn:") {
                let kind = self.kind_of(&text);
                self.push(text.into_owned(), &kind, &[path]);
            } else if !text.is_empty() {
                // A name where an ARN is expected: any resource of the type that ends with it.
                let named = self.named(&text);
                self.found
                    .extend(named.into_iter().map(|resource| Resource {
                        source: path.into(),
                        ..resource
                    }));
            }
        }
    }

    /// The resource of a type with one variable that has this name, or the pattern.
    fn named(&self, name: &str) -> Vec<Resource> {
        let types = self.template.action.types();
        let own = types
            .into_iter()
            .find(|kind| kind.kind == self.template.kind);
        match own {
            Some(kind) if kind.pattern.matches('*').count() == 1 && kind.pattern.ends_with('*') => {
                let stem = kind.pattern.trim_end_matches('*');
                vec![pattern(kind.kind, &format!("{stem}{name}"), self.place)]
            }
            _ => unnamed(self.template.action, &[self.template], self.place),
        }
    }

    /// A parameter and those beside it: each value starts a resource of its own.
    fn fill_parameters(&mut self, at: usize, draft: &Draft) {
        let group: Vec<Segment> = self
            .segments
            .iter()
            .skip(at)
            .enumerate()
            .take_while(|(place, segment)| *place == 0 || matches!(segment.part, Part::Beside(_)))
            .map(|(_, segment)| *segment)
            .collect();
        let next = at + group.len();
        let mut filled = false;
        for segment in &group {
            let (Part::Parameter(path) | Part::Beside(path)) = segment.part else {
                continue;
            };
            for hit in parameter::find(self.parameters, path, &draft.items) {
                let Some(text) = hit.value.text().filter(|text| !text.is_empty()) else {
                    continue;
                };
                filled = true;
                let mut draft = draft.clone();
                if !draft.source.contains(&path) {
                    draft.source.push(path);
                }
                draft.items.extend(hit.items);
                self.fill_value(next, draft, segment.transform, &text, path);
            }
        }
        let optional = group.iter().any(|segment| is_optional(segment.transform));
        if filled {
            return;
        }
        let mut draft = draft.clone();
        if !optional {
            // A part that the request leaves open stands for all that it may be.
            draft.arn.push('*');
            draft.open = true;
        }
        self.fill(next, draft);
    }

    fn fill_value(
        &mut self,
        next: usize,
        mut draft: Draft,
        transform: Transform,
        text: &str,
        path: &'static str,
    ) {
        let is_arn = text.starts_with("arn:")
            && !matches!(
                transform,
                Transform::CopyBucket | Transform::CopyKey | Transform::Bus
            );
        let name = transform::apply(transform, text);
        let length = name.as_ref().map_or(0, |name| name.len());
        if length > LONGEST_NAME || is_arn && text.len() > LONGEST_NAME {
            self.too_long = true;
            return;
        }
        if is_arn && self.template.kind == "s3:object" && draft.source == ["Bucket"] {
            // The bucket is an access point: its objects are named below its own ARN. Before the
            // question whether the ARN is one of an object: an access point's has the form of one.
            draft.arn = format!("{text}/object");
            return self.fill(next, draft);
        }
        if is_arn {
            let own = self
                .type_of(text)
                .is_some_and(|kind| kind == self.template.kind);
            if self.groups <= 1 || own {
                let kind = self.kind_of(text);
                return self.push(text.to_owned(), &kind, &draft.source);
            }
        }
        if let Some(name) = name {
            Self::relocate(&mut draft.arn, &transform::site(transform, text));
            // An ARN inside of a longer name gives its last part.
            let name = match name.starts_with("arn:") {
                true => name
                    .rsplit(['/', ':'])
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                false => name.into_owned(),
            };
            draft.arn.push_str(&name);
            self.fill(next, draft);
        } else if let Transform::Begins(_) = transform {
            let text = text.to_owned();
            self.strange.push(Strange { path, text });
        }
    }

    /// Moves what is drafted of an ARN to the place that a value names: the service acts there,
    /// so that is where the call is weighed.
    fn relocate(arn: &mut String, site: &transform::Site<'_>) {
        if site.region.is_none() && site.account.is_none() {
            return;
        }
        let mut parts: Vec<&str> = arn.splitn(6, ':').collect();
        for (at, named) in [(3, site.region), (4, site.account)] {
            if let (Some(part), Some(named)) = (parts.get_mut(at), named) {
                *part = named;
            }
        }
        *arn = parts.join(":");
    }

    /// The kind of an ARN by the patterns of the action's types; that of the template else.
    fn kind_of(&self, arn: &str) -> Cow<'static, str> {
        match (self.type_of(arn), self.template.kind) {
            (Some(kind), _) => Cow::Borrowed(kind),
            (None, "") => Cow::Borrowed(self.template.action.prefix()),
            (None, kind) => Cow::Borrowed(kind),
        }
    }

    /// The action's type whose pattern an ARN has, the most exact one.
    fn type_of(&self, arn: &str) -> Option<&'static str> {
        let fits = self
            .template
            .action
            .types()
            .filter(|kind| matches(kind.pattern, arn));
        Some(fits.max_by_key(|kind| kind.pattern.len())?.kind)
    }

    /// A template for any type writes an account; the ARNs of some types (images, snapshots) have
    /// none, and one resource must not have two names.
    fn settle(&self, arn: &mut String) {
        let own = self.type_of(arn);
        let types = self.template.action.types();
        let own = own.and_then(|own| types.into_iter().find(|kind| kind.kind == own));
        let nobodys = own.is_some_and(|kind| kind.pattern.split(':').nth(4) == Some(""));
        let mut parts: Vec<&str> = arn.splitn(6, ':').collect();
        if let (true, Some(account)) = (nobodys, parts.get_mut(4)) {
            *account = "";
            *arn = parts.join(":");
        }
    }

    fn push(&mut self, mut arn: String, kind: &str, source: &[&'static str]) {
        let kind = match kind {
            "" => {
                self.settle(&mut arn);
                self.kind_of(&arn)
            }
            kind => Cow::Borrowed(kind),
        };
        let resource = Resource {
            arn: arn.into(),
            kind: kind.as_ref().into(),
            source: source.join(",").into(),
        };
        self.found.push(resource);
    }
}

/// Whether a name is whole without the part.
fn is_optional(transform: Transform) -> bool {
    matches!(
        transform,
        Transform::Qualifier | Transform::Path | Transform::Bus
    )
}

/// Whether `arn` has the form of a reference's pattern. Partition, region and account may be any.
fn matches(pattern: &str, arn: &str) -> bool {
    let (mut pattern, mut arn) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    for part in 0..5 {
        let (Some(wanted), Some(given)) = (pattern.next(), arn.next()) else {
            return false;
        };
        if part == 2 && wanted != given {
            return false;
        }
    }
    let (Some(wanted), Some(given)) = (pattern.next(), arn.next()) else {
        return false;
    };
    glob(wanted, given)
}

/// Whether `text` fits `pattern`, whose `*` stand for any text.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.is_empty()
}
