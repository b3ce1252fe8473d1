//! Pictures of a small plan, to the letter.

#![allow(missing_docs)]

use coditect_graph::render::{Format, render};
use coditect_graph::{Edge, EdgeKind, Graph, Node, NodeState};

fn small() -> Graph {
    let node = |id: &str, title: &str, section: &str, order| Node {
        title: title.to_owned(),
        section: if section.is_empty() { Vec::new() } else { vec![section.to_owned(), "inner".to_owned()] },
        order,
        ..Node::new(id)
    };
    let nodes = [
        Node { state: NodeState::Met, ..node("1.1", "Set \"up\"\nnow", "Phase [1]", 0) },
        node("1.2", "Build", "Phase [1]", 1),
        Node { dangling: vec!["9.9".to_owned()], ..node("2.1", "Ship", "Phase 2", 2) },
        Node { state: NodeState::Blocking, ..node("x", "", "", 3) },
    ];
    let edges = [
        Edge::blocks("1.2", "1.1"),
        Edge::blocks("2.1", "1.2"),
        Edge { kind: EdgeKind::Informs, ..Edge::blocks("x", "1.1") },
        Edge { kind: EdgeKind::Relates, ..Edge::blocks("x", "2.1") },
    ];
    Graph::build(nodes, edges)
}

#[test]
fn mermaid_groups_colours_and_marks_the_critical_path() {
    let expected = r##"flowchart LR
  subgraph s0["Phase #91;1#93;"]
    n0["1.1: Set #34;up#34; now"]:::met
    n1["1.2: Build"]:::ready
  end
  subgraph s1["Phase 2"]
    n2["2.1: Ship (missing: 9.9)"]:::waiting
  end
  n3["x"]:::blocking
  n0 --> n1
  n1 ==> n2
  n0 -.-> n3
  n2 -.- n3
  classDef met fill:#d7f0dd,stroke:#2e7d32,color:#12391a
  classDef ready fill:#1e6fd9,stroke:#0b3d82,color:#ffffff
  classDef waiting fill:#f2f2f2,stroke:#8a8a8a,color:#333333
  classDef blocking fill:#a61b1b,stroke:#5c0d0d,color:#ffffff
  classDef critical stroke:#d97706,stroke-width:4px
  class n1,n2 critical
"##;
    assert_eq!(render(&small(), Format::Mermaid), expected);
}

#[test]
fn dot_groups_colours_and_marks_the_critical_path() {
    let dot = render(&small(), Format::Dot);
    for line in [
        "  subgraph cluster_0 {\n    label=\"Phase [1]\";\n",
        "    n0 [label=\"1.1: Set \\\"up\\\" now\", fillcolor=\"#d7f0dd\", color=\"#2e7d32\", fontcolor=\"#12391a\", penwidth=1];\n",
        "    n1 [label=\"1.2: Build\", fillcolor=\"#1e6fd9\", color=\"#d97706\", fontcolor=\"#ffffff\", penwidth=3];\n",
        "  n1 -> n2 [color=\"#d97706\", penwidth=3];\n",
        "  n2 -> n3 [style=dotted, dir=none, constraint=false];\n",
    ] {
        assert!(dot.contains(line), "{line} in {dot}");
    }
    assert_eq!(dot.matches('{').count(), dot.matches('}').count());
}

#[test]
fn json_holds_all_that_the_pictures_show() {
    let json: serde_json::Value = serde_json::from_str(&render(&small(), Format::Json)).unwrap();
    assert_eq!(json["groups"][0]["title"], "Phase [1]");
    assert_eq!(json["groups"][2]["title"], serde_json::Value::Null);
    let build = &json["groups"][0]["tasks"][1];
    assert_eq!((&build["state"], &build["rank"], &build["critical"]), (&"ready".into(), &120.into(), &true.into()));
    assert_eq!(json["edges"][1], serde_json::json!({"from": "1.2", "to": "2.1", "kind": "blocks", "critical": true}));
    assert_eq!(json["critical_path"], serde_json::json!(["1.2", "2.1"]));
    assert_eq!(json["summary"]["total"], 4);
}

#[test]
fn an_empty_graph_is_an_empty_picture() {
    assert!(render(&Graph::default(), Format::Mermaid).starts_with("flowchart LR\n"));
    assert!(render(&Graph::default(), Format::Dot).ends_with("}\n"));
    assert_eq!("DOT".parse(), Ok(Format::Dot));
    assert!("png".parse::<Format>().is_err());
}
