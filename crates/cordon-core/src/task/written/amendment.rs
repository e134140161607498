//! `[[amendment]]`: what was added to a task since it was launched. Takes the sections of a task file and
//! adds them to what the file says above them; nothing of that is ever taken away.

use super::{
    AmendmentId, Document, Placed, Region, Section, Where, WrittenAllow, WrittenBudget,
    WrittenTarget, all_parsed, at_start, check_partitions, parsed, read_allow, read_budget,
    read_targets,
};

/// What a task may do, as far as amendments add to it.
pub(super) struct WrittenScope {
    pub(super) place: Where,
    pub(super) allows: Vec<WrittenAllow>,
    pub(super) destroy: Vec<WrittenTarget>,
    pub(super) replace: Vec<WrittenTarget>,
    pub(super) budget: WrittenBudget,
    pub(super) amendments: Vec<AmendmentId>,
}

impl WrittenScope {
    /// Adds one `[[amendment]]`.
    pub(super) fn amend<'t>(&mut self, document: &mut Document<'t>, mut section: Section<'t>) {
        let id = document.required_string(&mut section, "id", "A-7QK4M2");
        let id = id.and_then(|id| parsed(document, id));
        self.amendments.extend(id.map(|id| id.value));
        let allows = document.sections(&mut section, "allow");
        let allows = allows.into_iter().map(|entry| read_allow(document, entry));
        self.allows.extend(allows);
        for (key, targets) in [
            ("destroy", &mut self.destroy),
            ("replace", &mut self.replace),
        ] {
            read_targets(document, &mut section, key)
                .into_iter()
                .for_each(|more| add_target(targets, more));
        }
        let budget = read_budget(document, &mut section);
        self.budget.add(budget);
        if let Some(mut place) = document.section(&mut section, "where") {
            let environments = document.strings(&mut place, "environments");
            let regions = document.strings(&mut place, "regions");
            document.finish(place);
            self.place.2.extend(all_parsed(document, environments));
            let regions: Vec<Placed<Region>> = all_parsed(document, regions);
            let launched = self.place.1.first().cloned().map(at_start);
            let all: Vec<Placed<Region>> = launched.into_iter().chain(regions.clone()).collect();
            check_partitions(document, &all);
            let new = regions.into_iter().map(|region| region.value);
            self.place.1.extend(new);
        }
        document.finish(section);
    }
}

/// Adds a line of `[destroy]` or `[replace]`, to that of the same resource where there is one.
fn add_target(targets: &mut Vec<WrittenTarget>, more: WrittenTarget) {
    let same = targets
        .iter_mut()
        .find(|target| target.arn.value == more.arn.value);
    match same {
        Some(target) => target.actions.extend(more.actions),
        None => targets.push(more),
    }
}

impl WrittenBudget {
    /// Adds `more` to each count.
    fn add(&mut self, more: Self) {
        let rate = match (&self.per_minute, &more.per_minute) {
            // A rate that is not named is the total.
            (None, Some(_)) => self.mutations.clone(),
            _ => self.per_minute.clone(),
        };
        let sum = |count: Option<Placed<u32>>, more: Option<Placed<u32>>| match (count, more) {
            (Some(count), Some(more)) => Some(Placed {
                value: count.value.saturating_add(more.value),
                offset: more.offset,
            }),
            (count, more) => count.or(more),
        };
        self.per_minute = sum(rate, more.per_minute);
        self.mutations = sum(self.mutations.take(), more.mutations);
        self.creates = sum(self.creates.take(), more.creates);
        self.destroys = sum(self.destroys.take(), more.destroys);
        self.offset = self.offset.or(more.offset);
    }
}
