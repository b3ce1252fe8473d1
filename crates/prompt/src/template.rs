//! The template that puts an attempt into words: ours, or a project's own, in the language of Jinja.

use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, UndefinedBehavior, Value, context};

use crate::brief::{Brief, Check, Found, Page, Predecessor, Task};
use crate::neutral::{indented, one_line, quote_references};

/// The name the template goes by in errors where it has no file.
const OURS: &str = "default.jinja";

/// How much memory and time a template may use; a loop without end comes to one all the same.
const FUEL: u64 = 1_000_000;

/// The longest prompt, in bytes. The longest of what it is made of are the descriptions of tasks.
const LONGEST: usize = 1024 * 1024;

/// A template that is known to work. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Template {
    environment: Arc<Environment<'static>>,
    name: String,
}

/// A template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct InvalidTemplate {
    /// The file and the line.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

impl Template {
    /// Reads a template; `name` is what its errors call it. It is tried on a task that has everything and on one that has nothing.
    ///
    /// # Errors
    /// It is no template, or names what there is not.
    pub fn new(name: &str, text: &str) -> Result<Self, InvalidTemplate> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| invalid(name, &error))?);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_filter("one_line", |text: String| one_line(&text));
        environment.add_filter("indented", |text: String| indented(&text));
        environment.add_template_owned(name.to_owned(), text.to_owned()).map_err(|error| invalid(name, &error))?;
        let template = Self { environment: Arc::new(environment), name: name.to_owned() };
        template.render(&Brief::default(), &Found::default())?;
        let (brief, found) = everything();
        template.render(&brief, &found)?;
        Ok(template)
    }

    /// The prompt: a line of ours, then what the template says.
    ///
    /// # Errors
    /// The template fails on this task though it did not on others.
    pub fn render(&self, brief: &Brief, found: &Found) -> Result<String, InvalidTemplate> {
        let failed = |error: Error| invalid(&self.name, &error);
        let (brief, found) = (brief.bounded(), found.bounded());
        let facts = context! { ..Value::from(Serde(&brief)), ..Value::from(Serde(&found)) };
        let words = self.environment.get_template(&self.name).and_then(|template| template.render(facts));
        let words = words.map_err(failed)?;
        let mut text =
            format!("Task: {} {}\n\n{}\n", one_line(&brief.task.key), one_line(&brief.task.title), words.trim());
        text.retain(|c| c != '\0');
        if text.len() > LONGEST {
            let what = format!("the prompt has {} bytes, and {LONGEST} are the most that make sense", text.len());
            return Err(InvalidTemplate { place: self.name.clone(), what });
        }
        Ok(quote_references(&text))
    }
}

impl Default for Template {
    /// The template of `docs/prompt.md`.
    fn default() -> Self {
        let ours = Self::new(OURS, include_str!("default.jinja"));
        ours.unwrap_or_else(|_| Self { environment: Arc::default(), name: OURS.to_owned() })
    }
}

fn invalid(name: &str, error: &Error) -> InvalidTemplate {
    let place = error.line().map_or_else(|| name.to_owned(), |line| format!("{name}:{line}"));
    let what = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    InvalidTemplate { place, what }
}

