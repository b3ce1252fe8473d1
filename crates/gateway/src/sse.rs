//! Cuts a stream of server-sent events into the data of each, as it passes by.
//!
//! By <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>: lines end with CR, LF or both;
//! a line that begins with `data:` carries data; an empty line ends the event.

/// What comes of a piece of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// More of an event's data.
    Data(&'a [u8]),
    /// The event has ended.
    End,
}

/// What a line is, as far as it has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// So many characters of it, all of them of the word `data:`.
    Begun(usize),
    /// Data.
    Data,
    /// Anything else.
    Other,
}

/// A stream that is being cut.
#[derive(Debug)]
pub(crate) struct Events {
    line: Line,
    after_cr: bool,
}

const FIELD: &[u8] = b"data:";

impl Default for Events {
    fn default() -> Self {
        Self { line: Line::Begun(0), after_cr: false }
    }
}

impl Events {
    /// Takes the next piece.
    pub(crate) fn feed(&mut self, bytes: &[u8], part: &mut impl FnMut(Part<'_>)) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if byte == b'\n' || byte == b'\r' {
                let second_of_two = byte == b'\n' && self.after_cr;
                self.after_cr = byte == b'\r';
                if !second_of_two {
                    match self.line {
                        Line::Begun(0) => part(Part::End),
                        Line::Data => part(Part::Data(b"\n")),
                        Line::Begun(_) | Line::Other => {}
                    }
                    self.line = Line::Begun(0);
                }
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            self.after_cr = false;
            let used = match self.line {
                Line::Begun(read) => {
                    self.line = match FIELD.get(read) {
                        Some(expected) if *expected == byte && read + 1 == FIELD.len() => Line::Data,
                        Some(expected) if *expected == byte => Line::Begun(read + 1),
                        _ => Line::Other,
                    };
                    1
                }
                Line::Data | Line::Other => {
                    let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                    if self.line == Line::Data {
                        part(Part::Data(rest.get(..length).unwrap_or_default()));
                    }
                    length
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<String> {
        let (mut events, mut data) = (Vec::new(), Vec::new());
        let mut stream = Events::default();
        for piece in pieces {
            stream.feed(piece, &mut |part| match part {
                Part::Data(more) => data.extend_from_slice(more),
                Part::End => {
                    let event = std::mem::take(&mut data);
                    if !event.is_empty() {
                        events.push(String::from_utf8_lossy(&event).trim().to_owned());
                    }
                }
            });
        }
        events
    }

    #[test]
    fn events_are_the_same_wherever_the_stream_is_cut() {
        for end in ["\n", "\r\n", "\r"] {
            let text = "event: a\ndata: {\"x\": 1}\nid: 7\n\n: comment\ndata:one\ndata: two\n\ndatum: no\n\n"
                .replace('\n', end);
            let expected = ["{\"x\": 1}", "one\n two"];
            assert_eq!(cut(&[text.as_bytes()]), expected, "{end:?}");
            for at in 0..=text.len() {
                let (a, b) = text.as_bytes().split_at(at);
                assert_eq!(cut(&[a, b]), expected, "{end:?} cut at {at}");
            }
        }
    }
}
