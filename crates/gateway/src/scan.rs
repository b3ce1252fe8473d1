//! Finds values in JSON that passes by, without keeping it: memory does not grow with the text.
//!
//! A value is named by the keys that lead to it; arrays on the way do not count. So `choices.delta.content` is the
//! content of every choice. What is no JSON finds nothing and harms nothing.

use memchr::memchr2;

/// The longest value that is kept; a longer one is passed over.
const LONGEST_VALUE: usize = 16 * 1024;

/// The longest key that is compared.
const LONGEST_KEY: usize = 48;

/// How deep values are looked for; what is deeper is only counted.
const DEEPEST: usize = 64;

/// A value to look for.
#[derive(Debug)]
pub(crate) struct Wanted<T> {
    /// The keys that lead to it.
    pub(crate) path: &'static [&'static str],
    /// What it is to whoever looks for it.
    pub(crate) what: T,
    /// Only its length in bytes is asked for.
    pub(crate) only_length: bool,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A value, as it stands in the text.
    Value(&'a [u8]),
    /// The length of a value, of which this is the next part.
    Length(u64),
}

/// A container the scanner is in.
#[derive(Debug, Clone, Copy)]
struct Frame {
    is_object: bool,
    /// The wanted whose path leads here, a bit for each.
    live: u32,
    /// How many keys have led here.
    level: usize,
    /// The wanted that the value behind the last key would be on the way to.
    behind_key: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between values.
    Between,
    /// In a string; the last character was a backslash.
    Text { escaped: bool, is_key: bool },
    /// In a number or a word.
    Bare,
}

/// A value that is being taken.
#[derive(Debug)]
struct Taking {
    index: usize,
    /// It has ended when the scanner is back at this depth.
    depth: usize,
    only_length: bool,
    too_long: bool,
}

/// Looks for values in a text that comes in pieces of any size.
#[derive(Debug)]
pub(crate) struct Scanner<T: 'static> {
    wanted: &'static [Wanted<T>],
    frames: Vec<Frame>,
    /// Containers deeper than the frames.
    beyond: usize,
    state: State,
    expects_key: bool,
    key: Vec<u8>,
    key_too_long: bool,
    taking: Option<Taking>,
    taken: Vec<u8>,
}

impl<T: Copy> Scanner<T> {
    /// Looks for these: at most 32.
    pub(crate) fn new(wanted: &'static [Wanted<T>]) -> Self {
        debug_assert!(wanted.len() <= 32, "a bit for each");
        Self {
            wanted,
            frames: Vec::new(),
            beyond: 0,
            state: State::Between,
            expects_key: false,
            key: Vec::new(),
            key_too_long: false,
            taking: None,
            taken: Vec::new(),
        }
    }

    /// Begins anew, with another text.
    pub(crate) fn reset(&mut self) {
        self.frames.clear();
        (self.beyond, self.state, self.expects_key, self.taking) = (0, State::Between, false, None);
        self.key.clear();
        self.taken.clear();
    }

