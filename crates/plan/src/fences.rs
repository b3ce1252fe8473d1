//! Which lines are inside code fences, and which fences were never closed.
//!
//! A fence that is not closed would make code of everything after it. Here it is set aside as if it
//! were not there. A fence counts as not closed when nothing closes it, when another fence with a
//! language opens after a heading has gone by, or when a heading or a box stands further left than
//! the fence itself, outside the list item it belongs to.

use crate::lines::{is_checkbox, is_heading};
use crate::text;

/// What a line has to do with a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing.
    Outside,
    /// It opens a fence.
    Open,
    /// It is code.
    Inside,
    /// It closes a fence.
    Close,
    /// It would open a fence that nothing closes.
    Unbalanced,
}

#[derive(Debug, Clone, Copy)]
struct Fence {
    tilde: bool,
    len: usize,
    indent: usize,
    bare: bool,
}

/// What a look for the end of a fence finds.
struct Closing {
    line: usize,
    holds_tasks: bool,
}

/// What is known of the openings before a line from a look that found no end: those like the one
/// looked at have none either. It spares looking again, which would be quadratic.
#[derive(Debug, Clone, Copy)]
struct Endless {
    before: usize,
    lengths: (usize, usize),
    indent: usize,
}

impl Endless {
    fn covers(&self, at: usize, open: Fence) -> bool {
        at < self.before && (self.lengths.0..=self.lengths.1).contains(&open.len) && open.indent >= self.indent
    }
}

/// The role of each line.
pub(crate) fn roles(lines: &[&str]) -> Vec<Role> {
    let fences: Vec<Option<Fence>> = lines.iter().map(|line| fence(line)).collect();
    let longest = longest_closers(&fences);
    let mut roles = vec![Role::Outside; lines.len()];
    let mut at = 0;
    // A closed fence that holds tasks is suspect: should a later fence turn out to be unbalanced, the
    // suspect's closing line was really the opening of the next. Few repairs are tried, so that the
    // whole stays linear.
    let mut suspect: Option<usize> = None;
    let mut repairs = 4;
    let mut endless: [Option<Endless>; 2] = [None; 2];
    while at < lines.len() {
        let Some(open) = fences.get(at).copied().flatten() else {
            at += 1;
            continue;
        };
        let known = endless.get(usize::from(open.tilde)).copied().flatten();
        let end = match known {
            Some(endless) if endless.covers(at, open) => Err(None),
            _ => closing(lines, &fences, &longest, at, open),
        };
        match end {
            Ok(end) => {
                if end.holds_tasks && !open.bare && !is_markdown(lines.get(at).copied().unwrap_or_default()) {
                    suspect = suspect.or(Some(at));
                }
                for (i, role) in roles.iter_mut().enumerate().take(end.line + 1).skip(at) {
                    *role = if i == at {
                        Role::Open
                    } else if i == end.line {
                        Role::Close
                    } else {
                        Role::Inside
                    };
                }
                at = end.line + 1;
            }
            Err(found) => {
                if let (Some(slot), Some(_)) = (endless.get_mut(usize::from(open.tilde)), found) {
                    *slot = found;
                }
                let bad = match suspect.take() {
                    Some(earlier) if open.bare && repairs > 0 => {
                        repairs -= 1;
                        earlier
                    }
                    other => {
                        suspect = other;
                        at
                    }
                };
                roles.iter_mut().take(at).skip(bad).for_each(|role| *role = Role::Outside);
                if let Some(role) = roles.get_mut(bad) {
                    *role = Role::Unbalanced;
                }
                at = bad + 1;
            }
        }
    }
    roles
}

/// The language of an opening line, as written.
pub(crate) fn language(line: &str) -> &str {
    line.trim().trim_start_matches(['`', '~']).split_whitespace().next().unwrap_or_default()
}

fn is_markdown(line: &str) -> bool {
    matches!(language(line).to_ascii_lowercase().as_str(), "md" | "markdown" | "text" | "txt")
}

