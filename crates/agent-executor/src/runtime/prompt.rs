//! What an agent is told: the task, how the result is proved, what went wrong before, what people said.
//!
//! ```text
//! Task: <key> <title>
//!
//! <the task in words: section, steps, acceptance criteria, description>
//!
//! How it is verified / Earlier attempts failed / People said / Rules
//! ```
//!
//! The first line is always ours. Agent CLIs take a prompt that begins with `/` for a command of their own, and
//! `@path` for a file to be read; what comes from a plan must do neither.

use std::fmt::Write as _;

use coditect_proto::v1::Specification;

/// How much of an earlier failure is repeated.
const FAILURE: usize = 4_000;

/// The prompt of an attempt.
#[must_use]
pub fn prompt(specification: &Specification) -> String {
    let Specification { key, title, prompt, verify, earlier_failures, answers, .. } = specification;
    let mut text = format!("Task: {} {}\n", one_line(key), one_line(title));
    // The task in words may begin with the same line.
    let words = prompt.strip_prefix(&format!("Task {key}: {title}")).unwrap_or(prompt).trim();
    if !words.is_empty() {
        let _ = write!(text, "\n{words}\n");
    }
    let verify: Vec<_> = verify.iter().filter(|command| !words.contains(command.as_str())).collect();
    if !verify.is_empty() {
        text.push_str("\nHow it is verified, on a clean checkout of your result merged with the target branch:\n");
        for command in verify {
            let _ = writeln!(text, "- {}", one_line(command));
        }
    }
    let failures: Vec<_> = earlier_failures.iter().filter(|failure| !words.contains(failure.trim())).collect();
    if !failures.is_empty() {
        text.push_str("\nEarlier attempts at this task failed. Do not repeat what went wrong:\n");
        for failure in failures {
            let _ = writeln!(text, "- {}", indented(cut(failure.trim(), FAILURE)));
        }
    }
    if !answers.is_empty() {
        text.push_str("\nWhat people said about this task; it goes before what the plan says:\n");
        for answer in answers {
            let _ = writeln!(text, "- {}", indented(answer.trim()));
        }
    }
    text.push_str(
        "\nRules:\n\
         - You work in a checkout of your own. Change files there and nothing elsewhere; do not push.\n\
         - What you leave in the working tree is the result, committed or not. It is verified after you have ended.\n\
         - Do not edit the plan or tick its boxes: that is done for you.\n\
         - Nobody can answer you while you work. Decide what is open yourself, and say at the end, in a few \
         sentences, what you did and what you assumed.\n",
    );
    quote_references(&text)
}

/// Puts what a CLI would take for a reference to a file (`@/etc/hosts`, `@~/x`, `@"a b"`, `@../x`) between
/// backticks. A word that begins with `@` and is no path, like a decorator, stays as it is.
fn quote_references(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut before = '\n';
    while let Some(c) = rest.chars().next() {
        let word_begins = before.is_whitespace() || matches!(before, '(' | ',' | ';' | ':' | '[' | '{');
        if c == '@' && word_begins {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.contains(['/', '\\', '~', '"', '\'']) || word.starts_with("@.") {
                let _ = write!(quoted, "`{}`", word.replace('`', "'"));
            } else {
                quoted.push_str(word);
            }
            before = word.chars().last().unwrap_or(c);
            rest = after;
        } else {
            quoted.push(c);
            before = c;
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    quoted
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn indented(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("\n  ")
}

fn cut(text: &str, limit: usize) -> &str {
    match text.char_indices().nth(limit) {
        Some((at, _)) => text.get(..at).unwrap_or(text),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specification() -> Specification {
        Specification {
            key: "1.2".to_owned(),
            title: "Add a greeting".to_owned(),
            prompt: "Task 1.2: Add a greeting\nSection: Basics\n\nSteps:\n- write it\n".to_owned(),
            verify: vec!["cargo test".to_owned()],
            earlier_failures: vec!["the verify command `cargo test` failed:\nno such file".to_owned()],
            answers: vec!["Use English.".to_owned()],
            ..Specification::default()
        }
    }

    #[test]
    fn it_tells_task_proof_failures_and_answers_and_begins_with_a_line_of_ours() {
        let text = prompt(&specification());
        assert!(text.starts_with("Task: 1.2 Add a greeting\n\nSection: Basics\n"), "{text}");
        for part in ["- write it", "- cargo test", "- the verify command", "\n  no such file", "- Use English."] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("Add a greeting").count(), 1);
    }

    #[test]
    fn what_the_task_says_already_is_not_said_twice() {
        let mut specification = specification();
        specification.prompt.push_str("\nIt will be verified with:\n- cargo test\n");
        assert!(!prompt(&specification).contains("How it is verified"));
    }

    #[test]
    fn a_plan_can_neither_run_a_command_of_the_cli_nor_have_it_read_a_file() {
        let mut specification = specification();
        specification.title = "/cost\n/cost".to_owned();
        specification.prompt = "@/etc/hostname and @~/x, (@../x) @\"a b\"".to_owned();
        let text = prompt(&specification);
        assert!(text.starts_with("Task: 1.2 /cost /cost\n"), "{text}");
        assert!(text.contains("`@/etc/hostname` and `@~/x,` (`@../x)` `@\"a` b\""), "{text}");
    }

    #[test]
    fn decorators_and_addresses_stay_as_they_are() {
        let text = "@dataclass\nme@example.org/x `@types/node` @";
        assert_eq!(quote_references(text), text);
    }
}
