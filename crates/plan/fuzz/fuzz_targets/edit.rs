//! Setting a status changes that task's status and no other, and no byte outside its splices.

#![no_main]

use coditect_plan::{Format, MarkerStatus, parse_as};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u8, u8, u16, &str)| {
    let (pick, status, which, text) = data;
    let format = Format::ALL[usize::from(pick) % Format::ALL.len()];
    let status = MarkerStatus::ALL[usize::from(status) % MarkerStatus::ALL.len()];
    let before = parse_as(format, "plan", text);
    if before.tasks.is_empty() {
        return;
    }
    let at = usize::from(which) % before.tasks.len();
    let Ok(edit) = before.set_status(text, &before.tasks[at].key, status) else { return };
    let (mut old, mut new) = (0, 0);
    for splice in &edit.splices {
        let same = splice.range.start - old;
        assert_eq!(&text[old..splice.range.start], &edit.text[new..new + same]);
        new += same + splice.text.len();
        old = splice.range.end;
    }
    assert_eq!(&text[old..], &edit.text[new..]);
    let after = parse_as(format, "plan", &edit.text);
    assert_eq!(after.tasks.len(), before.tasks.len());
    for (other, (was, is)) in before.tasks.iter().zip(&after.tasks).enumerate() {
        assert_eq!(was.key, is.key);
        assert!(other == at || was.status == is.status);
    }
});
