//! Contents of plan files, packed: whole, or as what differs from the content before, line by line.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Where more lines than this are between the first and the last that differ, all of them count as changed.
const COMPARED: usize = 4_000;

/// A piece of the old text, and what stands there instead.
type Piece = (usize, usize, String);

/// A text as one string without any odd characters.
pub(crate) fn pack(text: &str) -> std::io::Result<String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    Ok(BASE64.encode(encoder.finish()?))
}

/// What was packed; `None`: it was not.
pub(crate) fn unpack(packed: &str) -> Option<String> {
    let bytes = BASE64.decode(packed).ok()?;
    let mut text = String::new();
    DeflateDecoder::new(bytes.as_slice()).read_to_string(&mut text).ok()?;
    Some(text)
}

/// What makes `new` of `old`, as text.
pub(crate) fn difference(old: &str, new: &str) -> String {
    serde_json::to_string(&pieces(old, new)).unwrap_or_default()
}

/// `old` with a [`difference`] applied; `None`: it is not one of this text.
pub(crate) fn applied(old: &str, difference: &str) -> Option<String> {
    let pieces: Vec<Piece> = serde_json::from_str(difference).ok()?;
    let mut text = String::with_capacity(old.len() + difference.len());
    let mut at = 0;
    for (from, to, piece) in pieces {
        text.push_str(old.get(at..from)?);
        text.push_str(&piece);
        at = to;
    }
    text.push_str(old.get(at..)?);
    Some(text)
}

fn pieces(old: &str, new: &str) -> Vec<Piece> {
    let (old_lines, new_lines): (Vec<_>, Vec<_>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let same = old_lines.iter().zip(&new_lines).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old_lines.get(same..).unwrap_or_default(), new_lines.get(same..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let old_middle = old_rest.get(..old_rest.len() - tail).unwrap_or_default();
    let new_middle = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
    let start: usize = old_lines.iter().take(same).map(|line| line.len()).sum();
    let mut offsets = vec![start];
    for line in old_middle {
        offsets.push(offsets.last().copied().unwrap_or_default() + line.len());
    }
    let offset = |line: usize| offsets.get(line).copied().unwrap_or(old.len());
    let piece = |(from, len): (usize, usize), (at, count): (usize, usize)| {
        let lines = new_middle.get(at..at + count).unwrap_or_default();
        (offset(from), offset(from + len), lines.concat())
    };
    if old_middle.is_empty() && new_middle.is_empty() {
        return Vec::new();
    }
    if old_middle.len().max(new_middle.len()) > COMPARED && old_middle.len() != new_middle.len() {
        return vec![piece((0, old_middle.len()), (0, new_middle.len()))];
    }
    if old_middle.len() == new_middle.len() {
        // Lines that were changed where they stand, as ticks are.
        let changed = (0..old_middle.len()).filter(|at| old_middle.get(*at) != new_middle.get(*at));
        let changed: Vec<_> = changed.map(|at| piece((at, 1), (at, 1))).collect();
        if changed.len() * 2 <= old_middle.len() || old_middle.len() > COMPARED {
            return changed;
        }
    }
    let differ = |op: DiffOp| match op {
        DiffOp::Equal { .. } => None,
        DiffOp::Delete { old_index, old_len, new_index } => Some(piece((old_index, old_len), (new_index, 0))),
        DiffOp::Insert { old_index, new_index, new_len } => Some(piece((old_index, 0), (new_index, new_len))),
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            Some(piece((old_index, old_len), (new_index, new_len)))
        }
    };
    capture_diff_slices(Algorithm::Myers, old_middle, new_middle).into_iter().filter_map(differ).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_makes_the_new_text_of_the_old_one() {
        let texts = ["", "a", "a\n", "a\r\nb\n\nc", "a\nc\nb\n", "\u{feff}x\0\u{2028}y\n", "b\nb\nb\na\n"];
        for old in texts {
            for new in texts {
                assert_eq!(applied(old, &difference(old, new)).as_deref(), Some(new), "{old:?} {new:?}");
                assert_eq!(unpack(&pack(new).unwrap()).as_deref(), Some(new));
            }
        }
    }

    #[test]
    fn a_tick_in_two_megabytes_is_a_few_bytes_wherever_it_is_and_so_are_two_far_apart() {
        let old: String = (0..40_000).map(|n| format!("- [ ] {n} A task with a title of some length\n")).collect();
        let new = old.replacen("[ ] 7 ", "[x] 7 ", 1).replacen("[ ] 39999 ", "[x] 39999 ", 1);
        assert!(old.len() > 1_800_000);
        let difference = difference(&old, &new);
        assert!(difference.len() < 200, "{}", difference.len());
        assert_eq!(applied(&old, &difference).unwrap(), new);
    }

    #[test]
    fn what_is_no_difference_of_the_text_is_refused() {
        assert_eq!(applied("ab", "[[1,9,\"x\"]]"), None);
        assert_eq!(applied("ab", "nonsense"), None);
        assert_eq!(unpack("?"), None);
    }
}