    /// Takes the next piece; tells what it has found.
    pub(crate) fn feed(&mut self, bytes: &[u8], found: &mut impl FnMut(T, Found<'_>)) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let used = match self.state {
                State::Text { escaped: true, is_key } => {
                    self.state = State::Text { escaped: false, is_key };
                    self.keep(rest.get(..1).unwrap_or_default(), is_key, found);
                    1
                }
                State::Text { escaped: false, is_key } => self.text(rest, is_key, found),
                State::Bare if is_bare(byte) => {
                    let length = rest.iter().position(|byte| !is_bare(*byte)).unwrap_or(rest.len());
                    self.take(rest.get(..length).unwrap_or_default(), found);
                    length
                }
                State::Bare => {
                    self.state = State::Between;
                    self.value_ends(found);
                    0
                }
                State::Between => {
                    self.between(byte, found);
                    1
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    /// In a string: goes to its end, or the next backslash.
    fn text(&mut self, rest: &[u8], is_key: bool, found: &mut impl FnMut(T, Found<'_>)) -> usize {
        let Some(at) = memchr2(b'"', b'\\', rest) else {
            self.keep(rest, is_key, found);
            return rest.len();
        };
        self.keep(rest.get(..at).unwrap_or_default(), is_key, found);
        if rest.get(at) == Some(&b'\\') {
            self.keep(b"\\", is_key, found);
            self.state = State::Text { escaped: true, is_key };
        } else {
            self.state = State::Between;
            if is_key {
                self.take(b"\"", found);
                self.key_ends();
            } else {
                self.quote(found);
                self.value_ends(found);
            }
        }
        at + 1
    }

    fn keep(&mut self, piece: &[u8], is_key: bool, found: &mut impl FnMut(T, Found<'_>)) {
        if is_key && !self.key_too_long {
            self.key_too_long = self.key.len() + piece.len() > LONGEST_KEY;
            if !self.key_too_long {
                self.key.extend_from_slice(piece);
            }
        }
        self.take(piece, found);
    }

    /// Adds to what is being taken.
    fn take(&mut self, piece: &[u8], found: &mut impl FnMut(T, Found<'_>)) {
        let Some(taking) = &mut self.taking else { return };
        if taking.only_length {
            if let Some(wanted) = self.wanted.get(taking.index)
                && !piece.is_empty()
            {
                found(wanted.what, Found::Length(piece.len() as u64));
            }
        } else if self.taken.len() + piece.len() > LONGEST_VALUE {
            taking.too_long = true;
        } else {
            self.taken.extend_from_slice(piece);
        }
    }

    /// A quote belongs to a value that is kept, and not to the length of a text.
    fn quote(&mut self, found: &mut impl FnMut(T, Found<'_>)) {
        if self.taking.as_ref().is_some_and(|taking| !taking.only_length) {
            self.take(b"\"", found);
        }
    }

    fn between(&mut self, byte: u8, found: &mut impl FnMut(T, Found<'_>)) {
        match byte {
            b'"' if self.expects_key && self.in_object() => {
                self.take(b"\"", found);
                self.key.clear();
                self.key_too_long = false;
                self.state = State::Text { escaped: false, is_key: true };
            }
            b'"' => {
                self.value_begins();
                self.quote(found);
                self.state = State::Text { escaped: false, is_key: false };
            }
            b'{' | b'[' => {
                self.value_begins();
                self.take(&[byte], found);
                self.open(byte == b'{');
            }
            b'}' | b']' => {
                self.take(&[byte], found);
                if self.beyond > 0 {
                    self.beyond -= 1;
                } else {
                    self.frames.pop();
                }
                self.expects_key = false;
                self.value_ends(found);
            }
            b',' => {
                self.take(b",", found);
                self.expects_key = self.in_object();
            }
            b':' => {
                self.take(b":", found);
                self.expects_key = false;
            }
            byte if is_bare(byte) => {
                self.value_begins();
                self.take(&[byte], found);
                self.state = State::Bare;
            }
            _ => {}
        }
    }

    fn in_object(&self) -> bool {
        self.beyond == 0 && self.frames.last().is_some_and(|frame| frame.is_object)
    }

    fn depth(&self) -> usize {
        self.frames.len() + self.beyond
    }

    /// Which wanted a value that begins now is, or is on the way to, and how many keys have led to it.
    fn here(&self) -> (u32, usize) {
        match self.frames.last() {
            _ if self.beyond > 0 => (0, 0),
            None => (u32::MAX, 0),
            Some(frame) if frame.is_object => (frame.behind_key, frame.level + 1),
            Some(frame) => (frame.live, frame.level),
        }
    }

    fn open(&mut self, is_object: bool) {
        if self.beyond > 0 || self.frames.len() >= DEEPEST {
            self.beyond += 1;
            self.expects_key = false;
            return;
        }
        let (live, level) = self.here();
        self.frames.push(Frame { is_object, live, level, behind_key: 0 });
        self.expects_key = is_object;
    }

    fn key_ends(&mut self) {
        self.expects_key = false;
        let (wanted, key, too_long) = (self.wanted, &self.key, self.key_too_long);
        let Some(frame) = self.frames.last_mut() else { return };
        frame.behind_key = 0;
        if too_long || frame.live == 0 {
            return;
        }
        for (at, wanted) in wanted.iter().enumerate() {
            let leads_on = wanted.path.get(frame.level).is_some_and(|step| step.as_bytes() == key.as_slice());
            if leads_on && frame.live & (1 << at) != 0 {
                frame.behind_key |= 1 << at;
            }
        }
    }

    fn value_begins(&mut self) {
        if self.taking.is_some() {
            return;
        }
        let (live, level) = self.here();
        if live == 0 {
            return;
        }
        let is_it = |(at, wanted): &(usize, &Wanted<T>)| live & (1 << at) != 0 && wanted.path.len() == level;
        if let Some((index, wanted)) = self.wanted.iter().enumerate().find(is_it) {
            self.taken.clear();
            let (depth, only_length) = (self.depth(), wanted.only_length);
            self.taking = Some(Taking { index, depth, only_length, too_long: false });
        }
    }

    fn value_ends(&mut self, found: &mut impl FnMut(T, Found<'_>)) {
        let depth = self.depth();
        let Some(taking) = self.taking.take_if(|taking| depth <= taking.depth) else { return };
        if let Some(wanted) = self.wanted.get(taking.index)
            && !taking.only_length
            && !taking.too_long
        {
            found(wanted.what, Found::Value(&self.taken));
        }
    }
}

/// Part of a number, or of `true`, `false`, `null`.
const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WANTED: &[Wanted<char>] = &[
        Wanted { path: &["usage"], what: 'u', only_length: false },
        Wanted { path: &["message", "usage"], what: 'm', only_length: false },
        Wanted { path: &["model"], what: 'n', only_length: false },
        Wanted { path: &["choices", "delta", "content"], what: 'c', only_length: true },
        Wanted { path: &["parts", "call"], what: 'p', only_length: true },
    ];

    fn found(pieces: &[&[u8]]) -> (Vec<(char, String)>, u64) {
        let (mut values, mut length) = (Vec::new(), 0);
        let mut scanner = Scanner::new(WANTED);
        for piece in pieces {
            scanner.feed(piece, &mut |what, found| match found {
                Found::Value(value) => values.push((what, String::from_utf8_lossy(value).into_owned())),
                Found::Length(more) => length += more,
            });
        }
        (values, length)
    }

    const TEXT: &str = r#" {"model": "a\"b", "x": {"usage": 1, "model": [{"usage":2}]}, "usage" : {"in": [1, {"a":"}"}], "b":null},
        "message":{"usage":{"n":1}}, "choices":[{"delta":{"content":"four"}},{"delta":{"content":"\"é"}}],
        "parts":[{"call":{"a":1}}]} "#;

    #[test]
    fn values_are_found_by_their_path_alone() {
        let (values, length) = found(&[TEXT.as_bytes()]);
        let expected = [
            ('n', r#""a\"b""#.to_owned()),
            ('u', r#"{"in":[1,{"a":"}"}],"b":null}"#.to_owned()),
            ('m', r#"{"n":1}"#.to_owned()),
        ];
        assert_eq!(values, expected);
        assert_eq!(length, 4 + 4 + 7);
        // Numbers, and elements of an array that is the whole text.
        assert_eq!(found(&[br#"[{"usage": 12},{"usage":-1.5e3}]"#]).0, [('u', "12".into()), ('u', "-1.5e3".into())]);
    }

    #[test]
    fn it_does_not_matter_where_the_text_is_cut() {
        let whole = found(&[TEXT.as_bytes()]);
        for at in 0..=TEXT.len() {
            let (a, b) = TEXT.as_bytes().split_at(at);
            assert_eq!(found(&[a, b]), whole, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = TEXT.as_bytes().chunks(1).collect();
        assert_eq!(found(&bytes), whole);
    }

    #[test]
    fn what_is_too_long_or_too_deep_is_passed_over_in_constant_memory() {
        let mut scanner = Scanner::new(WANTED);
        let mut values = Vec::new();
        let mut feed = |scanner: &mut Scanner<char>, bytes: &[u8]| {
            scanner.feed(bytes, &mut |what, found| {
                if let Found::Value(value) = found {
                    values.push((what, value.len()));
                }
            });
        };
        feed(&mut scanner, b"{\"usage\":\"");
        for _ in 0..1_000 {
            feed(&mut scanner, &[b'x'; 1_000]);
        }
        feed(&mut scanner, b"\",\"");
        feed(&mut scanner, &[b'k'; 100_000]);
        feed(&mut scanner, b"\":");
        for _ in 0..10_000 {
            feed(&mut scanner, b"[{\"usage\":");
        }
        feed(&mut scanner, b"1");
        for _ in 0..10_000 {
            feed(&mut scanner, b"}]");
        }
        feed(&mut scanner, b",\"model\":\"m\"}");
        assert!(scanner.taken.capacity() <= 2 * LONGEST_VALUE && scanner.key.capacity() <= 2 * LONGEST_KEY);
        assert!(scanner.frames.capacity() <= 2 * DEEPEST);
        assert_eq!(values, [('n', 3)]);
    }

    proptest! {
        #[test]
        fn anything_is_survived_and_cuts_change_nothing(
            bytes in prop::collection::vec(prop_oneof![
                Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b','), Just(b':'), any::<u8>()
            ], 0..200),
            at in 0_usize..200,
        ) {
            let at = at.min(bytes.len());
            let (a, b) = bytes.split_at(at);
            prop_assert_eq!(found(&[a, b]), found(&[&bytes]));
        }
    }
}
