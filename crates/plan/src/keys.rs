//! What each task is called: its id, qualified by its section where several have the same, else its
//! place. Never its text.
//!
//! A key is also part of git refs and of file names, on file systems that do not tell `a` from `A`.

use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Code, Sink};
use crate::headings::Outline;
use crate::lines::Line;
use crate::select::Draft;

const LONGEST_ID: usize = 64;
const LONGEST_SLUG: usize = 48;

/// The keys of the drafts, all different.
pub(crate) fn keys(drafts: &[Draft<'_>], outline: &Outline, lines: &[Line<'_>], sink: &mut Sink<'_>) -> Vec<String> {
    let ids: Vec<Option<String>> = drafts.iter().map(|d| d.id.map(safe_id).filter(|id| !id.is_empty())).collect();
    let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, id) in ids.iter().enumerate() {
        if let Some(id) = id {
            groups.entry(id.to_ascii_lowercase()).or_default().push(at);
        }
    }
    let slugs: Vec<String> = outline.headings.iter().map(|h| slug(&h.title)).collect();
    let mut places = Places::new(drafts, &ids, outline, &slugs);
    let mut used = Used::default();
    // Ids that are unique keep their name whatever stands before them.
    let alone = |id: &str| groups.get(&id.to_ascii_lowercase()).is_some_and(|g| g.len() == 1);
    for id in ids.iter().flatten().filter(|id| alone(id)) {
        used.take(id.clone());
    }
    let mut depths: HashMap<String, usize> = HashMap::new();
    let mut keys = Vec::with_capacity(drafts.len());
    for (draft, id) in drafts.iter().zip(&ids) {
        let Some(id) = id else {
            keys.push(used.take(places.next(draft)).0);
            continue;
        };
        if alone(id) {
            keys.push(id.clone());
            continue;
        }
        let lower = id.to_ascii_lowercase();
        let depth = *depths.entry(lower.clone()).or_insert_with(|| {
            let group = groups.get(&lower).map(Vec::as_slice).unwrap_or_default();
            telling_depth(group.iter().filter_map(|at| drafts.get(*at)), group.len(), outline, &slugs)
        });
        let section = around(draft, outline, &slugs, depth).unwrap_or("plan");
        let (key, again) = used.take(format!("{id}@{section}"));
        if again {
            let column = lines.get(draft.line).map_or(1, |l| l.indent + 1);
            let message =
                format!("the id `{id}` is used again in the same section; this task is called `{key}` by its order");
            sink.add(Code::DuplicateId, (draft.line + 1, column), message, "give each task an id of its own".into());
        }
        keys.push(key);
    }
    keys
}

/// How far out (0: the innermost section) the sections tell all tasks of a group apart.
fn telling_depth<'d>(
    group: impl Iterator<Item = &'d Draft<'d>> + Clone,
    len: usize,
    outline: &Outline,
    slugs: &[String],
) -> usize {
    (0..6)
        .find(|depth| {
            let names: HashSet<&str> = group.clone().filter_map(|d| around(d, outline, slugs, *depth)).collect();
            names.len() == len
        })
        .unwrap_or_default()
}

/// The slug of the section `depth` steps out from a draft.
fn around<'s>(draft: &Draft<'_>, outline: &Outline, slugs: &'s [String], depth: usize) -> Option<&'s str> {
    let section = section(draft, outline);
    outline.around(section).nth(depth).and_then(|h| slugs.get(h)).map(String::as_str)
}

/// The heading a draft stands under (not the one it is).
pub(crate) fn section(draft: &Draft<'_>, outline: &Outline) -> Option<usize> {
    match draft.checkbox {
        Some(_) => draft.heading,
        None => outline.get(draft.heading)?.parent,
    }
}

/// Names for tasks without ids.
struct Places {
    names: HashMap<Option<usize>, String>,
    counts: HashMap<Option<usize>, usize>,
}

impl Places {
    fn new(drafts: &[Draft<'_>], ids: &[Option<String>], outline: &Outline, slugs: &[String]) -> Self {
        let mut order: Vec<Option<usize>> = Vec::new();
        let mut seen = HashSet::new();
        for (draft, _) in drafts.iter().zip(ids).filter(|(_, id)| id.is_none()) {
            let place = section(draft, outline);
            if seen.insert(place) {
                order.push(place);
            }
        }
        let own = |place: Option<usize>| place.and_then(|h| slugs.get(h)).map_or("plan", String::as_str);
        let mut times: HashMap<&str, usize> = HashMap::new();
        for place in &order {
            *times.entry(own(*place)).or_default() += 1;
        }
        let mut used = Used::default();
        let mut names = HashMap::new();
        for place in &order {
            let name = own(*place);
            let outer = outline.around(*place).nth(1).and_then(|h| slugs.get(h));
            let name = match outer {
                Some(outer) if times.get(name).is_some_and(|n| *n > 1) => format!("{outer}.{name}"),
                _ => name.to_owned(),
            };
            names.insert(*place, used.take(name).0);
        }
        Self { names, counts: HashMap::new() }
    }

    fn next(&mut self, draft: &Draft<'_>) -> String {
        let place = draft.heading;
        let count = self.counts.entry(place).or_default();
        *count += 1;
        let name = self.names.get(&place).map_or("plan", String::as_str);
        format!("{name}-{count}")
    }
}

/// Names already given.
#[derive(Default)]
pub(crate) struct Used {
    names: HashSet<String>,
    next: HashMap<String, usize>,
}

impl Used {
    /// `name`, or `name@2` and so on where it is taken already; whether it was.
    pub(crate) fn take(&mut self, name: String) -> (String, bool) {
        let lower = name.to_ascii_lowercase();
        if self.names.insert(lower.clone()) {
            return (name, false);
        }
        let next = self.next.entry(lower).or_insert(2);
        loop {
            let candidate = format!("{name}@{next}");
            *next += 1;
            if self.names.insert(candidate.to_ascii_lowercase()) {
                return (candidate, true);
            }
        }
    }
}

/// An id as part of a key.
pub(crate) fn safe_id(id: &str) -> String {
    let mut safe = String::new();
    for c in id.chars().take(LONGEST_ID) {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
        if !(c == '.' && safe.ends_with('.')) {
            safe.push(c);
        }
    }
    let safe = safe.trim_start_matches(['.', '-']).trim_end_matches(['.', '-']);
    match safe.to_ascii_lowercase().strip_suffix(".lock") {
        Some(stem) => format!("{}-lock", safe.get(..stem.len()).unwrap_or_default()),
        None => safe.to_owned(),
    }
}

/// A title as part of a key.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= LONGEST_SLUG {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "section".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_safe_for_refs_and_file_names() {
        for (id, safe) in [
            ("P1-T01", "P1-T01"),
            ("1..2", "1.2"),
            (".1", "1"),
            ("x.lock", "x-lock"),
            ("a.LOCK", "a-lock"),
            ("...", ""),
        ] {
            assert_eq!(safe_id(id), safe);
        }
    }

    #[test]
    fn titles_become_slugs() {
        assert_eq!(slug("Phase 2: Scale (10K–50K)"), "phase-2-scale-10k-50k");
        assert_eq!(slug("設計"), "section");
        assert!(slug(&"long ".repeat(40)).len() <= LONGEST_SLUG);
    }
}