fn fence(line: &str) -> Option<Fence> {
    let (indent, bytes) = text::indent(line);
    let body = line.get(bytes..)?;
    let mark = body.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = body.trim_start_matches(mark);
    let len = body.len() - info.len();
    let tilde = mark == '~';
    if len < 3 || (!tilde && info.contains('`')) {
        return None;
    }
    Some(Fence { tilde, len, indent, bare: info.trim().is_empty() })
}

/// Per line, how long the longest closing fence from there on is, for backticks and for tildes.
fn longest_closers(fences: &[Option<Fence>]) -> Vec<[usize; 2]> {
    let mut longest = vec![[0; 2]; fences.len() + 1];
    let mut best = [0; 2];
    for (i, fence) in fences.iter().enumerate().rev() {
        if let Some(f) = fence.filter(|f| f.bare)
            && let Some(slot) = best.get_mut(usize::from(f.tilde))
        {
            *slot = f.len.max(*slot);
        }
        if let Some(slot) = longest.get_mut(i) {
            *slot = best;
        }
    }
    longest
}

fn closing(
    lines: &[&str],
    fences: &[Option<Fence>],
    longest: &[[usize; 2]],
    at: usize,
    open: Fence,
) -> Result<Closing, Option<Endless>> {
    let best = longest.get(at + 1).and_then(|l| l.get(usize::from(open.tilde))).copied().unwrap_or_default();
    if best < open.len {
        return Err(None);
    }
    let (mut heading, mut holds_tasks) = (None, false);
    // Cut first: to skip in a zip is to walk, which would make every fence cost all that stands before it.
    let below = lines.get(at + 1..).unwrap_or_default().iter().zip(fences.get(at + 1..).unwrap_or_default());
    for (line, (text, fence)) in (at + 1..).zip(below) {
        if let Some(f) = fence.filter(|f| f.tilde == open.tilde && f.len >= open.len) {
            if f.bare {
                return Ok(Closing { line, holds_tasks });
            }
            if let Some(before) = heading {
                return Err(Some(Endless { before, lengths: (open.len, f.len), indent: 0 }));
            }
        }
        let (is_heading, is_box) = (is_heading(text), is_checkbox(text));
        let indent = text::indent(text).0;
        if (is_heading || is_box) && indent < open.indent {
            return Err(Some(Endless { before: line, lengths: (open.len, usize::MAX), indent: indent + 1 }));
        }
        if is_heading {
            heading = Some(line);
        }
        holds_tasks |= is_box || (is_heading && text.contains("Task "));
    }
    Err(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        roles(&lines)
            .into_iter()
            .map(|role| match role {
                Role::Outside => '.',
                Role::Open => '(',
                Role::Inside => '#',
                Role::Close => ')',
                Role::Unbalanced => '!',
            })
            .collect()
    }

    #[test]
    fn a_closed_fence_hides_what_is_in_it() {
        assert_eq!(shape("a\n```sh\n- [ ] x\n```\nb"), ".(#).");
        assert_eq!(shape("~~~\n```\n~~~"), "(#)");
        assert_eq!(shape("````md\n```sh\n```\n````"), "(##)");
    }

    #[test]
    fn a_fence_that_nothing_closes_is_set_aside() {
        assert_eq!(shape("```sh\nx\n## B\n- [ ] y"), "!...");
        assert_eq!(shape("```sh\nx\n\n## B\n```sh\ny\n```"), "!...(#)");
    }

    #[test]
    fn a_closing_line_that_really_opens_the_next_fence_is_recognised_by_what_is_left_over() {
        assert_eq!(shape("```sh\nx\n### Task 2: B\n- [ ] b\n```\ny\n```\nz"), "!...(#).");
    }

    #[test]
    fn a_fence_in_a_list_item_ends_with_the_item() {
        assert_eq!(shape("- a\n  ```sh\n  x\n- [ ] b\n```\ny\n```"), ".!..(#)");
    }

    #[test]
    fn many_unclosed_fences_are_all_set_aside() {
        let many = "```sh\n".repeat(100_000);
        let indented = "  ```sh\n".repeat(100_000);
        for text in [many.clone(), format!("{many}## H\n```sh\n```"), format!("{indented}- [ ] a\n```")] {
            assert!(shape(&text).starts_with("!!!!"));
        }
    }
}
