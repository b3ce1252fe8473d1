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
    while at < lines.len() {
        let Some(open) = fences.get(at).copied().flatten() else {
            at += 1;
            continue;
        };
        match closing(lines, &fences, &longest, at, open) {
            Some(end) => {
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
            None => {
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
                roles.iter_mut().skip(bad).for_each(|role| *role = Role::Outside);
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
) -> Option<Closing> {
    let best = longest.get(at + 1)?.get(usize::from(open.tilde)).copied()?;
    if best < open.len {
        return None;
    }
    let (mut heading, mut holds_tasks) = (false, false);
    for (line, (text, fence)) in lines.iter().zip(fences).enumerate().skip(at + 1) {
        if let Some(f) = fence.filter(|f| f.tilde == open.tilde && f.len >= open.len) {
            if f.bare {
                return Some(Closing { line, holds_tasks });
            }
            if heading {
                return None;
            }
        }
        let (is_heading, is_box) = (is_heading(text), is_checkbox(text));
        if (is_heading || is_box) && text::indent(text).0 < open.indent {
            return None;
        }
        heading |= is_heading;
        holds_tasks |= is_box || (is_heading && text.contains("Task "));
    }
    None
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
    fn many_unclosed_fences_take_linear_time() {
        let text = "```sh\n".repeat(200_000);
        assert!(shape(&text).chars().all(|c| c == '!'));
    }
}
