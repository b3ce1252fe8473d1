//! On well-formed documents the line reader sees what a CommonMark parser sees.

use coditect_plan::parse;
use pulldown_cmark::{Event, Options, Parser, Tag};

/// Boxes and headings by the offset of their line, from a CommonMark parser.
fn reference(text: &str) -> (Vec<usize>, Vec<usize>) {
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    let (mut boxes, mut headings) = (Vec::new(), Vec::new());
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TASKLISTS).into_offset_iter() {
        match event {
            Event::TaskListMarker(_) => boxes.push(line(range.start)),
            Event::Start(Tag::Heading { .. }) => headings.push(line(range.start)),
            _ => {}
        }
    }
    (boxes, headings)
}

const DOCUMENT: &str = "\
# Title

## Part

### Task 1: One
- [ ] a
  - [x] b

    1. [ ] c

```sh
- [ ] code
# no heading
```

~~~
## code
~~~

Text, then code:

    - [ ] indented code

### Task 2: Two ###
* [x] d
+ [ ] e

  ````md
  ```
  - [ ] in a longer fence
  ```
  ````
- [ ] f
#no heading
";

#[test]
fn boxes_are_where_a_commonmark_parser_finds_them() {
    let plan = parse("p", DOCUMENT);
    let ours: Vec<usize> = plan.tasks.iter().flat_map(|t| &t.steps).map(|s| s.line).collect();
    assert_eq!(ours, reference(DOCUMENT).0);
}

#[test]
fn heading_tasks_are_where_a_commonmark_parser_finds_headings() {
    let plan = parse("p", DOCUMENT);
    let ours: Vec<usize> = plan.tasks.iter().map(|t| t.line).collect();
    assert_eq!(ours, reference(DOCUMENT).1[2..]);
}

#[test]
fn in_real_plans_all_boxes_of_tasks_are_boxes_of_commonmark() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/plans");
    for name in ["coditect-citus/TASKLIST-WITH-CHECKBOXES.md", "coditect-citus/TASKLIST.md"] {
        let Ok(text) = std::fs::read_to_string(folder.join(name)) else { return };
        let (boxes, _) = reference(&text);
        let boxes: std::collections::HashSet<usize> = boxes.into_iter().collect();
        for task in parse(name, &text).tasks {
            assert!(task.steps.iter().all(|s| boxes.contains(&s.line)), "{name}: {}", task.key);
        }
    }
}