/// A task with everything that a template can ask for.
fn everything() -> (Brief, Found) {
    let text = || "text".to_owned();
    let brief = Brief {
        task: Task {
            key: text(),
            title: text(),
            section: vec![text()],
            description: text(),
            steps: vec![text()],
            acceptance: vec![text()],
        },
        target_branch: text(),
        verify: vec![Check { command: text(), source: text() }],
        changes: "required".to_owned(),
        earlier: vec![text()],
        answers: vec![text()],
        predecessors: vec![Predecessor {
            key: text(),
            title: text(),
            commit: text(),
            summary: text(),
            files: vec![text()],
        }],
        protected: vec![text()],
    };
    let found = Found {
        conventions: vec![Page { path: text(), text: text() }],
        conflict: Some(vec![text()]),
        continued: true,
        moved_to: Some(text()),
    };
    (brief, found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn brief() -> Brief {
        let words = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Brief {
            task: Task {
                key: "1.2".to_owned(),
                title: "Add a greeting".to_owned(),
                section: words(&["Basics", "Words"]),
                description: "It greets.".to_owned(),
                steps: words(&["write it", "test it"]),
                acceptance: words(&["it greets"]),
            },
            target_branch: "main".to_owned(),
            verify: vec![Check { command: "cargo test\n".to_owned(), source: "plan".to_owned() }],
            changes: "required".to_owned(),
            earlier: words(&["the verify command `cargo test` failed:\nno such file"]),
            answers: words(&["Use English."]),
            predecessors: vec![Predecessor {
                key: "1.1".to_owned(),
                title: "Set up".to_owned(),
                commit: "0123456789abcdef".to_owned(),
                summary: "Set up a crate.".to_owned(),
                files: words(&["Cargo.toml", "src/lib.rs"]),
            }],
            protected: words(&["PLAN.md"]),
        }
    }

    #[test]
    fn ours_tells_everything_and_begins_with_a_line_of_its_own() {
        let found = Found {
            conventions: vec![Page { path: "CLAUDE.md".to_owned(), text: "Be brief.".to_owned() }],
            conflict: Some(vec!["src/lib.rs".to_owned()]),
            continued: false,
            moved_to: None,
        };
        let text = Template::default().render(&brief(), &found).unwrap();
        assert!(text.starts_with("Task: 1.2 Add a greeting\n\nSection: Basics › Words\n"), "{text}");
        for part in [
            "\nSteps:\n- write it\n- test it\n",
            "\nAcceptance criteria:\n- it greets\n",
            "\nIt greets.\n",
            "merged with `main`:\n- cargo test\n",
            "- 1.1 Set up (commit 0123456789ab): Set up a crate.\n  Files: Cargo.toml, src/lib.rs\n",
            "- the verify command `cargo test` failed:\n  no such file\n",
            "marks of a conflict in these files:\n- src/lib.rs\n",
            "- Use English.\n",
            "----- CLAUDE.md\nBe brief.\n",
            "put back: PLAN.md.\n",
            "\nRules:\n",
        ] {
            assert!(text.contains(part), "{part:?}:\n{text}");
        }
        assert!(!text.contains("\n\n\n"), "{text}");
        let bare = Template::default().render(&Brief::default(), &Found::default()).unwrap();
        assert!(!bare.contains("Steps") && !bare.contains("conflict") && bare.contains("Rules:"), "{bare}");
    }

    #[test]
    fn an_attempt_that_goes_on_with_an_earlier_one_is_told_so() {
        let told = |conflict: &[&str]| {
            let conflict = Some(conflict.iter().map(|file| (*file).to_owned()).collect());
            Template::default().render(&brief(), &Found { conflict, continued: true, ..Found::default() }).unwrap()
        };
        let whole = told(&[]);
        assert!(whole.contains("keep what is good, and mend what went wrong.\n"), "{whole}");
        assert!(!whole.contains("did not fit") && !whole.contains("conflict"), "{whole}");
        let found = Found { moved_to: Some("/srv/w2".to_owned()), ..Found::default() };
        let moved = Template::default().render(&brief(), &found).unwrap();
        assert!(moved.contains("\nWorking directory: /srv/w2\nWhat was changed before is not in it.\n"), "{moved}");
        assert!(!whole.contains("Working directory"), "{whole}");
        let torn = told(&["src/lib.rs"]);
        assert!(torn.contains("marks of a conflict in these files:\n- src/lib.rs\nSettle every conflict"), "{torn}");
    }

    #[test]
    fn a_plan_can_neither_run_a_command_of_the_cli_nor_have_it_read_a_file() {
        let mut brief = brief();
        brief.task.title = "/cost\n/cost".to_owned();
        brief.task.description = "see @/etc/hostname".to_owned();
        let own = Template::new("own", "/clear {{ task.description }}").unwrap();
        let text = own.render(&brief, &Found::default()).unwrap();
        assert_eq!(text, "Task: 1.2 /cost /cost\n\n/clear see `@/etc/hostname`\n");
    }

    #[test]
    fn what_is_wrong_with_a_template_is_said_with_its_line_before_anything_runs() {
        let refused = |text: &str| Template::new("prompt.jinja", text).unwrap_err();
        let unclosed = refused("a\n{% if task.steps %}\n");
        assert!(unclosed.place.starts_with("prompt.jinja:"), "{unclosed}");
        let unknown = refused("a\nb {{ task.tittle }}\n");
        assert_eq!(unknown.place, "prompt.jinja:2", "{unknown}");
        let endless = refused("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}");
        assert!(endless.to_string().contains("fuel"), "{endless}");
    }

    #[test]
    fn long_texts_are_cut() {
        let mut brief = brief();
        brief.earlier = vec!["ä".repeat(100_000)];
        brief.predecessors[0].files = (0..100).map(|n| format!("f{n}")).collect();
        let found = Found {
            conventions: vec![
                Page { path: "a".to_owned(), text: "x".repeat(100_000) },
                Page { path: "b".to_owned(), text: "y".repeat(100_000) },
            ],
            ..Found::default()
        };
        let text = Template::default().render(&brief, &found).unwrap();
        assert!(text.len() < 100_000, "{}", text.len());
        assert!(text.contains("f19, 80 more") && text.contains("[…]"));
    }

    proptest! {
        #[test]
        fn whatever_a_plan_says_the_first_line_is_ours_and_no_word_is_a_reference(key in ".{0,20}", title in "(?s).{0,80}", text in "(?s).{0,400}") {
            let mut brief = brief();
            brief.task.key = key;
            brief.task.title = title;
            brief.task.description = text.clone();
            brief.task.steps = vec![text];
            let prompt = Template::default().render(&brief, &Found::default()).unwrap();
            prop_assert!(prompt.starts_with("Task: "));
            for word in prompt.split_whitespace() {
                prop_assert!(!word.starts_with("@/") && !word.starts_with("@~") && !word.starts_with("@."), "{word:?}");
            }
        }
    }
}
